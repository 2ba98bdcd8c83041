//! Rooms that clients may join.
