//! Points in time as AWS writes and takes them.
//!
//! AWS takes "ISO-8601 extended offset date-time" texts: `2026-11-24T21:52:17.123Z`, `2026-11-24T21:52+01:00`. The date
//! and the time are divided by `T`, the offset is required, seconds and their fraction may be absent.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time},
};

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// An epoch time in milliseconds as AWS writes it: `2026-11-24T21:52:17.123Z`.
///
/// A time after the year 9999 is written as its end, one before the year -9999 as its beginning.
pub fn format(epoch_ms: i64) -> String {
    let time = EPOCH.saturating_add(SignedDuration::from_millis(epoch_ms));
    format!("{time:.3}Z")
}

/// The epoch time in milliseconds that a text names; fractions of a millisecond are dropped. `None`: it names none.
pub fn parse(text: &str) -> Option<i64> {
    parse_ns(text).map(|ns| ns.div_euclid(1_000_000) as i64)
}

/// The same, in nanoseconds: what two timestamps are compared by.
pub(crate) fn parse_ns(text: &str) -> Option<i128> {
    let mut rest = Reader(text.as_bytes());
    let year = rest.digits(4)?;
    rest.expect(b'-')?;
    let month = rest.digits(2)?;
    rest.expect(b'-')?;
    let day = rest.digits(2)?;
    rest.expect_letter(b'T')?;
    let hour = rest.digits(2)?;
    rest.expect(b':')?;
    let minute = rest.digits(2)?;
    let (mut second, mut nanosecond) = (0, 0);
    if rest.take(b':') {
        second = rest.digits(2)?;
        if rest.take(b'.') {
            nanosecond = rest.fraction()?;
        }
    }
    let offset_seconds = rest.offset()?;
    if !rest.0.is_empty() {
        return None;
    }
    let date =
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let time = Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        nanosecond,
    )
    .ok()?;
    let local = DateTime::from_parts(date, time).duration_since(EPOCH);
    Some(local.as_nanos() - i128::from(offset_seconds) * 1_000_000_000)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn expect_letter(&mut self, upper: u8) -> Option<()> {
        (self.take(upper) || self.take(upper.to_ascii_lowercase())).then_some(())
    }

    fn digit(&mut self) -> Option<i32> {
        let (first, rest) = self.0.split_first()?;
        let digit = first.is_ascii_digit().then(|| i32::from(first - b'0'))?;
        self.0 = rest;
        Some(digit)
    }

    fn digits(&mut self, count: usize) -> Option<i32> {
        (0..count).try_fold(0, |number, _| Some(number * 10 + self.digit()?))
    }

    /// One to nine digits, in nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        let mut nanosecond = self.digit()? * 100_000_000;
        let mut unit = 10_000_000;
        while unit > 0 {
            let Some(digit) = self.digit() else { break };
            nanosecond += digit * unit;
            unit /= 10;
        }
        Some(nanosecond)
    }

    fn offset(&mut self) -> Option<i32> {
        if self.expect_letter(b'Z').is_some() {
            return Some(0);
        }
        let sign = if self.take(b'+') {
            1
        } else {
            self.expect(b'-')?;
            -1
        };
        let hours = self.digits(2)?;
        self.expect(b':')?;
        let minutes = self.digits(2)?;
        (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn rfc_3339_texts_are_taken() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2016-12-05T21:29:29Z", Some(1_480_973_369_000));
        check("2016-12-05T22:29:29+01:00", Some(1_480_973_369_000));
        check("2016-12-05T20:59:29-00:30", Some(1_480_973_369_000));
        check("2016-12-05T21:29:29.123456789Z", Some(1_480_973_369_123));
        check("2016-12-05T21:29Z", Some(1_480_973_340_000));
        check("1969-12-31T23:59:59.999Z", Some(-1));
        check("9999-12-31T23:59:59-18:00", Some(253_402_365_599_000));
        check("0000-01-01T00:00:00Z", Some(-62_167_219_200_000));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "2016-12-05",
            "2016-12-05 21:29:29Z",
            "2016-12-05T21:29:29",
            "05-12-2016T21:29:29Z",
            "2016-12-05T25:29:29Z",
            "2016-13-05T21:29:29Z",
            "2016-02-30T21:29:29Z",
            "2016-12-05T21:29:29.Z",
            "2016-12-05T21:29:29.1234567890Z",
            "2016-12-05T21:29:29+1",
            "2016-12-05T21:29:29Z ",
            "२०१६-12-05T21:29:29Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn times_are_written_with_milliseconds() {
        assert_eq!(format(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format(1_480_973_369_123), "2016-12-05T21:29:29.123Z");
        assert_eq!(parse(&format(-1)), Some(-1));
        assert_eq!(format(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
        assert_eq!(format(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert!(format(i64::MIN).starts_with("-009999-01-01T"));
    }
}
