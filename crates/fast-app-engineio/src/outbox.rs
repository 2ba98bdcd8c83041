//! What waits to be sent to one client, in order.

use std::{collections::VecDeque, io::IoSlice};

use crate::frame::{Frame, OVERHEAD};

/// A queue of frames that owns no memory while it is empty and none of its own for a single frame.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    first: Option<Frame>,
    rest: VecDeque<Frame>,
    /// How much of `first` has been written already.
    written: usize,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn push(&mut self, frame: Frame) {
        self.bytes += frame.len();
        if self.first.is_none() {
            self.first = Some(frame);
        } else {
            self.rest.push_back(frame);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Bytes that still have to be written.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes - self.written
    }

    /// What the frames that still have to be written take in memory, about.
    pub(crate) fn cost(&self) -> usize {
        let frames = usize::from(self.first.is_some()) + self.rest.len();
        self.bytes() + frames * OVERHEAD
    }

    /// Fills `slices` with what comes next and says how many it filled.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(first) = &self.first else { return 0 };
        slices[0] = IoSlice::new(&first.as_bytes()[self.written..]);
        let mut filled = 1;
        for (slice, frame) in slices[1..].iter_mut().zip(&self.rest) {
            *slice = IoSlice::new(frame.as_bytes());
            filled += 1;
        }
        filled
    }

    /// Forgets the next `count` bytes, which have been written.
    pub(crate) fn advance(&mut self, mut count: usize) {
        while let Some(first) = &self.first {
            let left = first.len() - self.written;
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.pop();
        }
        debug_assert_eq!(count, 0, "more was written than was there");
    }

    /// The next frame, whole.
    pub(crate) fn peek(&self) -> Option<&Frame> {
        self.first.as_ref()
    }

    pub(crate) fn pop(&mut self) -> Option<Frame> {
        let frame = self.first.take()?;
        self.bytes -= frame.len();
        self.written = 0;
        self.first = self.rest.pop_front();
        if self.rest.is_empty() {
            self.rest = VecDeque::new();
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outbox(payloads: &[Vec<u8>]) -> Outbox {
        let mut outbox = Outbox::default();
        payloads
            .iter()
            .for_each(|payload| outbox.push(Frame::binary(payload)));
        outbox
    }

    fn wire(outbox: &Outbox) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = outbox.slices(&mut slices);
        slices[..filled]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect()
    }

    #[test]
    fn an_empty_outbox_holds_no_memory() {
        let mut outbox = outbox(&[vec![1], vec![2], vec![3]]);
        outbox.advance(outbox.bytes());
        assert!(outbox.is_empty());
        assert_eq!((outbox.bytes(), outbox.rest.capacity()), (0, 0));
    }

    proptest! {
        #[test]
        fn writing_in_any_steps_gives_the_same_bytes(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
            steps in prop::collection::vec(1usize..400, 0..40),
        ) {
            let mut outbox = outbox(&payloads);
            let whole = wire(&outbox);
            let mut written = Vec::new();
            for step in steps {
                let next = wire(&outbox);
                let step = step.min(next.len());
                written.extend_from_slice(&next[..step]);
                outbox.advance(step);
                prop_assert_eq!(outbox.bytes(), whole.len() - written.len());
                let frames = outbox.slices(&mut [IoSlice::new(&[]); 64]);
                prop_assert_eq!(outbox.cost(), outbox.bytes() + frames * OVERHEAD);
            }
            written.extend(wire(&outbox));
            prop_assert_eq!(written, whole);
        }
    }
}
