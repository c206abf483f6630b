//! What a process counts: how often, never what.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    RunsStarted,
    RunsSucceeded,
    /// Runs that ended FAILED or TIMED_OUT. One that somebody stops isn't among them.
    RunsFailed,
    /// Runs that had no visible reason to wait, and of which something was done again.
    Repairs,
    /// Messages that were parked.
    Parked,
    /// Messages that were left to their queue, for whatever reason.
    LeftToQueue,
    /// Calls that were refused for their number, after all attempts of the client.
    Throttles,
    /// Outcomes of steps that were recorded.
    Steps,
}

impl Metric {
    pub const ALL: [Metric; 8] = [
        Metric::RunsStarted,
        Metric::RunsSucceeded,
        Metric::RunsFailed,
        Metric::Repairs,
        Metric::Parked,
        Metric::LeftToQueue,
        Metric::Throttles,
        Metric::Steps,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Metric::RunsStarted => "RunsStarted",
            Metric::RunsSucceeded => "RunsSucceeded",
            Metric::RunsFailed => "RunsFailed",
            Metric::Repairs => "Repairs",
            Metric::Parked => "Parked",
            Metric::LeftToQueue => "LeftToQueue",
            Metric::Throttles => "Throttles",
            Metric::Steps => "Steps",
        }
    }

    /// Whether somebody wants to know of it at once, for an alarm waits for it: it may be the last that a process does.
    pub fn is_urgent(self) -> bool {
        matches!(self, Metric::RunsFailed | Metric::Repairs | Metric::Parked | Metric::Throttles)
    }
}

/// What a process has counted since it was last asked.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: [AtomicU64; Metric::ALL.len()],
}

impl Metrics {
    pub(crate) fn count(&self, metric: Metric) {
        self.add(metric, 1);
    }

    pub(crate) fn add(&self, metric: Metric, number: u64) {
        if let Some(count) = self.counts.get(metric as usize) {
            count.fetch_add(number, Ordering::Relaxed);
        }
    }

    /// Whether an urgent one has been counted.
    pub fn is_urgent(&self) -> bool {
        let counted = |metric: &Metric| {
            self.counts.get(*metric as usize).is_some_and(|count| count.load(Ordering::Relaxed) > 0)
        };
        Metric::ALL.iter().filter(|metric| metric.is_urgent()).any(counted)
    }

    /// Those that are not zero; they begin anew.
    pub fn take(&self) -> Vec<(Metric, u64)> {
        let taken = Metric::ALL.into_iter().zip(&self.counts);
        taken
            .map(|(metric, count)| (metric, count.swap(0, Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_taken_once() {
        let metrics = Metrics::default();
        metrics.count(Metric::Steps);
        metrics.add(Metric::Steps, 2);
        metrics.count(Metric::RunsStarted);
        assert!(!metrics.is_urgent());
        assert_eq!(metrics.take(), [(Metric::RunsStarted, 1), (Metric::Steps, 3)]);
        assert_eq!(metrics.take(), []);
    }

    #[test]
    fn what_is_urgent_is_so_as_soon_as_it_is_counted() {
        for metric in Metric::ALL {
            let metrics = Metrics::default();
            metrics.count(metric);
            let is_urgent =
                matches!(metric, Metric::RunsFailed | Metric::Repairs | Metric::Parked | Metric::Throttles);
            assert_eq!(metrics.is_urgent(), is_urgent, "{}", metric.name());
            metrics.take();
            assert!(!metrics.is_urgent());
        }
    }

    #[test]
    fn each_metric_has_a_place_of_its_own() {
        for (place, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, place, "{}", metric.name());
        }
    }
}
