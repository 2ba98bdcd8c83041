//! One WebSocket frame, RFC 6455 section 5.2, with nothing checked: tests send wrong ones on purpose.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The masking key of RFC 6455's own examples; a fixed one keeps the bytes of a test the same in every run.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A WebSocket frame as it is on the wire.
///
/// Start from a constructor and change what the test is about:
///
/// ```
/// use testkit::Frame;
/// let unmasked = Frame { masked: false, ..Frame::text("40") };
/// let first_fragment = Frame { fin: false, ..Frame::text("4") };
/// # let _ = (unmasked, first_fragment);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The last fragment of its message.
    pub fin: bool,
    /// The three reserved bits, 0 to 7.
    pub rsv: u8,
    /// 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong; others are reserved.
    pub opcode: u8,
    /// Whether the payload travels masked, as a client's must and a server's must not.
    pub masked: bool,
    /// The payload, not masked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Opcode of a continuation frame.
    pub const CONTINUATION: u8 = 0;
    /// Opcode of a text frame.
    pub const TEXT: u8 = 1;
    /// Opcode of a binary frame.
    pub const BINARY: u8 = 2;
    /// Opcode of a close frame.
    pub const CLOSE: u8 = 8;
    /// Opcode of a ping frame.
    pub const PING: u8 = 9;
    /// Opcode of a pong frame.
    pub const PONG: u8 = 10;

    /// A final, masked frame.
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            fin: true,
            rsv: 0,
            opcode,
            masked: true,
            payload: payload.into(),
        }
    }

    /// A text message in one frame.
    pub fn text(payload: impl Into<String>) -> Self {
        Self::new(Self::TEXT, payload.into())
    }

    /// A binary message in one frame.
    pub fn binary(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(Self::BINARY, payload)
    }

    /// A close frame with a status code and no reason.
    pub fn close(code: u16) -> Self {
        Self::new(Self::CLOSE, code.to_be_bytes())
    }

    /// The bytes of this frame.
    pub fn encode(&self) -> Vec<u8> {
        let len = self.payload.len();
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let mask_bit = u8::from(self.masked) << 7;
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(len @ 0..=125), _) => bytes.push(mask_bit | len),
            (_, Ok(len)) => {
                bytes.push(mask_bit | 126);
                bytes.extend(len.to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend(MASK);
            bytes.extend(
                self.payload
                    .iter()
                    .zip(MASK.iter().cycle())
                    .map(|(byte, key)| byte ^ key),
            );
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }

    /// Reads one frame; `None` when the stream ends before its first byte.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let first = match stream.read_u8().await {
            Ok(byte) => byte,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        let second = stream.read_u8().await?;
        let len = match second & 0x7f {
            126 => u64::from(stream.read_u16().await?),
            127 => stream.read_u64().await?,
            len => u64::from(len),
        };
        let masked = second & 0x80 != 0;
        let mut mask = [0; 4];
        if masked {
            stream.read_exact(&mut mask).await?;
        }
        let mut payload = Vec::new();
        let got = stream.take(len).read_to_end(&mut payload).await?;
        if got as u64 != len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        Ok(Some(Self {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: first & 0x0f,
            masked,
            payload,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_the_examples_of_rfc_6455_section_5_7() {
        let unmasked = Frame {
            masked: false,
            ..Frame::text("Hello")
        };
        assert_eq!(unmasked.encode(), b"\x81\x05Hello");
        assert_eq!(
            Frame::text("Hello").encode(),
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
        );
        let long = Frame {
            masked: false,
            ..Frame::binary(vec![0; 256])
        };
        assert_eq!(long.encode()[..4], *b"\x82\x7e\x01\x00");
        let longer = Frame {
            masked: false,
            ..Frame::binary(vec![0; 65536])
        };
        assert_eq!(longer.encode()[..10], *b"\x82\x7f\0\0\0\0\0\x01\0\0");
    }

    #[tokio::test]
    async fn reads_what_it_encodes() {
        for len in [0, 1, 125, 126, 65535, 65536] {
            let frame = Frame {
                fin: false,
                rsv: 5,
                ..Frame::binary(vec![7; len])
            };
            let bytes = frame.encode();
            let mut stream = bytes.as_slice();
            assert_eq!(Frame::read(&mut stream).await.unwrap(), Some(frame));
            assert_eq!(Frame::read(&mut stream).await.unwrap(), None);
        }
    }
}
