//! What is said.

use chrono::{DateTime, Utc};

/// Something that was said in a chat.
#[derive(Clone, Debug)]
pub struct Message {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The chat it was said in.
    pub chat_id: String,
    /// What was said.
    pub text: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl Message {
    /// A message of now.
    pub fn new(chat_id: &str, text: String) -> Self {
        let mut id = [0; 12];
        getrandom::fill(&mut id).expect("the operating system provides random bytes");
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            id,
            chat_id: chat_id.to_owned(),
            text,
            created_at: Utc::now(),
        }
    }
}
