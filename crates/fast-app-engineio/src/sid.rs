//! Session ids.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const RANDOM_BYTES: usize = 15;
const TEXT_BYTES: usize = 20;

/// An unguessable id: 120 random bits from the operating system, written as 20 characters of URL-safe Base64.
///
/// Engine.IO sessions and Socket.IO sockets both use it; the two ids of one client are unrelated.
/// `Display` gives the whole id, `Debug` only its beginning, because a sid is a credential and logs are not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid([u8; TEXT_BYTES]);

impl Sid {
    /// Makes a new id.
    pub fn random() -> Self {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).expect("the operating system provides random bytes");
        let mut text = [0; TEXT_BYTES];
        URL_SAFE_NO_PAD
            .encode_slice(bytes, &mut text)
            .expect("15 bytes are 20 characters of Base64");
        Self(text)
    }

    /// Reads an id as [`Sid::as_str`] writes it; `None` when it has another length or alphabet.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; TEXT_BYTES] = text.as_bytes().try_into().ok()?;
        let known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        bytes.iter().all(known).then_some(Self(bytes))
    }

    /// The id as it stands on the wire.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a sid is ASCII")
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.as_str()[..6])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_as_written() {
        let sid = Sid::random();
        assert_eq!(Sid::parse(sid.as_str()), Some(sid));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "short",
            "aaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaa/",
            "aaaaaaaaaaaaaaaaaaé",
        ] {
            assert_eq!(Sid::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn debug_hides_most_of_it() {
        let sid = Sid::random();
        assert!(!format!("{sid:?}").contains(&sid.as_str()[6..]));
    }
}
