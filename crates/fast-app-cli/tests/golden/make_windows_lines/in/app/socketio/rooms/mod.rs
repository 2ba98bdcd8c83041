//! Rooms.
