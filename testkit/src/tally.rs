//! A client that writes down what it hears.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::{RawSocket, TIMEOUT};

/// How long a client may hear nothing, not even a heartbeat of its server.
const SILENCE: Duration = Duration::from_secs(60);

/// A client that reads `42["n",<number>]` and nothing else, for as long as this lives.
#[derive(Debug)]
pub struct Tally {
    heard: watch::Receiver<Vec<Note>>,
    task: JoinHandle<()>,
}

/// A number, and when it was heard.
#[derive(Clone, Copy, Debug)]
struct Note {
    number: u64,
    at: Instant,
}

impl Tally {
    /// Reads on this socket from now on.
    pub fn start(mut socket: RawSocket) -> Self {
        socket.set_timeout(SILENCE);
        let (sender, heard) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            loop {
                let text = socket.recv_text().await;
                let number = text
                    .strip_prefix(r#"42["n","#)
                    .and_then(|rest| rest.strip_suffix(']'))
                    .and_then(|number| number.parse().ok())
                    .unwrap_or_else(|| panic!("expected a number, received {text}"));
                let at = Instant::now();
                sender.send_modify(|heard| heard.push(Note { number, at }));
            }
        });
        Self { heard, task }
    }

    /// Waits [`TIMEOUT`] until this number was heard.
    pub async fn until(&self, number: u64) {
        let mut heard = self.heard.clone();
        let came = heard.wait_for(|notes| notes.iter().rev().any(|note| note.number == number));
        let came = timeout(TIMEOUT, came).await;
        assert!(
            matches!(came, Ok(Ok(_))),
            "number {number} was not heard, the last was {:?}",
            self.heard.borrow().last()
        );
    }

    /// Waits until something was heard that was not heard before `moment`, for so long; how long after it that was.
    pub async fn first_after(&self, moment: Instant, limit: Duration) -> Option<Duration> {
        let first = |notes: &[Note]| notes.iter().map(|note| note.at).find(|at| *at >= moment);
        let mut heard = self.heard.clone();
        let came = heard.wait_for(|notes| first(notes).is_some());
        let deadline = moment + limit;
        let came = tokio::time::timeout_at(deadline, came).await.ok()?.ok()?;
        Some(first(&came)? - moment)
    }

    /// When this number was heard first.
    pub fn heard_at(&self, number: u64) -> Option<Instant> {
        let heard = self.heard.borrow();
        let mut notes = heard.iter();
        notes.find(|note| note.number == number).map(|note| note.at)
    }

    /// What was heard so far, in this order.
    pub fn numbers(&self) -> Vec<u64> {
        self.heard.borrow().iter().map(|note| note.number).collect()
    }

    /// Whether it was still connected just now. A client that is not has panicked with the reason.
    pub fn is_connected(&self) -> bool {
        !self.task.is_finished()
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.task.abort();
    }
}
