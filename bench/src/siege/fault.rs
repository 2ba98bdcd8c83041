//! How a handler of the besieged server may misbehave, as its clients ask for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a handler sleeps that does.
pub const NAP: Duration = Duration::from_secs(5);

/// What a handler does instead of its work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Nothing: it works.
    #[default]
    None,
    /// It panics.
    Panic,
    /// It fails, where handlers of its kind can.
    Error,
    /// It sleeps for [`NAP`] before it works.
    Sleep,
}

impl Fault {
    /// Does it.
    ///
    /// # Errors
    ///
    /// Where the fault is an error.
    ///
    /// # Panics
    ///
    /// Where the fault is a panic.
    pub async fn commit(self) -> Result<(), String> {
        match self {
            Self::None => Ok(()),
            Self::Panic => panic!("as the client asked for"),
            Self::Error => Err("as the client asked for".to_owned()),
            Self::Sleep => {
                tokio::time::sleep(NAP).await;
                Ok(())
            }
        }
    }
}
