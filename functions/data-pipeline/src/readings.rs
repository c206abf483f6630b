//! What the lines of a file say: `meter,kwh` with at most three decimals, and nothing quoted. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::{FAULTS_TOLD_MAX, KWH_DIGITS_MAX, LINE_BYTES_MAX, METER_CHARS_MAX, METERS_MAX};

/// The first line of each file.
pub const HEADER: &str = "meter,kwh";

/// What a file comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Good lines.
    pub readings: u64,
    /// Bad ones, which count for no meter.
    pub bad: u64,
    pub total_wh: u64,
    pub meters: BTreeMap<String, Meter>,
    /// The first bad lines.
    pub faults: Vec<Fault>,
}

/// What one meter has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    pub readings: u64,
    pub wh: u64,
}

/// A line that says nothing, and why. The first line of a file is line 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub line: u64,
    pub reason: String,
}

/// Why a file can't be summed up at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    #[error("the first line is not {HEADER}")]
    NoHeader,
    #[error("it has more than {METERS_MAX} meters")]
    TooManyMeters,
}

/// A file on its way through: takes its bytes in pieces, and holds one line of them.
#[derive(Debug, Default)]
pub struct Reader {
    summary: Summary,
    line: Vec<u8>,
    is_too_long: bool,
    lines: u64,
}

impl Reader {
    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), FileFault> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (head, rest) = bytes.split_at(end);
            self.keep(head);
            self.end_line()?;
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.keep(bytes);
        Ok(())
    }

    /// The file has ended.
    pub fn finish(mut self) -> Result<Summary, FileFault> {
        if !self.line.is_empty() || self.lines == 0 {
            self.end_line()?;
        }
        Ok(self.summary)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
        self.is_too_long |= bytes.len() > room;
        self.line.extend(bytes.iter().take(room));
    }

    fn end_line(&mut self) -> Result<(), FileFault> {
        let line = std::mem::take(&mut self.line);
        let is_too_long = std::mem::take(&mut self.is_too_long);
        self.lines += 1;
        let text = std::str::from_utf8(&line).map(|text| text.strip_suffix('\r').unwrap_or(text));
        let reading = match text {
            _ if is_too_long => Err(format!("it has more than {LINE_BYTES_MAX} bytes")),
            Err(_) => Err("it is not UTF-8".to_owned()),
            // A file may begin with a byte order mark.
            Ok(text) if self.lines == 1 => {
                return if text.trim_start_matches('\u{feff}') == HEADER {
                    Ok(())
                } else {
                    Err(FileFault::NoHeader)
                };
            }
            Ok("") => return Ok(()),
            Ok(text) => reading(text),
        };
        match reading {
            Ok((meter, wh)) => self.count(meter, wh),
            Err(_) if self.lines == 1 => Err(FileFault::NoHeader),
            Err(reason) => {
                self.summary.bad += 1;
                if self.summary.faults.len() < FAULTS_TOLD_MAX {
                    self.summary.faults.push(Fault { line: self.lines, reason });
                }
                Ok(())
            }
        }
    }

    fn count(&mut self, meter: String, wh: u64) -> Result<(), FileFault> {
        let Summary { readings, total_wh, meters, .. } = &mut self.summary;
        if meters.len() >= METERS_MAX && !meters.contains_key(&meter) {
            return Err(FileFault::TooManyMeters);
        }
        let meter = meters.entry(meter).or_default();
        meter.readings += 1;
        meter.wh = meter.wh.saturating_add(wh);
        *readings += 1;
        *total_wh = total_wh.saturating_add(wh);
        Ok(())
    }
}

/// A line's meter and its watt-hours.
fn reading(line: &str) -> Result<(String, u64), String> {
    let Some((meter, kwh)) = line.split_once(',') else {
        return Err("it has one column; there are two".to_owned());
    };
    if kwh.contains(',') {
        return Err("it has more than two columns".to_owned());
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if meter.is_empty() || meter.len() > METER_CHARS_MAX || !meter.bytes().all(is_plain) {
        return Err("meter is none: letters, digits and hyphens".to_owned());
    }
    let wh = watt_hours(kwh).ok_or("kwh is no number with at most three decimals")?;
    Ok((meter.to_owned(), wh))
}

fn watt_hours(kwh: &str) -> Option<u64> {
    let (whole, decimals) = kwh.split_once('.').unwrap_or((kwh, "0"));
    let is_number = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(whole, KWH_DIGITS_MAX) || !is_number(decimals, 3) {
        return None;
    }
    format!("{whole}{decimals:0<3}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(file: &[u8], piece: usize) -> Result<Summary, FileFault> {
        let mut reader = Reader::default();
        file.chunks(piece).try_for_each(|piece| reader.push(piece))?;
        reader.finish()
    }

    #[test]
    fn a_file_comes_to_the_same_however_it_is_cut() {
        let file = b"\xef\xbb\xbfmeter,kwh\r\na-1,1.5\nb,0.001\r\n\na-1,12\n\xff,1\na-1\nb,1,2\nb,-1\nlast,0000007.25";
        let whole = summary(file, file.len()).unwrap();
        assert_eq!((whole.readings, whole.bad, whole.total_wh), (4, 4, 20_751));
        assert_eq!(whole.meters["a-1"], Meter { readings: 2, wh: 13_500 });
        let faults: Vec<(u64, &str)> =
            whole.faults.iter().map(|fault| (fault.line, fault.reason.as_str())).collect();
        let expected = [
            (6, "it is not UTF-8"),
            (7, "it has one column; there are two"),
            (8, "it has more than two columns"),
            (9, "kwh is no number with at most three decimals"),
        ];
        assert_eq!(faults, expected);
        for piece in 1..file.len() {
            assert_eq!(summary(file, piece).as_ref(), Ok(&whole), "{piece}");
        }
    }

    #[test]
    fn a_file_without_its_header_is_none() {
        for file in ["", "\n", "kwh,meter\na,1", "a,1\n", "meter;kwh\n"] {
            assert_eq!(summary(file.as_bytes(), 3), Err(FileFault::NoHeader), "{file:?}");
        }
        let long = "m".repeat(LINE_BYTES_MAX + 1);
        assert_eq!(summary(long.as_bytes(), 100), Err(FileFault::NoHeader));
        assert_eq!(summary(b"meter,kwh", 4), Ok(Summary::default()));
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory_and_no_other_line() {
        let file = format!("meter,kwh\n{}\na,1\n", "x".repeat(1_000_000));
        let summary = summary(file.as_bytes(), 4_096).unwrap();
        assert_eq!((summary.readings, summary.bad), (1, 1));
        assert_eq!(summary.faults[0].reason, "it has more than 1024 bytes");
    }

    #[test]
    fn bad_lines_are_counted_and_the_first_are_named() {
        let file = format!("meter,kwh\n{}", "?,1\n".repeat(25));
        let summary = summary(file.as_bytes(), 7).unwrap();
        assert_eq!((summary.bad, summary.faults.len()), (25, FAULTS_TOLD_MAX));
    }

    #[test]
    fn there_is_an_end_to_meters() {
        let line = |meter| format!("m-{meter},1\n");
        let file = |meters| format!("meter,kwh\n{}m-0,1\n", (0..meters).map(line).collect::<String>());
        assert_eq!(summary(file(METERS_MAX).as_bytes(), 4_096).unwrap().meters.len(), METERS_MAX);
        assert_eq!(summary(file(METERS_MAX + 1).as_bytes(), 4_096), Err(FileFault::TooManyMeters));
    }

    #[test]
    fn a_reading_is_digits_with_at_most_three_decimals() {
        for (kwh, wh) in
            [("0", 0), ("1", 1_000), ("1.5", 1_500), ("0.001", 1), ("9999999.999", 9_999_999_999)]
        {
            assert_eq!(watt_hours(kwh), Some(wh), "{kwh}");
        }
        for none in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1.2345", "10000000", "1 ", "NaN"] {
            assert_eq!(watt_hours(none), None, "{none}");
        }
    }
}
