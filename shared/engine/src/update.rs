//! What an update makes of a Map Run: other limits for the children that have not begun.
//!
//! Which child begins next comes of the place of an end in its part, so the limits of a fan-out are its own for ever. An update
//! lets all children end that have begun, and opens a new fan-out over the others, as a redrive does. Those that had failed are
//! branches of it too: they fail again at once, by what they failed by, and so count in it, and a redrive finds them there.

use crate::{
    limits::CHILDREN_AT_ONCE_MAX,
    position::{FanOut, Position},
    redrive::{Plan, PlanAt, Resumes},
};
use serde::{Deserialize, Serialize};

/// What is asked of a Map Run; what is none stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    /// 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_concurrency: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failures_tolerated: Option<u64>,
    /// 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failures_tolerated_percentage: Option<f64>,
}

impl Wish {
    /// Both wishes together, of which this one is the later.
    pub fn over(self, earlier: Wish) -> Wish {
        Wish {
            max_concurrency: self.max_concurrency.or(earlier.max_concurrency),
            failures_tolerated: self.failures_tolerated.or(earlier.failures_tolerated),
            failures_tolerated_percentage: self
                .failures_tolerated_percentage
                .or(earlier.failures_tolerated_percentage),
        }
    }

    /// How many children may run at once; none where nothing is asked of that. 0 means 10,000, as in the state itself.
    pub fn concurrency(&self) -> Option<u32> {
        self.max_concurrency.map(|limit| match limit {
            0 => CHILDREN_AT_ONCE_MAX,
            limit => u32::try_from(limit).unwrap_or(u32::MAX),
        })
    }

    /// How many failed items are tolerated of so many; none where nothing is asked of that. `count` and `percentage` are the
    /// state's own, of which 0 sets no limit where the other is set.
    pub fn tolerated(&self, items: u64, count: u64, percentage: f64) -> Option<u64> {
        let Wish { failures_tolerated, failures_tolerated_percentage, .. } = *self;
        if failures_tolerated.is_none() && failures_tolerated_percentage.is_none() {
            return None;
        }
        let count = failures_tolerated.or((count > 0).then_some(count));
        let percentage = failures_tolerated_percentage.or((percentage > 0.0).then_some(percentage));
        let by_percentage = percentage.map(|percentage| (items as f64 * percentage / 100.0).floor() as u64);
        let tolerated = count.into_iter().chain(by_percentage).min().unwrap_or(0);
        Some(tolerated.min(items))
    }
}

/// A wish, and what it comes to for the children of a Map Run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// All that has been asked of the Map Run so far.
    pub wish: Wish,
    /// So many may run at once.
    pub concurrency: u32,
    /// So many failures are put up with, as [`FanOut`] counts them.
    pub failures_tolerated: u32,
}

/// What a branch failed by that fails by it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastFailure {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
}

/// Where the state of an updated Map Run would begin, were it tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Updated {
    /// What it went on from before its first update; none: it began anew.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Resumes>,
    /// The run was redriven before anything came of the update: then no failure is repeated.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_redriven: bool,
}

impl Resumes {
    /// Whether the branches that had failed fail again at once.
    pub fn repeats_failures(&self) -> bool {
        self.updated.as_ref().is_some_and(|updated| !updated.is_redriven)
    }

    /// Whether a redrive is behind it, and not only updates.
    pub fn is_redriven(&self) -> bool {
        self.updated.as_ref().is_none_or(|updated| updated.is_redriven || updated.before.is_some())
    }

    /// What another attempt of the state goes on from: an update holds for the Map Run that was updated, and a new attempt is
    /// another one.
    pub(crate) fn tried_again(&self) -> Option<Resumes> {
        match &self.updated {
            Some(updated) if !updated.is_redriven => updated.before.clone(),
            _ => Some(self.clone()),
        }
    }

    /// The same after a redrive.
    pub(crate) fn redriven(mut self) -> Resumes {
        if let Some(updated) = &mut self.updated {
            updated.is_redriven = true;
        }
        self
    }
}

impl Plan {
    /// The fan-out that an update opens over what is left of the one that `position` waits for.
    pub(crate) fn updated(&self, position: &Position, update: &Update) -> Resumes {
        let at = PlanAt { branch: position.branch.clone(), seq: position.seq };
        let resumes = self.resumes(&at, &position.branch);
        let Update { wish, concurrency, failures_tolerated } = *update;
        let concurrency = concurrency.min(resumes.left.count);
        let before = position.resumes.as_ref().and_then(|resumes| resumes.tried_again());
        Resumes {
            left: FanOut { concurrency, failures_tolerated, ..resumes.left },
            wish: Some(Box::new(wish)),
            updated: Some(Box::new(Updated { before, is_redriven: false })),
            ..resumes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_wish_replaces_what_it_names() {
        let wish = |max_concurrency, failures_tolerated| Wish {
            max_concurrency,
            failures_tolerated,
            failures_tolerated_percentage: None,
        };
        assert_eq!(wish(Some(3), None).over(wish(Some(2), Some(7))), wish(Some(3), Some(7)));
        assert_eq!(wish(None, Some(0)).over(wish(Some(2), Some(7))), wish(Some(2), Some(0)));
        assert_eq!(wish(Some(0), None).concurrency(), Some(CHILDREN_AT_ONCE_MAX));
        assert_eq!(wish(Some(u64::MAX), None).concurrency(), Some(u32::MAX));
        assert_eq!(wish(None, None).concurrency(), None);
    }

    #[test]
    fn the_lower_one_of_two_thresholds_decides() {
        let check = |count, percentage, own: (u64, f64), expected| {
            let wish = Wish {
                failures_tolerated: count,
                failures_tolerated_percentage: percentage,
                ..Wish::default()
            };
            assert_eq!(wish.tolerated(10, own.0, own.1), expected, "{wish:?} over {own:?}");
        };
        check(None, None, (3, 10.0), None);
        check(Some(3), None, (0, 0.0), Some(3));
        check(Some(3), None, (1, 20.0), Some(2));
        check(None, Some(55.0), (0, 0.0), Some(5));
        check(None, Some(55.0), (4, 0.0), Some(4));
        check(Some(0), None, (4, 50.0), Some(0));
        check(Some(99), Some(100.0), (0, 0.0), Some(10));
    }
}
