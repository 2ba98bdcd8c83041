//! HTTP/1.1 messages, as far as a load needs them.

use std::borrow::Cow;

/// The head that some bytes start with.
#[derive(Debug)]
pub struct Head<'a> {
    /// How many bytes it takes, with the empty line that ends it.
    pub len: usize,
    text: Cow<'a, str>,
}

impl<'a> Head<'a> {
    /// The head that `bytes` start with; none as long as its end is missing.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        Some(Self {
            len: end + 4,
            text: String::from_utf8_lossy(&bytes[..end]),
        })
    }

    /// The request line or status line.
    pub fn start_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// A header's value; its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body's length by its header; 0 without one.
    pub fn content_length(&self) -> usize {
        let length = self.header("content-length");
        length.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// A whole response that some bytes start with.
#[derive(Debug)]
pub struct Response<'a> {
    /// How many bytes it takes.
    pub len: usize,
    /// What it carries.
    pub body: Cow<'a, [u8]>,
    head: Head<'a>,
}

impl<'a> Response<'a> {
    /// The response that `bytes` start with; none as long as some of it is missing.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let head = Head::decode(bytes)?;
        let rest = &bytes[head.len..];
        let (body, len) = match head.header("transfer-encoding") {
            Some(_) => chunks(rest).map(|(body, len)| (Cow::Owned(body), len))?,
            None => {
                let len = head.content_length();
                (Cow::Borrowed(rest.get(..len)?), len)
            }
        };
        let len = head.len + len;
        Some(Self { len, body, head })
    }

    /// Whether its status is 200.
    pub fn is_ok(&self) -> bool {
        self.head.start_line().starts_with("HTTP/1.1 200")
    }
}

/// A body in chunks, without trailers (RFC 9112, section 7.1), and how many bytes it took.
fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut used) = (Vec::new(), 0);
    loop {
        let line = bytes[used..].windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[used..used + line]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        let start = used + line + 2;
        body.extend_from_slice(bytes.get(start..start + size)?);
        used = start + size + 2;
        if used > bytes.len() {
            return None;
        }
        if size == 0 {
            return Some((body, used));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_with_its_body() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n2\x1e4hi"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n2\x1e4\r\n2\r\nhi\r\n0\r\n\r\n",
        ] {
            let response = Response::decode(bytes).unwrap();
            assert_eq!((response.len, &*response.body), (bytes.len(), &b"2\x1e4hi"[..]));
            assert!(response.is_ok());
            for end in 0..bytes.len() {
                assert!(Response::decode(&bytes[..end]).is_none(), "{end}");
            }
        }
    }

    #[test]
    fn a_head_is_read_up_to_its_empty_line() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nA:b\r\n\r\n{\"ok\":true}";
        let head = Head::decode(bytes).unwrap();
        assert_eq!(head.start_line(), "HTTP/1.1 200 OK");
        assert_eq!(head.content_length(), 12);
        assert_eq!(head.header("a"), Some("b"));
        assert_eq!(&bytes[head.len..], b"{\"ok\":true}");
        assert!(Head::decode(&bytes[..head.len - 1]).is_none());
    }
}
