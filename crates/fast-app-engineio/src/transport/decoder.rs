//! From the bytes of a WebSocket to its messages. Pure: no socket, no session.

use bytes::Bytes;
use soketto::{
    Parsing,
    base::{Codec, Error as HeaderError, Header, OpCode},
};

/// The longest header of a masked frame: 2 bytes, 8 of length, 4 of mask.
const MAX_HEADER: usize = 14;

/// What a client's WebSocket says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Text(String),
    Binary(Bytes),
    Ping(Bytes),
    Close,
}

/// A violation of RFC 6455 or of our limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("protocol error")]
    Protocol,
    #[error("invalid UTF-8")]
    Utf8,
    #[error("message too big")]
    TooBig,
    #[error("too many fragments")]
    TooManyFragments,
}

/// Decodes frames from chunks cut anywhere. Holds no memory between messages.
#[derive(Debug)]
pub(crate) struct Decoder {
    limits: Limits,
    /// What has begun and not come whole.
    unfinished: Option<Box<Unfinished>>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    message: usize,
    fragments: usize,
}

#[derive(Debug, Default)]
struct Unfinished {
    /// The beginning of a header that has not come whole.
    head: Vec<u8>,
    /// The frame whose payload is coming in.
    frame: Option<Header>,
    /// The payload of a control frame, which may come between the fragments of a message.
    control: Vec<u8>,
    message: Vec<u8>,
    /// Where the payload of the current frame begins in `message`.
    start: usize,
    /// The kind of the message whose fragments are coming in.
    kind: Option<OpCode>,
    fragments: usize,
}

impl Decoder {
    pub(crate) fn new(max_message: usize, max_fragments: usize) -> Self {
        Self {
            limits: Limits {
                message: max_message,
                fragments: max_fragments,
            },
            unfinished: None,
        }
    }

    /// Appends what `input` completes to `output`.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        output: &mut impl Extend<Incoming>,
    ) -> Result<(), DecodeError> {
        // Few messages are cut: what is under way lies on the stack, and goes to the heap when it has to wait.
        let mut current = self
            .unfinished
            .take()
            .map(|boxed| *boxed)
            .unwrap_or_default();
        let decoded = current.decode(self.limits, input, output);
        if !current.is_empty() {
            self.unfinished = Some(Box::new(current));
        }
        decoded
    }
}

impl Unfinished {
    fn is_empty(&self) -> bool {
        self.head.is_empty() && self.frame.is_none() && self.kind.is_none()
    }

    fn decode(
        &mut self,
        limits: Limits,
        mut input: &[u8],
        output: &mut impl Extend<Incoming>,
    ) -> Result<(), DecodeError> {
        loop {
            if self.frame.is_none() && !self.read_header(limits, &mut input)? {
                return Ok(());
            }
            if !self.read_payload(&mut input) {
                return Ok(());
            }
            output.extend(self.finish_frame()?);
        }
    }

    /// Reads a header, if all of it is there.
    fn read_header(&mut self, limits: Limits, input: &mut &[u8]) -> Result<bool, DecodeError> {
        let known = self.head.len();
        let wanted = input.len().min(MAX_HEADER - known);
        let mut codec = Codec::new();
        codec.set_max_data_size(limits.message);
        let parsed = if known == 0 {
            codec.decode_header(input)
        } else {
            self.head.extend_from_slice(&input[..wanted]);
            codec.decode_header(&self.head)
        };
        match parsed.map_err(|error| match error {
            HeaderError::PayloadTooLarge { .. } => DecodeError::TooBig,
            _ => DecodeError::Protocol,
        })? {
            Parsing::Done { value, offset } => {
                *input = &input[offset - known..];
                self.head = Vec::new();
                self.begin_frame(limits, value)?;
                Ok(true)
            }
            Parsing::NeedMore(_) => {
                if known == 0 {
                    self.head.extend_from_slice(input);
                }
                *input = &[];
                Ok(false)
            }
        }
    }

    fn begin_frame(&mut self, limits: Limits, header: Header) -> Result<(), DecodeError> {
        if !header.is_masked() {
            return Err(DecodeError::Protocol);
        }
        if !header.opcode().is_control() {
            match (header.opcode(), self.kind) {
                (OpCode::Continue, Some(_)) => {}
                (OpCode::Text | OpCode::Binary, None) => self.kind = Some(header.opcode()),
                _ => return Err(DecodeError::Protocol),
            }
            self.fragments += 1;
            if self.fragments > limits.fragments {
                return Err(DecodeError::TooManyFragments);
            }
            self.start = self.message.len();
            if header.payload_len() > limits.message.saturating_sub(self.start) {
                return Err(DecodeError::TooBig);
            }
        }
        self.frame = Some(header);
        Ok(())
    }

    /// Takes the payload of the current frame, as far as it is there; whether it is whole now.
    fn read_payload(&mut self, input: &mut &[u8]) -> bool {
        let Some(frame) = &self.frame else {
            return false;
        };
        let (buffer, start) = match frame.opcode().is_control() {
            true => (&mut self.control, 0),
            false => (&mut self.message, self.start),
        };
        let missing = start + frame.payload_len() - buffer.len();
        let (now, later) = input.split_at(missing.min(input.len()));
        buffer.extend_from_slice(now);
        *input = later;
        now.len() == missing
    }

    /// The current frame is whole: what it says, unless more fragments follow.
    fn finish_frame(&mut self) -> Result<Option<Incoming>, DecodeError> {
        let Some(frame) = self.frame.take() else {
            return Ok(None);
        };
        if frame.opcode().is_control() {
            let mut payload = std::mem::take(&mut self.control);
            Codec::apply_mask(&frame, &mut payload);
            return control(frame.opcode(), payload);
        }
        Codec::apply_mask(&frame, &mut self.message[self.start..]);
        if !frame.is_fin() {
            return Ok(None);
        }
        let message = std::mem::take(&mut self.message);
        self.start = 0;
        self.fragments = 0;
        match self.kind.take() {
            Some(OpCode::Text) => {
                let text = String::from_utf8(message).map_err(|_| DecodeError::Utf8)?;
                Ok(Some(Incoming::Text(text)))
            }
            _ => {
                // An attachment may have to wait for others: it takes what has come, not what it grew by.
                let mut message = message;
                message.shrink_to_fit();
                Ok(Some(Incoming::Binary(Bytes::from(message))))
            }
        }
    }
}

fn control(opcode: OpCode, payload: Vec<u8>) -> Result<Option<Incoming>, DecodeError> {
    match opcode {
        OpCode::Ping => Ok(Some(Incoming::Ping(Bytes::from(payload)))),
        OpCode::Close => check_close(&payload).map(|()| Some(Incoming::Close)),
        _ => Ok(None),
    }
}

/// A close says nothing, or a code that may be sent and a reason in UTF-8 (RFC 6455, sections 5.5.1 and 7.4).
fn check_close(payload: &[u8]) -> Result<(), DecodeError> {
    let (code, reason) = match payload {
        [] => return Ok(()),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        [_] => return Err(DecodeError::Protocol),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(DecodeError::Protocol);
    }
    std::str::from_utf8(reason)
        .map(drop)
        .map_err(|_| DecodeError::Utf8)
}

impl DecodeError {
    /// The code the client is closed with (RFC 6455, section 7.4.1).
    pub(crate) fn websocket_code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::Utf8 => 1007,
            Self::TooBig => 1009,
            Self::TooManyFragments => 1008,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASK: [u8; 4] = [1, 2, 3, 4];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..=125 => bytes.push(0x80 | length as u8),
            length @ 126..=65_535 => {
                bytes.push(0x80 | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(MASK);
        bytes.extend(
            payload
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Incoming>, DecodeError> {
        let mut output = Vec::new();
        Decoder::new(1_000, 4)
            .decode(bytes, &mut output)
            .map(|()| output)
    }

    fn text(text: &str) -> Incoming {
        Incoming::Text(text.to_owned())
    }

    #[test]
    fn frames_and_what_they_say() {
        let ping = Incoming::Ping(Bytes::from_static(b"p"));
        let table = [
            (frame(0x81, b"4hi"), Ok(vec![text("4hi")])),
            (
                frame(0x82, &[0, 255]),
                Ok(vec![Incoming::Binary(Bytes::from_static(&[0, 255]))]),
            ),
            (
                [frame(0x01, b"4"), frame(0x00, b"h"), frame(0x80, b"i")].concat(),
                Ok(vec![text("4hi")]),
            ),
            (
                [frame(0x01, b"a"), frame(0x89, b"p"), frame(0x80, b"b")].concat(),
                Ok(vec![ping, text("ab")]),
            ),
            (frame(0x8a, b"unsolicited pong"), Ok(vec![])),
            (frame(0x88, b""), Ok(vec![Incoming::Close])),
            (frame(0x88, b"\x03\xe8bye"), Ok(vec![Incoming::Close])),
            (frame(0x88, b"\x03"), Err(DecodeError::Protocol)),
            (frame(0x88, b"\x03\xed"), Err(DecodeError::Protocol)),
            (frame(0x88, b"\x03\xe8\xff"), Err(DecodeError::Utf8)),
            (frame(0x81, b"\xff"), Err(DecodeError::Utf8)),
            (
                frame(0x80, b"no message to continue"),
                Err(DecodeError::Protocol),
            ),
            (
                [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
                Err(DecodeError::Protocol),
            ),
            (frame(0xc1, b"reserved bit"), Err(DecodeError::Protocol)),
            (frame(0x83, b"reserved opcode"), Err(DecodeError::Protocol)),
            (frame(0x09, b"fragmented ping"), Err(DecodeError::Protocol)),
            (frame(0x89, &[0; 126]), Err(DecodeError::Protocol)),
            (vec![0x81, 0x02, b'4', b'x'], Err(DecodeError::Protocol)),
            (
                frame(0x82, &[0; 1_000]),
                Ok(vec![Incoming::Binary(vec![0; 1_000].into())]),
            ),
            (
                frame(0x82, &[0; 1_001])[..8].to_vec(),
                Err(DecodeError::TooBig),
            ),
            (
                [frame(0x02, &[0; 600]), frame(0x80, &[0; 401])[..8].to_vec()].concat(),
                Err(DecodeError::TooBig),
            ),
            (
                vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
                Err(DecodeError::TooBig),
            ),
            (
                [frame(0x01, b""), frame(0x00, b"").repeat(4)].concat(),
                Err(DecodeError::TooManyFragments),
            ),
        ];
        for (bytes, want) in table {
            assert_eq!(
                decode(&bytes),
                want,
                "{:02x?}",
                &bytes[..bytes.len().min(20)]
            );
        }
    }

    #[test]
    fn binary_messages_hold_no_more_than_their_bytes() {
        let mut output = Vec::new();
        let whole = frame(0x82, &[7; 900]);
        let mut decoder = Decoder::new(1_000, 4);
        for piece in whole.chunks(600) {
            decoder.decode(piece, &mut output).unwrap();
        }
        let Some(Incoming::Binary(bytes)) = output.pop() else {
            panic!("{output:?}")
        };
        let bytes = bytes.try_into_mut().unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (900, 900));
    }

    #[test]
    fn nothing_is_kept_between_messages() {
        let mut decoder = Decoder::new(1_000, 4);
        decoder
            .decode(
                &[frame(0x01, b"a"), frame(0x80, b"b")].concat(),
                &mut Vec::new(),
            )
            .unwrap();
        assert!(decoder.unfinished.is_none());
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(
            messages in prop::collection::vec(("[a-zé😀]{0,200}", 1usize..4), 1..6),
            cuts in prop::collection::vec(1usize..20, 1..200),
        ) {
            let mut bytes = Vec::new();
            for (message, pieces) in &messages {
                let payload = message.as_bytes();
                let size = payload.len().div_ceil(*pieces).max(1);
                let mut pieces: Vec<&[u8]> = payload.chunks(size).collect();
                if pieces.is_empty() {
                    pieces.push(&[]);
                }
                let last = pieces.len() - 1;
                for (index, piece) in pieces.into_iter().enumerate() {
                    let opcode = if index == 0 { 1 } else { 0 };
                    let fin = if index == last { 0x80 } else { 0 };
                    bytes.extend(frame(fin | opcode, piece));
                }
            }
            let mut decoder = Decoder::new(1_000, 4);
            let mut output = Vec::new();
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                decoder.decode(now, &mut output).unwrap();
                rest = later;
            }
            let want: Vec<_> = messages.iter().map(|(message, _)| text(message)).collect();
            prop_assert_eq!(output, want);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
        }
    }
}
