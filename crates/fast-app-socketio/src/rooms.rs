//! Who is in which room of one namespace. Pure: no I/O, no lock, no event.

use std::collections::{HashMap, HashSet};

use fast_app_engineio::Sid;
use indexmap::IndexMap;

use crate::{emit::Recipients, name::RoomName};

/// The members of a namespace and of its rooms. `M` is the handle of a member; its clones share it.
///
/// A member's own sid is no room: it is looked up among the members, so that no name can be chosen to collide with it.
#[derive(Debug)]
pub(crate) struct Rooms<M> {
    members: IndexMap<Sid, Member<M>>,
    rooms: HashMap<RoomName, IndexMap<Sid, M>>,
    /// Members in rooms: the sum over `rooms`.
    memberships: usize,
}

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Population {
    pub(crate) members: usize,
    pub(crate) rooms: usize,
    pub(crate) memberships: usize,
}

#[derive(Debug)]
struct Member<M> {
    handle: M,
    rooms: Vec<RoomName>,
}

impl<M: Clone> Rooms<M> {
    pub(crate) fn new() -> Self {
        Self {
            members: IndexMap::new(),
            rooms: HashMap::new(),
            memberships: 0,
        }
    }

    pub(crate) fn population(&self) -> Population {
        Population {
            members: self.members.len(),
            rooms: self.rooms.len(),
            memberships: self.memberships,
        }
    }

    pub(crate) fn insert(&mut self, sid: Sid, handle: M) {
        self.members.insert(
            sid,
            Member {
                handle,
                rooms: Vec::new(),
            },
        );
    }

    /// Takes a member out of the namespace and of all its rooms, which are returned.
    pub(crate) fn remove(&mut self, sid: &Sid) -> Vec<RoomName> {
        let Some(member) = self.members.swap_remove(sid) else {
            return Vec::new();
        };
        for room in &member.rooms {
            self.take_out(sid, room);
        }
        member.rooms
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &M> {
        self.members.values().map(|member| &member.handle)
    }

    pub(crate) fn get(&self, sid: &Sid) -> Option<&M> {
        self.members.get(sid).map(|member| &member.handle)
    }

    /// Puts a member into a room; who is no member is in none.
    pub(crate) fn enter(&mut self, sid: &Sid, room: RoomName) {
        let Some(member) = self.members.get_mut(sid) else {
            return;
        };
        if member.rooms.contains(&room) {
            return;
        }
        member.rooms.reserve_exact(1);
        member.rooms.push(room.clone());
        self.memberships += 1;
        self.rooms
            .entry(room)
            .or_default()
            .insert(*sid, member.handle.clone());
    }

    /// Whether the member was in the room.
    pub(crate) fn leave(&mut self, sid: &Sid, room: &RoomName) -> bool {
        let Some(member) = self.members.get_mut(sid) else {
            return false;
        };
        let Some(index) = member.rooms.iter().position(|name| name == room) else {
            return false;
        };
        member.rooms.remove(index);
        self.take_out(sid, room);
        true
    }

    /// Empties a room and returns who was in it.
    pub(crate) fn close(&mut self, room: &RoomName) -> Vec<M> {
        let Some(occupants) = self.rooms.remove(room) else {
            return Vec::new();
        };
        self.memberships -= occupants.len();
        for sid in occupants.keys() {
            if let Some(member) = self.members.get_mut(sid) {
                member.rooms.retain(|name| name != room);
            }
        }
        occupants.into_values().collect()
    }

    pub(crate) fn rooms_of(&self, sid: &Sid) -> &[RoomName] {
        self.members.get(sid).map_or(&[], |member| &member.rooms)
    }

    /// Who is in a room, or has this sid.
    pub(crate) fn occupants(&self, room: &str) -> Vec<M> {
        let mut occupants = Vec::new();
        self.each_in(room, &mut |_, handle| occupants.push(handle.clone()));
        occupants
    }

    /// Visits every recipient once, those in `except` left out.
    pub(crate) fn visit<'a>(
        &'a self,
        to: &Recipients,
        except: &[String],
        mut visit: impl FnMut(&'a M),
    ) {
        let mut left_out = HashSet::new();
        for name in except {
            self.each_in(name, &mut |sid, _| {
                left_out.insert(*sid);
            });
        }
        let mut visit = |sid: &Sid, handle: &'a M| {
            if left_out.is_empty() || !left_out.contains(sid) {
                visit(handle);
            }
        };
        match to {
            Recipients::Everybody => {
                self.members
                    .iter()
                    .for_each(|(sid, member)| visit(sid, &member.handle));
            }
            Recipients::Rooms(rooms) => match rooms.as_slice() {
                [room] => self.each_in(room, &mut visit),
                rooms => {
                    let mut seen = HashSet::new();
                    for room in rooms {
                        self.each_in(room, &mut |sid, handle| {
                            if seen.insert(*sid) {
                                visit(sid, handle);
                            }
                        });
                    }
                }
            },
        }
    }

    /// Whether anybody could be visited: cheap, and may be wrong only for those left out.
    pub(crate) fn is_anybody(&self, to: &Recipients) -> bool {
        match to {
            Recipients::Everybody => !self.members.is_empty(),
            Recipients::Rooms(rooms) => rooms
                .iter()
                .any(|room| self.rooms.contains_key(&**room) || self.own(room).is_some()),
        }
    }

    fn each_in<'a>(&'a self, room: &str, visit: &mut impl FnMut(&Sid, &'a M)) {
        if let Some((sid, handle)) = self.own(room) {
            visit(&sid, handle);
        } else if let Some(occupants) = self.rooms.get(room) {
            occupants
                .iter()
                .for_each(|(sid, handle)| visit(sid, handle));
        }
    }

    /// The member whose sid this is.
    fn own(&self, sid: &str) -> Option<(Sid, &M)> {
        let sid = Sid::parse(sid)?;
        self.get(&sid).map(|handle| (sid, handle))
    }

    fn take_out(&mut self, sid: &Sid, room: &RoomName) {
        if let Some(occupants) = self.rooms.get_mut(room) {
            if occupants.swap_remove(sid).is_some() {
                self.memberships -= 1;
            }
            if occupants.is_empty() {
                self.rooms.remove(room);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomName {
        RoomName::new(name).unwrap()
    }

    fn visited(rooms: &Rooms<u8>, to: &Recipients, except: &[&str]) -> Vec<u8> {
        let except: Vec<_> = except.iter().map(ToString::to_string).collect();
        let mut visited = Vec::new();
        rooms.visit(to, &except, |member| visited.push(*member));
        visited.sort_unstable();
        visited
    }

    fn three() -> (Rooms<u8>, [Sid; 3]) {
        let mut rooms = Rooms::new();
        let sids = [Sid::random(), Sid::random(), Sid::random()];
        for (index, sid) in sids.iter().enumerate() {
            rooms.insert(*sid, index as u8);
            rooms.enter(sid, room("all"));
        }
        rooms.enter(&sids[0], room("first"));
        (rooms, sids)
    }

    fn to(names: &[&str]) -> Recipients {
        Recipients::Rooms(names.iter().map(|name| (*name).into()).collect())
    }

    #[test]
    fn rooms_are_a_union_and_reach_each_once() {
        let (rooms, sids) = three();
        assert_eq!(
            visited(&rooms, &to(&["all", "first", "none"]), &[]),
            [0, 1, 2]
        );
        assert_eq!(visited(&rooms, &to(&["first"]), &[]), [0]);
        assert_eq!(
            visited(
                &rooms,
                &to(&["first", sids[0].as_str(), sids[2].as_str()]),
                &[]
            ),
            [0, 2]
        );
        assert!(visited(&rooms, &to(&[]), &[]).is_empty());
        assert_eq!(
            visited(&rooms, &Recipients::Everybody, &[sids[1].as_str()]),
            [0, 2]
        );
        assert_eq!(visited(&rooms, &to(&["all"]), &["first", "none"]), [1, 2]);
    }

    #[test]
    fn leaving_a_room_stops_delivery() {
        let (mut rooms, sids) = three();
        assert!(rooms.leave(&sids[1], &room("all")));
        assert!(!rooms.leave(&sids[1], &room("all")));
        assert_eq!(visited(&rooms, &to(&["all"]), &[]), [0, 2]);
    }

    #[test]
    fn a_member_that_is_gone_is_in_no_room() {
        let (mut rooms, sids) = three();
        assert_eq!(rooms.remove(&sids[0]), [room("all"), room("first")]);
        assert_eq!(rooms.remove(&sids[0]), []);
        rooms.enter(&sids[0], room("all"));
        assert_eq!(visited(&rooms, &to(&["all", "first"]), &[]), [1, 2]);
        assert!(!rooms.is_anybody(&to(&["first", sids[0].as_str()])));
    }

    #[test]
    fn a_closed_room_is_empty_and_its_members_stay() {
        let (mut rooms, sids) = three();
        assert_eq!(rooms.close(&room("all")).len(), 3);
        assert_eq!(rooms.rooms_of(&sids[0]), [room("first")]);
        assert_eq!(visited(&rooms, &Recipients::Everybody, &[]), [0, 1, 2]);
    }

    #[test]
    fn memberships_are_counted_however_they_end() {
        let (mut rooms, sids) = three();
        let count = |rooms: &Rooms<u8>| {
            let population = rooms.population();
            let sum: usize = rooms.rooms.values().map(IndexMap::len).sum();
            assert_eq!(population.memberships, sum);
            (population.members, population.rooms, population.memberships)
        };
        assert_eq!(count(&rooms), (3, 2, 4));
        rooms.enter(&sids[0], room("all"));
        rooms.enter(&Sid::random(), room("all"));
        assert_eq!(count(&rooms), (3, 2, 4));
        rooms.leave(&sids[1], &room("all"));
        assert_eq!(count(&rooms), (3, 2, 3));
        rooms.close(&room("all"));
        assert_eq!(count(&rooms), (3, 1, 1));
        rooms.remove(&sids[0]);
        assert_eq!(count(&rooms), (2, 0, 0));
    }

    #[test]
    fn empty_rooms_leave_nothing_behind() {
        let (mut rooms, sids) = three();
        sids.iter().for_each(|sid| drop(rooms.remove(sid)));
        assert!(rooms.rooms.is_empty() && rooms.members.is_empty());
        assert_eq!(rooms.memberships, 0);
    }
}
