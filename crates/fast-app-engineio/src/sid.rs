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

    /// A million ids: none comes twice, and at each place every character comes about as often as the others.
    #[test]
    fn ids_are_random_and_never_repeat() {
        let mut seen = std::collections::HashSet::new();
        let mut counts = vec![[0_u32; 128]; TEXT_BYTES];
        for _ in 0..1_000_000 {
            let sid = Sid::random();
            assert!(seen.insert(sid), "{sid} came twice");
            for (count, byte) in counts.iter_mut().zip(sid.0) {
                count[usize::from(byte)] += 1;
            }
        }
        let expected = 1_000_000.0 / 64.0;
        for (place, count) in counts.iter().enumerate() {
            let used = count.iter().filter(|count| **count > 0).count();
            let chi_squared: f64 = count
                .iter()
                .filter(|count| **count > 0)
                .map(|count| (f64::from(*count) - expected).powi(2) / expected)
                .sum();
            // 63 degrees of freedom: above 142 once in 10^8 places.
            assert!(used == 64 && chi_squared < 142.0, "{place}: {chi_squared}");
        }
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
