//! Every limit of the pipeline, each with its unit and why it stands where it does.

/// Bytes of a file: what the step reads within its minute with ease.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Bytes of a line: the longest good one has 80.
pub const LINE_BYTES_MAX: usize = 1_024;

/// Characters of a meter's name.
pub const METER_CHARS_MAX: usize = 64;

/// Meters of one file: the summary of so many has less than a megabyte.
pub const METERS_MAX: usize = 10_000;

/// Digits of a reading before its decimal point: all readings of a file together stay far below 2^63 watt-hours.
pub const KWH_DIGITS_MAX: usize = 7;

/// Bad lines that a summary names, those that come first.
pub const FAULTS_TOLD_MAX: usize = 10;
