//! The bytes that were pushed and that no told row has taken yet.

use crate::Place;

/// Bytes in the order of the object, and the place of the first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    bytes: Vec<u8>,
    /// So many at the beginning of `bytes` have been taken.
    taken: usize,
    place: Place,
    finished: bool,
}

impl Held {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, ..Self::default() }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.finished {
            return;
        }
        // Moving what is left costs no more than it did to read what has been taken.
        if self.taken >= self.rest().len() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The place of the first byte of `rest`.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Leaves the first `count` bytes of `rest` behind.
    pub(crate) fn take(&mut self, count: usize) {
        let taken = self.rest().get(..count).unwrap_or(self.rest());
        let (count, lines) = (taken.len(), taken.iter().filter(|byte| **byte == b'\n').count());
        self.taken += count;
        self.place.offset += count as u64;
        self.place.line += lines as u64;
    }

    /// Leaves the rest of the line behind, as far as it is here: whether its end was.
    pub(crate) fn take_line(&mut self) -> bool {
        let end = self.rest().iter().position(|byte| *byte == b'\n');
        self.take(end.map_or(usize::MAX, |end| end + 1));
        end.is_some()
    }
}
