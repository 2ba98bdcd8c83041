//! WebSocket frames (RFC 6455, section 5.2), as much of them as a load needs: whole, unfragmented messages.

/// The opcode of a text frame.
pub const TEXT: u8 = 1;
/// The opcode of a close frame.
pub const CLOSE: u8 = 8;

/// A key is meant to be unpredictable because of proxies; between two programs on loopback any will do, and the
/// server's work of unmasking is the same.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The kind of frame.
    pub opcode: u8,
    /// The payload as it was on the wire: still masked when it came from a client.
    pub payload: &'a [u8],
    /// The whole frame's length.
    pub len: usize,
    mask: Option<[u8; 4]>,
}

impl Frame<'_> {
    /// The payload with its mask taken off.
    pub fn unmasked(&self) -> Vec<u8> {
        masked(self.payload, self.mask.unwrap_or_default())
    }
}

/// The frame that `bytes` start with; none as long as more bytes are needed.
pub fn decode(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&[first, second], _) = bytes.split_first_chunk::<2>()?;
    let (size, mut at) = match second & 0x7f {
        126 => (u16::from_be_bytes(array(bytes, 2)?).into(), 4),
        127 => (u64::from_be_bytes(array(bytes, 2)?), 10),
        small => (small.into(), 2),
    };
    let mut mask = None;
    if second & 0x80 != 0 {
        mask = Some(array(bytes, at)?);
        at += 4;
    }
    let len = at.checked_add(usize::try_from(size).ok()?)?;
    Some(Frame {
        opcode: first & 0x0f,
        payload: bytes.get(at..len)?,
        len,
        mask,
    })
}

/// A server's text frame.
pub fn text(payload: &[u8]) -> Vec<u8> {
    let mut frame = header(payload.len(), 0);
    frame.extend_from_slice(payload);
    frame
}

/// A client's text frame.
pub fn masked_text(payload: &[u8]) -> Vec<u8> {
    let mut frame = header(payload.len(), 0x80);
    frame.extend(MASK);
    frame.extend(masked(payload, MASK));
    frame
}

fn header(len: usize, mask_bit: u8) -> Vec<u8> {
    let mut header = vec![0x80 | TEXT];
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(small), _) if small < 126 => header.push(mask_bit | small),
        (_, Ok(medium)) => {
            header.push(mask_bit | 126);
            header.extend(medium.to_be_bytes());
        }
        _ => {
            header.push(mask_bit | 127);
            header.extend((len as u64).to_be_bytes());
        }
    }
    header
}

fn masked(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    payload
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect()
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 7] = [0, 1, 125, 126, 65_535, 65_536, 70_000];

    #[test]
    fn a_frame_round_trips_at_every_length_form() {
        for len in LENGTHS {
            let payload = vec![b'x'; len];
            for bytes in [text(&payload), masked_text(&payload)] {
                let frame = decode(&bytes).unwrap();
                assert_eq!((frame.opcode, frame.len), (TEXT, bytes.len()));
                assert_eq!(frame.unmasked(), payload);
            }
        }
    }

    #[test]
    fn a_frame_cut_anywhere_needs_more_bytes() {
        for bytes in [text(&[b'x'; 200]), masked_text(b"40{}")] {
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn the_examples_of_the_rfc_decode() {
        let masked = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        assert_eq!(decode(&masked).unwrap().unmasked(), b"Hello");
        assert_eq!(masked_text(b"Hello"), masked);
        assert_eq!(text(b"Hello"), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    }
}
