//! What broadcasts a server is asked for.

use std::time::Duration;

use serde_json::{Value, json};

/// The multiplier of Knuth's hash (The Art of Computer Programming, volume 3, section 6.4), which scatters numbers.
const SCATTER: u64 = 2_654_435_761;

/// A series of broadcasts.
#[derive(Debug, Clone)]
pub struct Series {
    /// Whom they go to.
    pub target: Target,
    /// How many.
    pub count: u64,
    /// Each one's WebSocket payload in bytes.
    pub size: usize,
    /// From one to the next; zero for as fast as can be.
    pub interval: Duration,
}

/// Whom the broadcasts of a series go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// All to this room.
    Room(String),
    /// Each to one of this many rooms, `chat|r0` and up.
    Rooms(u64),
}

impl Target {
    /// Which of many rooms a broadcast goes to: the same in every server, and scattered.
    pub fn room_of(&self, seq: u64) -> Option<u64> {
        match self {
            Self::Room(_) => None,
            Self::Rooms(rooms) => Some((seq.wrapping_mul(SCATTER) & 0xffff_ffff) % rooms),
        }
    }

    /// The room that a broadcast goes to.
    pub fn room(&self, seq: u64) -> String {
        match (self, self.room_of(seq)) {
            (Self::Room(room), _) => room.clone(),
            (Self::Rooms(_), room) => format!("chat|r{}", room.unwrap_or(0)),
        }
    }
}

impl Series {
    /// The body of `POST /broadcast`.
    pub fn body(&self) -> Value {
        let (key, value) = match &self.target {
            Target::Room(room) => ("room", json!(room)),
            Target::Rooms(rooms) => ("rooms", json!(rooms)),
        };
        json!({
            key: value,
            "count": self.count,
            "size": self.size,
            "interval_us": self.interval.as_micros() as u64,
        })
    }

    /// What a `POST /broadcast` asks for, if it is one.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let target = match body["rooms"].as_u64() {
            Some(rooms) => Target::Rooms(rooms.max(1)),
            None => Target::Room(body["room"].as_str()?.to_owned()),
        };
        Some(Self {
            target,
            count: body["count"].as_u64()?,
            size: body["size"].as_u64()? as usize,
            interval: Duration::from_micros(body["interval_us"].as_u64()?),
        })
    }

    /// How many of its broadcasts go to the room of this number; all, if there is one room.
    pub fn broadcasts_to(&self, room: u64) -> u64 {
        let to_room = |&seq: &u64| self.target.room_of(seq).is_none_or(|to| to == room);
        (0..self.count).filter(to_room).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_what_the_contract_says_and_reads_back() {
        let series = Series {
            target: Target::Rooms(1000),
            count: 200,
            size: 128,
            interval: Duration::from_millis(40),
        };
        let body = series.body().to_string();
        assert_eq!(
            body,
            r#"{"count":200,"interval_us":40000,"rooms":1000,"size":128}"#
        );
        assert_eq!(
            Series::decode(body.as_bytes()).unwrap().body(),
            series.body()
        );
    }

    #[test]
    fn rooms_are_scattered_and_share_the_broadcasts() {
        let series = Series {
            target: Target::Rooms(7),
            count: 700,
            size: 128,
            interval: Duration::ZERO,
        };
        let counts: Vec<u64> = (0..7).map(|room| series.broadcasts_to(room)).collect();
        assert_eq!(counts.iter().sum::<u64>(), 700);
        assert!(
            counts.iter().all(|count| (80..120).contains(count)),
            "{counts:?}"
        );
        assert_eq!(series.target.room(1), "chat|r5");
    }
}
