//! Acknowledgements of events that were sent to many.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

use crate::{bus::Callback, extract::Args, meter, payload::Payload};

/// Answers that may wait to be collected; more are dropped.
const MAX_ANSWERS: usize = 65_536;

/// Bytes of JSON that are taken as answers to one event: each comes from a client, and may be as large as a payload.
pub(crate) const MAX_BYTES: usize = 64 << 20;

/// The events of a manager that wait for acknowledgements.
#[derive(Default)]
pub(crate) struct Waiting(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    last_id: u64,
    events: HashMap<u64, Event>,
}

struct Event {
    callback: Callback,
    answers: mpsc::Sender<Args>,
    /// Bytes that have been taken.
    taken: usize,
}

impl Event {
    /// Where an answer of so many bytes goes, if there is room for it.
    fn take(&mut self, bytes: usize) -> Option<mpsc::Sender<Args>> {
        let taken = self.taken.saturating_add(bytes);
        if taken > MAX_BYTES {
            return None;
        }
        self.taken = taken;
        Some(self.answers.clone())
    }
}

impl Waiting {
    pub(crate) fn add(&self, room: &str, namespace: &str) -> Collecting {
        let mut table = self.0.lock();
        table.last_id += 1;
        let callback = Callback {
            room: room.to_owned(),
            namespace: namespace.to_owned(),
            id: table.last_id,
        };
        let (sender, answers) = mpsc::channel(MAX_ANSWERS);
        let event = Event {
            callback: callback.clone(),
            answers: sender,
            taken: 0,
        };
        table.events.insert(callback.id, event);
        Collecting {
            callback,
            answers,
            expected: None,
            table: Arc::downgrade(&self.0),
        }
    }

    /// An answer to an event that nobody waits for any more, or of another room or namespace, is ignored.
    pub(crate) fn answered(&self, callback: &Callback, answer: &Payload) {
        let event = {
            let mut table = self.0.lock();
            let event = table.events.get_mut(&callback.id);
            let event = event.filter(|event| event.callback == *callback);
            event.map(|event| event.take(answer.json().len()))
        };
        let Some(answers) = event else {
            return meter::ack_dropped("unexpected");
        };
        let Ok(args) = Args::of_payload(answer) else {
            return meter::ack_dropped("malformed");
        };
        if answers.is_none_or(|answers| answers.try_send(args).is_err()) {
            meter::ack_dropped("full");
        }
    }
}

/// Collects the acknowledgements of an event, from
/// [`Manager::emit_collecting`](crate::Manager::emit_collecting).
#[derive(Debug)]
pub struct Collecting {
    callback: Callback,
    answers: mpsc::Receiver<Args>,
    /// How many answers there can be, where that is known.
    expected: Option<usize>,
    table: Weak<Mutex<Table>>,
}

impl Collecting {
    pub(crate) fn nobody() -> Self {
        let mut nobody = Waiting::default().add("", "");
        nobody.expect(0);
        nobody
    }

    pub(crate) fn callback(&self) -> &Callback {
        &self.callback
    }

    pub(crate) fn expect(&mut self, answers: usize) {
        self.expected = Some(answers);
    }

    /// The next answer; `None` when there can be no more.
    ///
    /// Cancel-safe: an answer is not lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Args> {
        if self.expected == Some(0) {
            return None;
        }
        let args = self.answers.recv().await;
        if let Some(expected) = &mut self.expected {
            *expected -= 1;
        }
        args
    }

    /// All answers that come before the deadline.
    pub async fn collect(mut self, deadline: Instant) -> Vec<Args> {
        let mut answers = Vec::new();
        while let Ok(Some(args)) = tokio::time::timeout_at(deadline, self.next()).await {
            answers.push(args);
        }
        answers
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        if let Some(table) = self.table.upgrade() {
            table.lock().events.remove(&self.callback.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_to_an_event_are_bounded_in_bytes() {
        let waiting = Waiting::default();
        let mut collecting = waiting.add("room", "/");
        let large = Payload::new(&"x".repeat(8 << 20)).expect("a text is JSON");
        for _ in 0..10 {
            waiting.answered(collecting.callback(), &large);
        }
        waiting.answered(collecting.callback(), &Payload::empty());
        let mut sizes = Vec::new();
        while let Ok(answer) = collecting.answers.try_recv() {
            sizes.push(answer.iter().map(|arg| arg.get().len()).sum::<usize>());
        }
        let whole = large.json().len();
        assert_eq!(sizes, [whole, whole, whole, whole, whole, whole, whole, 0]);
    }
}
