//! One timer for every deadline of every session.
//!
//! A timer wheel instead of a timer each: a session's deadline costs a few bytes in a slot, and one task wakes at a
//! steady pace to look at the slots that have become due.

use std::time::Duration;

/// Deadlines in slots of equal length. Entries fall due after their time, by two ticks at most.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    slots: Vec<Vec<Entry<T>>>,
    resolution: Duration,
    now: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due: u64,
    item: T,
}

impl<T> Wheel<T> {
    pub(crate) fn new(slots: usize, resolution: Duration) -> Self {
        let slots = std::iter::repeat_with(Vec::new).take(slots).collect();
        Self {
            slots,
            resolution,
            now: 0,
        }
    }

    /// Lets `item` fall due after `delay`, rounded up to whole ticks. The tick that is under way does not count: it may
    /// be nearly over.
    pub(crate) fn insert(&mut self, delay: Duration, item: T) {
        let ticks = delay.as_nanos().div_ceil(self.resolution.as_nanos());
        let due = self.now + 1 + u64::try_from(ticks).unwrap_or(u64::MAX / 2);
        let slot = due as usize % self.slots.len();
        self.slots[slot].push(Entry { due, item });
    }

    /// Goes on by one tick and takes out what is due.
    pub(crate) fn tick(&mut self, due: &mut Vec<T>) {
        self.now += 1;
        let now = self.now;
        let slot = now as usize % self.slots.len();
        let slot = &mut self.slots[slot];
        due.extend(
            slot.extract_if(.., |entry| entry.due <= now)
                .map(|entry| entry.item),
        );
        if slot.is_empty() {
            *slot = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    fn ticks(wheel: &mut Wheel<u32>, count: usize) -> Vec<u32> {
        let mut due = Vec::new();
        (0..count).for_each(|_| wheel.tick(&mut due));
        due
    }

    #[test]
    fn an_entry_falls_due_behind_its_tick_and_once() {
        let mut wheel = Wheel::new(8, TICK);
        wheel.insert(TICK * 3, 3);
        assert_eq!(ticks(&mut wheel, 3), []);
        assert_eq!(ticks(&mut wheel, 1), [3]);
        assert_eq!(ticks(&mut wheel, 20), []);
    }

    #[test]
    fn a_delay_longer_than_the_wheel_waits_for_its_round() {
        let mut wheel = Wheel::new(4, TICK);
        wheel.insert(TICK * 9, 9);
        assert_eq!(ticks(&mut wheel, 9), []);
        assert_eq!(ticks(&mut wheel, 1), [9]);
    }

    #[test]
    fn no_delay_means_the_next_tick() {
        let mut wheel = Wheel::new(4, TICK);
        wheel.insert(Duration::ZERO, 1);
        wheel.insert(TICK + Duration::from_nanos(1), 2);
        assert_eq!(ticks(&mut wheel, 1), [1]);
        assert_eq!(ticks(&mut wheel, 2), [2]);
    }
}
