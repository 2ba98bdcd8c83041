//! The last revocations that a manager knows, for what was being decided meanwhile and for workers that missed them. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Place, Revocation, Who};
use crate::{
    bus::{Envelope, HostId, Message},
    name::RoomName,
};

/// How many are kept. What has been decided about for so long that older ones would matter is refused.
pub(crate) const LENGTH: usize = 4_096;

#[derive(Debug, Default)]
pub(crate) struct Log {
    /// How many have gone.
    forgotten: u64,
    entries: VecDeque<Entry>,
}

/// A revocation, with the manager that made it and its number there.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    host: HostId,
    id: u64,
    revocation: Revocation,
    /// When it was made; later by the time that it took to come here.
    at: Instant,
    /// How many sockets were taken out here, once they are.
    sockets: Option<usize>,
}

impl Entry {
    /// The message that repeats it.
    pub(crate) fn again(&self) -> Envelope {
        Envelope {
            host: self.host.clone(),
            message: Message::Revoke {
                revocation: self.revocation.clone(),
                id: self.id,
                again: Some(self.at.elapsed()),
            },
        }
    }
}

/// A point in the log's time, and when that was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    index: u64,
    at: Instant,
}

impl Log {
    /// The end of the log now.
    pub(crate) fn position(&self) -> Position {
        Position {
            index: self.forgotten + self.entries.len() as u64,
            at: Instant::now(),
        }
    }

    /// When it was made, which is so long ago; or how many sockets it has taken out, if it has done so already.
    pub(crate) fn push(
        &mut self,
        host: &HostId,
        id: u64,
        revocation: &Revocation,
        ago: Duration,
    ) -> Result<Instant, usize> {
        if let Some(entry) = self.find(host, id) {
            return match entry.sockets {
                Some(sockets) => Err(sockets),
                // It has failed, or is under way: twice is as good as once.
                None => Ok(entry.at),
            };
        }
        if self.entries.len() == LENGTH {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        let now = Instant::now();
        // What the clock cannot express is as good as new: rather too many lose access than too few.
        let at = now.checked_sub(ago).unwrap_or(now);
        self.entries.push_back(Entry {
            host: host.clone(),
            id,
            revocation: revocation.clone(),
            at,
            sockets: None,
        });
        Ok(at)
    }

    /// It is told to others only now: they have missed it if they missed what comes now.
    pub(crate) fn renew(&mut self, host: &HostId, id: u64) {
        if let Some(entry) = self.find(host, id) {
            entry.at = Instant::now();
        }
    }

    /// It has taken out so many.
    pub(crate) fn took_out(&mut self, host: &HostId, id: u64, sockets: usize) {
        if let Some(entry) = self.find(host, id) {
            entry.sockets = Some(sockets);
        }
    }

    fn find(&mut self, host: &HostId, id: u64) -> Option<&mut Entry> {
        let mut latest_first = self.entries.iter_mut().rev();
        latest_first.find(|entry| entry.id == id && entry.host == *host)
    }

    /// Whether the access of someone, whom `is` tells, was revoked since `position`: to the server or, where one is named, to
    /// this room. What came since then and is older was known to whoever decides.
    pub(crate) fn revoked_since(
        &self,
        position: Position,
        room: Option<(&str, &RoomName)>,
        is: impl Fn(&Who) -> bool,
    ) -> bool {
        let Some(skip) = position.index.checked_sub(self.forgotten) else {
            return true;
        };
        let concerns = |from: &Option<Place>| match from {
            None => true,
            Some(place) => room == Some((place.namespace.as_str(), &place.room)),
        };
        self.entries
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
            .filter(|entry| entry.at >= position.at)
            .any(|Entry { revocation, .. }| concerns(&revocation.from) && is(&revocation.who))
    }

    /// Whether one is about the socket with this sid.
    pub(crate) fn names(&self, sid: &str) -> bool {
        let is = |who: &Who| matches!(who, Who::Session(own) if own == sid);
        self.entries.iter().any(|entry| is(&entry.revocation.who))
    }

    /// Those that are kept and not older than this.
    pub(crate) fn recent(&self, age: Duration) -> Vec<Entry> {
        let oldest = self.entries.front();
        if self.forgotten > 0 && oldest.is_some_and(|entry| entry.at.elapsed() <= age) {
            tracing::warn!(
                kept = LENGTH,
                "a worker may have missed more revocations than are kept to be repeated"
            );
        }
        self.entries
            .iter()
            .filter(|entry| entry.at.elapsed() <= age)
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;
    const MINUTE: Duration = Duration::from_secs(60);

    fn out_of(room: &str) -> Revocation {
        Revocation::new(Who::user("alice"))
            .from_room("/", room)
            .unwrap()
    }

    fn is_alice(who: &Who) -> bool {
        *who == Who::user("alice")
    }

    #[test]
    fn what_was_revoked_since_a_position_is_found_by_room_and_server() {
        let (mut log, host) = (Log::default(), HostId::random());
        log.push(&host, 1, &out_of("chat|1"), NOW).unwrap();
        let since = log.position();
        let rooms = ["chat|1", "chat|2"].map(|name| RoomName::new(name).unwrap());
        let revoked = |log: &Log, index: usize| {
            log.revoked_since(since, Some(("/", &rooms[index])), is_alice)
        };
        assert!(!revoked(&log, 0), "it was before");
        log.push(&host, 2, &out_of("chat|2"), NOW).unwrap();
        assert!(!revoked(&log, 0) && revoked(&log, 1));
        assert!(!log.revoked_since(since, Some(("/other", &rooms[1])), is_alice));
        assert!(!log.revoked_since(since, Some(("/", &rooms[1])), |_| false));
        assert!(!log.revoked_since(since, None, is_alice), "only a room");
        log.push(&host, 3, &Revocation::new(Who::user("alice")), NOW)
            .unwrap();
        assert!(revoked(&log, 0) && log.revoked_since(since, None, is_alice));
    }

    #[test]
    fn one_that_comes_again_is_known() {
        let (mut log, host) = (Log::default(), HostId::random());
        let chat = out_of("chat|1");
        assert!(log.push(&host, 1, &chat, NOW).is_ok());
        assert!(log.push(&host, 1, &chat, NOW).is_ok(), "it may have failed");
        log.took_out(&host, 1, 3);
        assert_eq!(log.push(&host, 1, &chat, NOW), Err(3));
        assert!(log.push(&HostId::random(), 1, &chat, NOW).is_ok());
        assert_eq!(log.recent(MINUTE).len(), 2);
    }

    #[test]
    fn one_that_is_repeated_is_as_old_as_it_is() {
        let (mut log, host) = (Log::default(), HostId::random());
        let since = log.position();
        log.push(&host, 1, &Revocation::new(Who::user("alice")), 2 * MINUTE)
            .unwrap();
        assert!(!log.revoked_since(since, None, is_alice));
        assert!(log.recent(MINUTE).is_empty());
        let entries = log.recent(3 * MINUTE);
        let Message::Revoke { again, .. } = entries[0].again().message else {
            panic!("it is a revocation")
        };
        assert!(again >= Some(2 * MINUTE), "{again:?}");
        log.renew(&host, 1);
        assert_eq!(log.recent(MINUTE).len(), 1);
        log.push(&host, 2, &Revocation::new(Who::user("alice")), NOW)
            .unwrap();
        assert!(log.revoked_since(since, None, is_alice));
    }

    #[test]
    fn any_age_can_be_written_down() {
        let (mut log, host) = (Log::default(), HostId::random());
        let longest = Duration::from_millis(u64::MAX);
        for (id, ago) in [(1, longest), (2, Duration::MAX)] {
            assert!(log.push(&host, id, &out_of("chat|1"), ago).is_ok());
        }
        assert_eq!(log.recent(Duration::MAX).len(), 2);
    }

    #[test]
    fn what_is_older_than_the_log_is_refused() {
        let (mut log, host) = (Log::default(), HostId::random());
        let since = log.position();
        (0..=LENGTH as u64).for_each(|id| {
            log.push(&host, id, &out_of("chat|1"), NOW).unwrap();
        });
        assert_eq!(log.entries.len(), LENGTH);
        let other = RoomName::new("chat|2").unwrap();
        assert!(log.revoked_since(since, Some(("/", &other)), is_alice));
        assert!(!log.revoked_since(log.position(), Some(("/", &other)), is_alice));
    }
}
