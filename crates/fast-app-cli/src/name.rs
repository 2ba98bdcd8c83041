//! What a person calls something that is made: `ChatRoom`, or `chat_room`.

use crate::error::Error;

/// What every stub finds in scope: the names of `fast_app::prelude`, and those of Rust's that the stubs use.
const TAKEN: &[&str] = &[
    "Ack",
    "Auth",
    "BroadcastError",
    "BroadcastEvent",
    "Broadcaster",
    "Channels",
    "ConnectionRefused",
    "Data",
    "Deserialize",
    "DisconnectReason",
    "Event",
    "HandlerError",
    "Manager",
    "Namespace",
    "Object",
    "OnOutage",
    "Option",
    "Payload",
    "Receipt",
    "RegisterRoom",
    "Resource",
    "Result",
    "RevokeError",
    "Revoked",
    "Room",
    "RoomName",
    "Serialize",
    "Session",
    "Sid",
    "Socket",
    "SocketIo",
    "SocketIoError",
    "String",
    "Who",
];

/// Names that clients' libraries emit themselves, so that no server may.
const RESERVED_EVENTS: &[&str] = &[
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// The name of a type that can also be the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeName(String);

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Room,
    BroadcastEvent,
    Namespace,
    Resource,
    Event,
}

impl TypeName {
    /// Reads a name in either case.
    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Self, Error> {
        let name = Self(pascal(text));
        match name.problem(text, kind) {
            None => Ok(name),
            Some(reason) => Err(Error::Name {
                name: text.to_owned(),
                kind: kind.noun(),
                reason,
            }),
        }
    }

    /// `ChatRoom`
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `chat_room`: the module, and the file without `.rs`.
    pub(crate) fn module(&self) -> String {
        snake(&self.0)
    }

    /// `chat`: the name on the wire, without the part that only says what it is.
    pub(crate) fn wire(&self, kind: Kind) -> String {
        let name = self.module();
        let bare = kind.suffix().and_then(|suffix| name.strip_suffix(suffix));
        bare.map_or(name.clone(), str::to_owned)
    }

    fn problem(&self, text: &str, kind: Kind) -> Option<String> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let module = self.module();
        if text.is_empty() {
            Some("it is empty".into())
        } else if !text.chars().all(is_word) {
            Some("it has other characters than letters of ASCII, digits and `_`".into())
        } else if !self.0.starts_with(|c: char| c.is_ascii_uppercase()) {
            Some("it does not begin with a letter".into())
        } else if is_keyword(text) || is_keyword(&module) {
            Some(format!("`{module}` is a keyword of Rust"))
        } else if TAKEN.contains(&self.as_str()) {
            Some(format!("`{}` is a name that its file uses already", self.0))
        } else {
            let event = self.reserved(kind)?;
            Some(format!(
                "the event `{event}` is reserved, no client would get it"
            ))
        }
    }

    /// The reserved event that it would be, or be taken for: `NewListener` is `newListener` to people.
    fn reserved(&self, kind: Kind) -> Option<&'static str> {
        let wire = self.wire(kind);
        let mut reserved = RESERVED_EVENTS.iter().copied();
        reserved.find(|event| kind.is_event() && snake(event) == wire)
    }
}

impl Kind {
    /// How people call one.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Room => "a room",
            Self::BroadcastEvent => "a broadcast event",
            Self::Namespace => "a namespace",
            Self::Resource => "a resource",
            Self::Event => "an event",
        }
    }

    fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Room => Some("_room"),
            Self::BroadcastEvent | Self::Event => Some("_event"),
            Self::Namespace => Some("_namespace"),
            Self::Resource => Some("_resource"),
        }
    }

    fn is_event(self) -> bool {
        matches!(self, Self::BroadcastEvent | Self::Event)
    }
}

/// Whether Rust has a use for this word.
pub(crate) fn is_keyword(word: &str) -> bool {
    // syn knows the keywords of the editions before 2024.
    word == "gen" || word == "Self" || syn::parse_str::<syn::Ident>(word).is_err()
}

fn pascal(text: &str) -> String {
    let words = text.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

/// As the derives of `fast_app` name events and rooms: `HTTPChat` is `http_chat`, `OAuth2Token` is `o_auth2_token`.
fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if starts_word {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_cases_are_one_name() {
        for text in ["ChatRoom", "chat_room", "chatRoom", "Chat_Room"] {
            let name = TypeName::parse(text, Kind::Room).unwrap();
            assert_eq!(
                (
                    name.as_str(),
                    name.module().as_str(),
                    name.wire(Kind::Room).as_str()
                ),
                ("ChatRoom", "chat_room", "chat")
            );
        }
    }

    #[test]
    fn words_are_found_as_the_derives_find_them() {
        for (name, want) in [
            ("HTTPChat", "http_chat"),
            ("OAuth2Token", "o_auth2_token"),
            ("UserV2Updated", "user_v2_updated"),
            ("SMSSent", "sms_sent"),
            ("A", "a"),
            ("A1B2", "a1_b2"),
            ("UserID", "user_id"),
        ] {
            assert_eq!(snake(name), want);
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_with_its_reason() {
        let refused = |text, kind| match TypeName::parse(text, kind) {
            Err(Error::Name { reason, .. }) => reason,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(refused("", Kind::Room), "it is empty");
        assert!(refused("chat-room", Kind::Room).contains("other characters"));
        assert!(refused("../x", Kind::Room).contains("other characters"));
        assert!(refused("Žluť", Kind::Room).contains("letters of ASCII"));
        assert!(refused("2fast", Kind::Room).contains("begin with a letter"));
        assert!(refused("_", Kind::Room).contains("begin with a letter"));
        for keyword in ["match", "Match", "type", "Self", "gen", "Gen", "async"] {
            assert!(
                refused(keyword, Kind::Room).contains("keyword"),
                "{keyword}"
            );
        }
        for taken in ["Room", "session", "RoomName"] {
            assert!(
                refused(taken, Kind::Room).contains("uses already"),
                "{taken}"
            );
        }
        for event in ["Connect", "connect_event", "Disconnecting", "newListener"] {
            assert!(refused(event, Kind::Event).contains("reserved"), "{event}");
            TypeName::parse(event, Kind::Room).unwrap();
        }
    }

    #[test]
    fn names_of_the_prelude_are_taken() {
        let prelude = include_str!("../../fast-app/src/prelude.rs");
        let names = prelude
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
        let code = prelude.find("pub use").unwrap();
        for name in names.filter(|name| prelude[code..].contains(name)) {
            assert!(TAKEN.contains(&name), "{name} is missing in TAKEN");
        }
    }
}
