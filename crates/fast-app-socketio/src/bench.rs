//! What `benches/pure.rs` measures of the private modules.

use fast_app_engineio::{Frame, Sid};

use crate::{
    bus::{self, python},
    emit::Recipients,
    name::RoomName,
    packet::{Packet, PacketLimits, encode_event},
    payload::Payload,
    rooms::Rooms,
};

/// An event of namespace `/` as frames.
pub fn encode(event: &str, payload: &Payload) -> Vec<Frame> {
    encode_event("/", None, event, payload)
}

/// Whether this is a packet.
pub fn decode(text: &str) -> bool {
    Packet::decode(text, &PacketLimits::default()).is_ok()
}

/// Whether this is a message of another worker.
pub fn decode_message(bytes: &[u8]) -> bool {
    python::decode(bytes, bus::Profile::default(), usize::MAX).is_ok()
}

/// Members in rooms.
#[derive(Debug)]
pub struct Membership(Rooms<usize>);

impl Membership {
    /// So many members, spread over so many rooms, `r0` and up.
    ///
    /// # Panics
    ///
    /// Never: the names are names of rooms.
    pub fn new(members: usize, rooms: usize) -> Self {
        let mut membership = Rooms::new();
        for number in 0..members {
            let sid = Sid::random();
            membership.insert(sid, number);
            let room = RoomName::new(format!("r{}", number % rooms)).expect("it is short");
            membership.enter(&sid, room);
        }
        Self(membership)
    }

    /// The sum of the members of a room.
    pub fn visit(&self, room: &str) -> usize {
        let mut sum = 0;
        let to = Recipients::Rooms(vec![room.into()]);
        self.0.visit(&to, &[], |member| sum += member);
        sum
    }

    /// Whether anybody is in a room.
    pub fn is_anybody(&self, room: &str) -> bool {
        self.0.is_anybody(&Recipients::Rooms(vec![room.into()]))
    }
}
