//! What must hold for any identifier of a room: run by `fuzz/` for long and by the tests below for a moment.

use fast_app_socketio::HandlerError;
use serde::Deserialize;
use serde_json::json;

use crate::contracts::room::{Room, RoomName, identify};

#[derive(Debug, Deserialize)]
struct AnyRoom {
    text: String,
    number: i64,
}

impl RoomName for AnyRoom {
    const KEY: &'static str = "any";
    const FIELDS: &'static [&'static str] = &["text", "number"];

    fn identifiers(&self) -> Vec<String> {
        vec![self.text.clone(), self.number.to_string()]
    }
}

impl Room for AnyRoom {}

/// Whatever a client sends names a room or is refused in few words. The name has the parts that it was made of, which makes
/// the names of different rooms different, and a client that sends the parts means the same room.
///
/// # Panics
///
/// When that does not hold.
pub fn room_identifier(data: &[u8]) {
    let Ok(sent) = serde_json::from_slice(data) else {
        return;
    };
    let room: AnyRoom = match identify(sent) {
        Ok(room) => room,
        Err(HandlerError::ValidationError { msg }) => {
            assert!((1..=203).contains(&msg.len()), "{msg:?}");
            return;
        }
        Err(other) => panic!("{other}"),
    };
    let Ok(name) = room.room_name() else { return };
    let parts = room.identifiers();
    let whole: Vec<&str> = name.as_str().split('|').collect();
    assert_eq!(whole, [AnyRoom::KEY, &parts[0], &parts[1]]);
    assert!(parts.iter().all(|part| (1..=200).contains(&part.len())));
    assert!(name.as_str().len() <= 255 && !name.as_str().contains(char::is_control));
    let again = identify::<AnyRoom>(json!({ "text": parts[0], "number": room.number }));
    let again = again.expect("its own parts are an identifier").room_name();
    assert_eq!(again, Ok(name));
}

#[cfg(test)]
#[path = "../../../fuzz/inputs.rs"]
mod inputs;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::{inputs::inputs, *};

    struct Parts(Vec<String>);

    impl RoomName for Parts {
        const KEY: &'static str = "key";
        const FIELDS: &'static [&'static str] = &["a", "b", "c"];

        fn identifiers(&self) -> Vec<String> {
            self.0.clone()
        }
    }

    /// Parts of few letters, so that names would meet if they could.
    fn parts() -> impl Strategy<Value = Vec<String>> {
        let letters = select(&["a", "|", "b", "||", "\\", "%7c", "é", "|a", ""][..]);
        vec(
            vec(letters, 0..3).prop_map(|letters| letters.concat()),
            1..4,
        )
    }

    proptest! {
        // Two tuples each.
        #![proptest_config(ProptestConfig::with_cases(50_000))]

        #[test]
        fn security_4c_different_identifiers_have_different_names(one in parts(), other in parts()) {
            let names = [&one, &other].map(|parts| Parts(parts.clone()).room_name());
            if let [Ok(name), Ok(another)] = names {
                prop_assert_eq!(name == another, one == other, "{}", name);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn room_identifier(data in inputs("room_identifier")) {
            super::room_identifier(&data);
        }
    }
}
