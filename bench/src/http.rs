//! The head of an HTTP/1.1 message: a start line and headers.

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

#[cfg(test)]
mod tests {
    use super::*;

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
