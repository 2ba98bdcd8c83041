//! Which names the wire allows; everything else is refused before the program exists.

use proc_macro2::Span;
use syn::{Error, Result};

/// Names that Socket.IO or its clients' event emitters use themselves.
const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];
const EVENT_BYTES: usize = 128;
const ROOM_KEY_BYTES: usize = 100;
const NAMESPACE_BYTES: usize = 255;

pub(crate) fn check_event(name: &str, at: Span) -> Result<()> {
    if RESERVED_EVENTS.contains(&name) {
        return Err(Error::new(
            at,
            format!(
                "the event name `{name}` is reserved by Socket.IO; choose another with #[event(name = \"...\")]"
            ),
        ));
    }
    check_length("an event name", name, EVENT_BYTES, at)
}

pub(crate) fn check_room_key(key: &str, at: Span) -> Result<()> {
    if key.contains('|') {
        let message = "a room's key must not contain `|`, which separates it from the identifier";
        return Err(Error::new(at, message));
    }
    if key.contains(char::is_control) {
        let message = "a room's key must not contain control characters";
        return Err(Error::new(at, message));
    }
    check_length("a room's key", key, ROOM_KEY_BYTES, at)
}

pub(crate) fn check_namespace(path: &str, at: Span) -> Result<()> {
    if !path.starts_with('/') {
        let message = format!("a namespace starts with `/`: write \"/{path}\"");
        return Err(Error::new(at, message));
    }
    if path.contains([',', '?']) {
        let message = "a namespace must not contain `,` or `?`, which end it on the wire";
        return Err(Error::new(at, message));
    }
    check_length("a namespace", path, NAMESPACE_BYTES, at)
}

fn check_length(what: &str, name: &str, most: usize, at: Span) -> Result<()> {
    match name.len() {
        0 => Err(Error::new(at, format!("{what} must not be empty"))),
        length if length > most => {
            let message = format!("{what} has at most {most} bytes; this one has {length}");
            Err(Error::new(at, message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&str, Span) -> Result<()>;

    fn refusal(check: Check, name: &str) -> Option<String> {
        check(name, Span::call_site()).err().map(|e| e.to_string())
    }

    #[test]
    fn reserved_events_are_refused() {
        for name in RESERVED_EVENTS {
            let message = refusal(check_event, name).expect("refused");
            assert!(message.contains("reserved by Socket.IO"), "{message}");
        }
        assert_eq!(refusal(check_event, "connected"), None);
    }

    #[test]
    fn lengths_count_in_bytes_and_the_limit_itself_is_allowed() {
        for (check, most) in [
            (check_event as Check, EVENT_BYTES),
            (check_room_key, ROOM_KEY_BYTES),
            (check_namespace, NAMESPACE_BYTES),
        ] {
            let longest = "/".repeat(most);
            assert_eq!(refusal(check, &longest), None);
            let message = refusal(check, &format!("{longest}a")).expect("refused");
            assert!(message.ends_with(&format!("this one has {}", most + 1)));
            assert!(refusal(check, "").is_some());
        }
        assert!(refusal(check_room_key, &"é".repeat(51)).is_some());
    }

    #[test]
    fn room_keys_hold_no_separator_and_no_control_character() {
        for key in ["a|b", "a\nb", "\u{7f}", "\u{85}"] {
            assert!(refusal(check_room_key, key).is_some(), "{key:?}");
        }
        assert_eq!(refusal(check_room_key, "žluť"), None);
    }

    #[test]
    fn namespaces_hold_nothing_that_ends_them() {
        for path in ["admin", "/a,b", "/a?b"] {
            assert!(refusal(check_namespace, path).is_some(), "{path:?}");
        }
        assert_eq!(refusal(check_namespace, "/"), None);
        assert_eq!(refusal(check_namespace, "/admin/chats"), None);
    }
}
