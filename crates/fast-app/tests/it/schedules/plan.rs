//! A client's random commands, and what must come of them. Pure; `cargo xtask siege schedules` uses it too.

/// Rooms that the clients share, `slow|0` and up.
pub(super) const ROOMS: usize = 3;
/// How long a guard takes at most, in milliseconds.
pub(super) const MAX_GUARD: u64 = 50;

/// Random numbers that a seed repeats (SplitMix64, Steele and others, 2014).
pub(super) struct Random(pub u64);

impl Random {
    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// What a client does next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Asks to join a room whose guard takes so many milliseconds.
    Join { room: usize, guard: u64 },
    /// Leaves a room, whether it is in it or not.
    Leave { room: usize },
    /// Disconnects from the namespace and connects to it again, on the same connection.
    Reconnect,
    /// Waits for so many milliseconds, not for an answer.
    Pause(u64),
}

/// What a client does in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It stays.
    Stay,
    /// It disconnects from the namespace.
    Disconnect,
    /// It closes the connection.
    Close,
    /// It resets the connection.
    Reset,
}

/// All that a client does after it has connected.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

impl Schedule {
    /// Two to nine steps; most clients stay.
    pub(super) fn random(random: &mut Random) -> Self {
        let steps = 2 + random.below(8);
        let step = |_| match random.below(12) {
            0..5 => Step::Join {
                room: random.below(ROOMS as u64) as usize,
                guard: random.below(MAX_GUARD + 1),
            },
            5..9 => Step::Leave {
                room: random.below(ROOMS as u64) as usize,
            },
            9 => Step::Reconnect,
            _ => Step::Pause(random.below(MAX_GUARD)),
        };
        Self {
            steps: (0..steps).map(step).collect(),
            end: match random.below(10) {
                0 => End::Disconnect,
                1 => End::Close,
                2 => End::Reset,
                _ => End::Stay,
            },
        }
    }

    /// Which rooms the client is in when everything is done: for each what the last command since it connected said.
    pub(super) fn rooms(&self) -> [bool; ROOMS] {
        let mut rooms = [false; ROOMS];
        for step in &self.steps {
            match *step {
                Step::Join { room, .. } => rooms[room] = true,
                Step::Leave { room } => rooms[room] = false,
                Step::Reconnect => rooms = [false; ROOMS],
                Step::Pause(_) => {}
            }
        }
        match self.end {
            End::Stay => rooms,
            _ => [false; ROOMS],
        }
    }

    /// What is sent for each step, in order, with `auth` to connect again; nothing for a pause.
    pub(super) fn packets(&self, auth: &str) -> Vec<Vec<String>> {
        let packets = |(id, step): (usize, &Step)| match step {
            Step::Join { room, guard } => {
                vec![format!(
                    r#"42{id}["join_slow",{{"id":"{room}","ms":{guard}}}]"#
                )]
            }
            Step::Leave { room } => vec![format!(r#"42{id}["leave_slow",{{"id":"{room}"}}]"#)],
            Step::Reconnect => vec!["41".to_owned(), format!("40{auth}")],
            Step::Pause(_) => Vec::new(),
        };
        self.steps.iter().enumerate().map(packets).collect()
    }
}

/// The packets that must come, in this order. Those before a reconnect may be cut off by it, at any place.
pub(super) struct Replies {
    expected: Vec<Reply>,
    next: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Packet(String),
    /// `40{"sid":…}`
    Connected,
}

impl Replies {
    /// What a schedule must be answered with.
    pub(super) fn new(schedule: &Schedule) -> Self {
        let mut expected = Vec::new();
        for (id, step) in schedule.steps.iter().enumerate() {
            let (event, room) = match step {
                Step::Join { room, .. } => ("joined", room),
                Step::Leave { room } => ("left", room),
                Step::Reconnect => {
                    expected.push(Reply::Connected);
                    continue;
                }
                Step::Pause(_) => continue,
            };
            expected.push(Reply::Packet(format!(r#"42["{event}"]"#)));
            expected.push(Reply::Packet(format!(
                r#"43{id}[{{"ok":true,"room":"slow|{room}"}}]"#
            )));
        }
        Self { expected, next: 0 }
    }

    /// Takes the next packet that came; whether it was its turn.
    pub(super) fn accept(&mut self, packet: &str) -> bool {
        let rest = &self.expected[self.next..];
        let at = match packet.starts_with("40") {
            true => rest.iter().position(|reply| *reply == Reply::Connected),
            false => match rest.first() {
                Some(Reply::Packet(expected)) if expected == packet => Some(0),
                _ => None,
            },
        };
        self.next += at.map_or(0, |at| at + 1);
        at.is_some()
    }

    /// Whether all have come.
    pub(super) fn are_complete(&self) -> bool {
        self.next == self.expected.len()
    }
}
