//! Which retrier or catcher applies to an error, and how long a retry waits.

use crate::{
    definition::{Catcher, Jitter, Retrier},
    errors,
    scope::Draws,
};

impl Retrier {
    pub fn matches(&self, error: &str) -> bool {
        errors::matches(&self.error_equals, error)
    }

    /// The delay before the next retry, in milliseconds; never negative.
    ///
    /// `IntervalSeconds` × `BackoffRate` ^ `retries_so_far`, capped by `MaxDelaySeconds`; full jitter then draws a delay
    /// between 0 and that.
    pub fn delay_ms(&self, retries_so_far: u64, draws: &Draws) -> i64 {
        let exponent = i32::try_from(retries_so_far).unwrap_or(i32::MAX);
        let computed = self.interval_seconds as f64 * self.backoff_rate.powi(exponent);
        let cap = self.max_delay_seconds.map_or(f64::INFINITY, |seconds| seconds as f64);
        let seconds = computed.min(cap).max(0.0);
        let drawn = match self.jitter {
            Jitter::None => seconds,
            Jitter::Full => seconds * draws.unit_f64(),
        };
        // A cast saturates, and gives 0 for what is no number.
        (drawn * 1000.0).round() as i64
    }
}

impl Catcher {
    pub fn matches(&self, error: &str) -> bool {
        errors::matches(&self.error_equals, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retrier(
        interval_seconds: u64,
        backoff_rate: f64,
        max_delay_seconds: Option<u64>,
        jitter: Jitter,
    ) -> Retrier {
        Retrier {
            error_equals: vec!["States.ALL".into()],
            interval_seconds,
            max_attempts: 3,
            backoff_rate,
            max_delay_seconds,
            jitter,
        }
    }

    #[track_caller]
    fn check(retrier: &Retrier, retries_so_far: u64, expected_ms: i64) {
        assert_eq!(retrier.delay_ms(retries_so_far, &Draws::new([0; 32])), expected_ms);
    }

    #[test]
    fn the_delay_grows_by_the_rate_up_to_the_cap() {
        let plain = retrier(3, 2.0, None, Jitter::None);
        check(&plain, 0, 3_000);
        check(&plain, 1, 6_000);
        check(&plain, 2, 12_000);
        check(&retrier(3, 2.0, Some(5), Jitter::None), 2, 5_000);
        check(&retrier(1, 1.5, None, Jitter::None), 1, 1_500);
    }

    #[test]
    fn a_delay_beyond_all_bounds_saturates() {
        check(&retrier(99_999_999, 1e308, None, Jitter::None), u64::MAX, i64::MAX);
    }

    #[test]
    fn full_jitter_draws_below_the_capped_delay() {
        let draws = Draws::new([3; 32]);
        let jittered = retrier(10, 2.0, Some(15), Jitter::Full);
        let delays: Vec<i64> = (0..200).map(|_| jittered.delay_ms(3, &draws)).collect();
        assert!(delays.iter().all(|delay| (0..=15_000).contains(delay)));
        assert!(delays.iter().any(|delay| *delay < 5_000) && delays.iter().any(|delay| *delay > 10_000));
    }
}
