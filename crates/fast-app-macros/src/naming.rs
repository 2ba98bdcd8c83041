//! From the name of a type to the name on the wire, as the Python original does it.

/// `UpdateChatEvent` → `update_chat`.
pub(crate) fn event_name(type_name: &str) -> String {
    without_suffix(snake_case(type_name), "_event")
}

/// `ChatRoom` → `chat`.
pub(crate) fn room_key(type_name: &str) -> String {
    without_suffix(snake_case(type_name), "_room")
}

fn without_suffix(mut name: String, suffix: &str) -> String {
    if name.ends_with(suffix) {
        name.truncate(name.len() - suffix.len());
    }
    name
}

/// The original's two substitutions in their order, then lower case.
///
/// Its oddities are part of the protocol: a client listens for `o_auth2_token`, not for `oauth2_token`.
fn snake_case(name: &str) -> String {
    split_after_lowercase(&split_before_words(name)).to_lowercase()
}

/// `(.)([A-Z][a-z]+)` → `\1_\2`. Matches do not overlap, so a word that follows a matched word directly is left to the
/// second substitution.
fn split_before_words(name: &str) -> String {
    let mut split = String::new();
    let mut rest = name.chars().peekable();
    while let Some(before) = rest.next() {
        split.push(before);
        let mut ahead = rest.clone();
        let capitalised = ahead.next().is_some_and(|c| c.is_ascii_uppercase())
            && ahead.next().is_some_and(|c| c.is_ascii_lowercase());
        if capitalised {
            split.push('_');
            split.extend(rest.next());
            while let Some(letter) = rest.next_if(char::is_ascii_lowercase) {
                split.push(letter);
            }
        }
    }
    split
}

/// `([a-z0-9])([A-Z])` → `\1_\2`.
fn split_after_lowercase(name: &str) -> String {
    let mut split = String::new();
    let mut previous = None;
    for letter in name.chars() {
        let after_lowercase =
            previous.is_some_and(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if after_lowercase && letter.is_ascii_uppercase() {
            split.push('_');
        }
        split.push(letter);
        previous = Some(letter);
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from the original.
    const ROOMS: &[(&str, &str)] = &[
        ("ChatRoom", "chat"),
        ("DMRoom", "dm"),
        ("Room", "room"),
        ("RoomRoom", "room"),
        ("Chat", "chat"),
        ("ChatRooms", "chat_rooms"),
        ("HTTPChatRoom", "http_chat"),
        ("APIv2Room", "ap_iv2"),
        ("Chat2Room", "chat2"),
        ("UserIDRoom", "user_id"),
        ("A1B2Room", "a1_b2"),
        ("XRoom", "x"),
        ("Chat_Room", "chat_"),
        ("chatRoom", "chat"),
        ("_PrivateRoom", "__private"),
        ("ŽluťRoom", "žluť"),
        ("ÉcoleRoom", "école"),
    ];

    /// Recorded from the original.
    const EVENTS: &[(&str, &str)] = &[
        ("UpdateChat", "update_chat"),
        ("UpdateChatEvent", "update_chat"),
        ("Event", "event"),
        ("EventEvent", "event"),
        ("HTTPRequestEvent", "http_request"),
        ("UserV2Updated", "user_v2_updated"),
        ("ChatMessageSent", "chat_message_sent"),
        ("Eventful", "eventful"),
        ("A", "a"),
        ("OAuth2TokenEvent", "o_auth2_token"),
        ("Update_Chat", "update__chat"),
        ("SMSSent", "sms_sent"),
        ("HTTPServerEvent", "http_server"),
    ];

    #[test]
    fn room_keys_are_those_of_the_original() {
        for (type_name, key) in ROOMS {
            assert_eq!(room_key(type_name), *key, "{type_name}");
        }
    }

    #[test]
    fn event_names_are_those_of_the_original() {
        for (type_name, name) in EVENTS {
            assert_eq!(event_name(type_name), *name, "{type_name}");
        }
    }

    #[test]
    fn only_one_suffix_is_dropped() {
        assert_eq!(event_name("ChatEventEvent"), "chat_event");
        assert_eq!(room_key("ChatRoomRoom"), "chat_room");
        assert_eq!(event_name("ChatRoom"), "chat_room");
    }
}
