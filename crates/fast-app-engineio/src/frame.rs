//! The unit of sending: one message, encoded once, shared by every receiver.

use std::sync::Arc;

use soketto::base::{Codec, Header, OpCode};

/// The longest header of an unmasked WebSocket frame (RFC 6455, section 5.2).
const HEADROOM: usize = 10;

/// What a frame takes in memory beside its bytes, about: a short one that nobody shares is mostly this.
pub(crate) const OVERHEAD: usize = 64;

/// One message as one WebSocket frame, ready to be written.
///
/// Frames of a server are unmasked (RFC 6455, section 5.1), so every socket gets the same bytes and a clone costs a
/// reference count. The polling transport takes the part behind the header.
///
/// A frame is as long as a pointer: what waits for thousands of clients is written to memory that is in no cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Arc<Encoded>);

#[derive(Debug, PartialEq, Eq)]
struct Encoded {
    buffer: Vec<u8>,
    /// Where the frame begins; what is before it is the rest of the room for the header.
    start: usize,
}

impl Frame {
    /// A text message: `write` appends its text to a buffer that has room for `capacity` bytes.
    ///
    /// ```
    /// # use fast_app_engineio::Frame;
    /// let frame = Frame::message(16, |text| text.push_str("2[\"hi\"]"));
    /// assert_eq!(frame.as_bytes(), b"\x81\x0842[\"hi\"]");
    /// ```
    pub fn message(capacity: usize, write: impl FnOnce(&mut String)) -> Self {
        Self::packet(capacity + 1, |text| {
            text.push('4');
            write(text);
        })
    }

    /// A binary message.
    pub fn binary(payload: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(HEADROOM + payload.len());
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(payload);
        Self::finish(buffer, OpCode::Binary)
    }

    /// The frame as it is written to a WebSocket.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.buffer[self.0.start..]
    }

    /// Bytes that are written as they are, in front of the first frame.
    pub(crate) fn raw(bytes: &[u8]) -> Self {
        Self(Arc::new(Encoded {
            buffer: bytes.to_vec(),
            start: 0,
        }))
    }

    /// An Engine.IO packet that is no message, such as `2` or `3probe`.
    pub(crate) fn control(packet: &str) -> Self {
        Self::packet(packet.len(), |text| text.push_str(packet))
    }

    /// A WebSocket pong, for a ping with this payload.
    pub(crate) fn pong(payload: &[u8]) -> Self {
        let mut buffer = vec![0; HEADROOM];
        buffer.extend_from_slice(payload);
        Self::finish(buffer, OpCode::Pong)
    }

    /// A WebSocket close. Code and reason are always ours: nothing that a client sent is echoed.
    pub(crate) fn close(code: u16, reason: &str) -> Self {
        let mut buffer = vec![0; HEADROOM];
        buffer.extend_from_slice(&code.to_be_bytes());
        buffer.extend_from_slice(reason.as_bytes());
        Self::finish(buffer, OpCode::Close)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.buffer.len() - self.0.start
    }

    /// The part behind the WebSocket header.
    pub(crate) fn payload(&self) -> &[u8] {
        let bytes = self.as_bytes();
        let header = match bytes[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        &bytes[header..]
    }

    /// What kind of frame this is.
    pub(crate) fn kind(&self) -> Kind {
        match self.as_bytes()[0] & 0x0f {
            1 => Kind::Text,
            2 => Kind::Binary,
            _ => Kind::Control,
        }
    }

    fn packet(capacity: usize, write: impl FnOnce(&mut String)) -> Self {
        let mut text = String::with_capacity(HEADROOM + capacity);
        text.extend(std::iter::repeat_n('\0', HEADROOM));
        write(&mut text);
        Self::finish(text.into_bytes(), OpCode::Text)
    }

    /// Puts the header into the end of the headroom and takes what follows from there.
    fn finish(mut buffer: Vec<u8>, opcode: OpCode) -> Self {
        let mut header = Header::new(opcode);
        header
            .set_fin(true)
            .set_payload_len(buffer.len() - HEADROOM);
        let mut codec = Codec::new();
        let header = codec.encode_header(&header);
        let start = HEADROOM - header.len();
        buffer[start..HEADROOM].copy_from_slice(header);
        Self(Arc::new(Encoded { buffer, start }))
    }
}

/// What the polling transport needs to know of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
    /// A control frame of WebSocket itself: polling leaves it out.
    Control,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_grows_with_the_payload() {
        for (length, header) in [
            (0, vec![0x82, 0]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (65_535, vec![0x82, 126, 0xff, 0xff]),
            (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; length];
            let frame = Frame::binary(&payload);
            assert_eq!(frame.as_bytes()[..header.len()], header, "{length}");
            assert_eq!(frame.payload(), payload, "{length}");
        }
    }

    #[test]
    fn a_control_packet_is_a_text_frame() {
        let frame = Frame::control("3probe");
        assert_eq!(frame.as_bytes(), b"\x81\x063probe");
        assert_eq!(
            (frame.kind(), frame.payload()),
            (Kind::Text, &b"3probe"[..])
        );
    }

    #[test]
    fn close_carries_code_and_reason() {
        let frame = Frame::close(1002, "no");
        assert_eq!(frame.as_bytes(), b"\x88\x04\x03\xeano");
        assert_eq!(frame.kind(), Kind::Control);
    }
}
