//! The work that the evaluations of one transition may do together.

use crate::limits::EVALUATION_WORK_MAX;
use std::cell::Cell;

/// Counts the work of all evaluations of one transition. Each state that the transition passes has
/// [`EVALUATION_WORK_MAX`] units for all of its fields together; what it needs says nothing about those before it.
///
/// It is counted, not timed: the same evaluations stop at the same place everywhere.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
    /// By the states before.
    spent: Cell<u64>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new()
    }
}

impl Budget {
    pub fn new() -> Budget {
        Budget { left: Cell::new(EVALUATION_WORK_MAX), spent: Cell::new(0) }
    }

    /// For the next state, or for the catcher of this one.
    pub fn renew(&self) {
        self.spent.set(self.total());
        self.left.set(EVALUATION_WORK_MAX);
    }

    /// Whether the transition has done as much work as one state may do: it should stop before the next one.
    pub fn is_spent(&self) -> bool {
        self.total() >= EVALUATION_WORK_MAX
    }

    fn total(&self) -> u64 {
        self.spent.get().saturating_add(EVALUATION_WORK_MAX.saturating_sub(self.left.get()))
    }

    /// What is left for the state, in units of work.
    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }

    /// An evaluation has left so much.
    pub(crate) fn leave(&self, units: u64) {
        self.left.set(units);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_all_of_it_and_the_transition_knows_the_sum() {
        let budget = Budget::new();
        budget.leave(EVALUATION_WORK_MAX / 3);
        assert!(!budget.is_spent());
        budget.renew();
        assert_eq!(budget.left(), EVALUATION_WORK_MAX);
        assert!(!budget.is_spent());
        budget.leave(EVALUATION_WORK_MAX / 3);
        assert!(budget.is_spent());
    }
}
