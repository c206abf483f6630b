//! How fast requests go out: one after another, evenly, and not in bursts.

use crate::limits::{BULK_LATE_US, BULK_RATE_PER_SECOND, BULK_RATE_PER_SECOND_MAX};
use std::{fmt, str::FromStr};

/// How many requests a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(f64);

impl Default for Rate {
    fn default() -> Self {
        Self(BULK_RATE_PER_SECOND)
    }
}

impl Rate {
    pub fn per_second(self) -> f64 {
        self.0
    }

    /// So many requests take so long, in milliseconds.
    pub fn takes_ms(self, requests: usize) -> i64 {
        (requests as f64 / self.0 * 1_000.0).ceil() as i64
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", (self.0 * 100.0).round() / 100.0)
    }
}

/// `50`, `50/s`, `600/m`, `1000/h`.
impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            _ => return Err("a number of runs a second is expected, like 50/s; or 600/m, 1000/h".to_owned()),
        };
        let number: f64 =
            number.parse().map_err(|_| "a number of runs a second is expected, like 50/s".to_owned())?;
        let rate = number / seconds;
        match rate > 0.0 && rate <= BULK_RATE_PER_SECOND_MAX {
            true => Ok(Self(rate)),
            false => Err(format!("more than 0 and at most {BULK_RATE_PER_SECOND_MAX} a second")),
        }
    }
}

/// When the next request may go out.
#[derive(Debug)]
pub struct Pace {
    interval_us: i64,
    /// None before the first one.
    next_us: Option<i64>,
}

impl Pace {
    pub fn new(rate: Rate) -> Self {
        Self { interval_us: (1e6 / rate.0).round() as i64, next_us: None }
    }

    /// Takes the next slot; how long it is until then, in microseconds. One that is late keeps no more of its lateness than
    /// [`BULK_LATE_US`]: whoever stood still doesn't catch up.
    pub fn slot(&mut self, now_us: i64) -> i64 {
        let at_us = self.next_us.map_or(now_us, |next_us| next_us.max(now_us - BULK_LATE_US));
        self.next_us = Some(at_us + self.interval_us);
        (at_us - now_us).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_with_its_unit() {
        let rate = |text: &str| text.parse::<Rate>().map(Rate::per_second);
        assert_eq!(rate("50/s"), Ok(50.0));
        assert_eq!(rate("0.5"), Ok(0.5));
        assert_eq!(rate("600/m"), Ok(10.0));
        assert_eq!(rate("3600/h"), Ok(1.0));
        for wrong in ["", "fast", "50/d", "0/s", "-1/s", "1001/s", "NaN", "inf"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        assert_eq!("600/m".parse::<Rate>().unwrap().to_string(), "10/s");
        assert_eq!("50/s".parse::<Rate>().unwrap().takes_ms(5_000), 100_000);
    }

    /// So many slots are taken by somebody whose clock goes on by what each waits, and is late by so much each time.
    fn taken_us(pace: &mut Pace, slots: usize, late_us: i64) -> i64 {
        let mut now_us = 1_000_000_000;
        let began_us = now_us;
        for _ in 0..slots {
            now_us += pace.slot(now_us) + late_us;
        }
        now_us - began_us
    }

    #[test]
    fn slots_come_at_the_rate_also_where_each_is_a_little_late() {
        let pace = || Pace::new("200/s".parse().unwrap());
        for late_us in [0, 900, 4_000] {
            let taken_us = taken_us(&mut pace(), 1_000, late_us);
            assert!((4_900_000..5_010_000).contains(&taken_us), "{taken_us}");
        }
    }

    #[test]
    fn who_stood_still_does_not_catch_up() {
        let mut pace = Pace::new("100/s".parse().unwrap());
        pace.slot(0);
        let at_once = (0..1_000).filter(|_| pace.slot(60_000_000) == 0).count();
        assert!(at_once <= 26, "{at_once}");
    }
}
