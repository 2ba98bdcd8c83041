//! The bus between workers, seen from outside.

use std::time::{Duration, Instant};

use fast_app_socketio::{Delivery, Emit, Manager, Payload};

use super::subscribers::subscribers;
use crate::error::Error;

const VARIABLE: &str = "REDIS_SOCKETIO_URL";
const DEFAULT: &str = "redis://localhost:6379/14";

/// Where the bus is, and who says so.
pub(crate) struct Address {
    /// Without the password.
    pub(crate) url: String,
    pub(crate) origin: &'static str,
    /// With it.
    whole: String,
}

/// What a message to nobody has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) workers: Option<usize>,
    pub(crate) round_trip: Duration,
}

impl Address {
    /// As an application finds it: in the environment, then in `.env`.
    pub(crate) fn find() -> Self {
        let found = variable(VARIABLE);
        let (whole, origin) = found.unwrap_or_else(|| (DEFAULT.to_owned(), "the default"));
        Self {
            url: without_password(&whole),
            origin,
            whole,
        }
    }

    /// Who listens there, as far as it tells.
    pub(crate) async fn subscribers(&self) -> Vec<String> {
        subscribers(&self.whole).await
    }

    /// Whether it ends at the border of its process, so that nobody hears what this process says.
    pub(crate) fn is_memory(&self) -> bool {
        self.url.starts_with("memory://")
    }
}

/// A variable of the environment, or of the `.env` file, and where it was found.
pub(crate) fn variable(name: &str) -> Option<(String, &'static str)> {
    if let Ok(value) = std::env::var(name) {
        return Some((value, "the environment"));
    }
    let mut entries = dotenvy::dotenv_iter().ok()?.flatten();
    let (_, value) = entries.find(|(entry, _)| entry == name)?;
    Some((value, ".env"))
}

/// Sends an event through the bus of the environment.
pub(crate) async fn emit(emit: Emit) -> Result<Delivery, Error> {
    Ok(Manager::from_env().await?.emit(emit).await?)
}

/// Sends a message that no client gets, and sees how many workers hear it, and how fast.
pub(crate) async fn probe() -> Result<Probe, Error> {
    let manager = Manager::from_env().await?;
    let nobody = || Emit::new("fast_app_doctor", Payload::empty()).to(["fast_app_doctor|nobody"]);
    // The first one connects.
    manager.emit(nobody()).await?;
    let start = Instant::now();
    let delivery = manager.emit(nobody()).await?;
    Ok(Probe {
        workers: delivery.workers,
        round_trip: start.elapsed(),
    })
}

/// The channel that workers share.
pub(crate) fn channel() -> String {
    let named = variable("REDIS_SOCKETIO_CHANNEL").map(|(channel, _)| channel);
    named.unwrap_or_else(|| "socketio".to_owned())
}

/// `redis://user:password@host` → `redis://user:***@host`. A query may hold a password too.
fn without_password(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    let hidden = || {
        let (scheme, rest) = url.split_once("://")?;
        let (user, host) = rest.rsplit_once('@')?;
        let user = user.split(':').next().unwrap_or_default();
        Some(format!("{scheme}://{user}:***@{host}"))
    };
    hidden().unwrap_or_else(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (url, want) in [
            ("redis://h:1/2", "redis://h:1/2"),
            ("redis://:p@h", "redis://:***@h"),
            ("redis://u:p@@h:1/2", "redis://u:***@h:1/2"),
            ("unix:///s?pass=p", "unix:///s"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_password(url), want);
        }
    }
}
