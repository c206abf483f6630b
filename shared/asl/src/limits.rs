//! Every limit of this crate, with its unit and where it comes from.

/// A definition's text. AWS's quota: 1 MB for a state machine definition
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const DEFINITION_BYTES_MAX: usize = 1024 * 1024;

/// Objects and arrays within each other in a definition: where `serde_json` stops, so that no text can exhaust the stack.
pub const DEFINITION_DEPTH_MAX: usize = 127;

/// Faults that one parse reports. Whoever sees this many has another file in hand than they think.
pub const FAULTS_MAX: usize = 200;

/// Characters in a state's name. AWS's quota.
pub const STATE_NAME_CHARS_MAX: usize = 80;

/// `TimeoutSeconds`, `HeartbeatSeconds`, `Seconds` and `IntervalSeconds`, in seconds (AWS: 99,999,999).
pub const SECONDS_MAX: u64 = 99_999_999;

/// `MaxAttempts` (AWS: 99,999,999).
pub const MAX_ATTEMPTS_MAX: u64 = 99_999_999;

/// `MaxDelaySeconds`, in seconds: 366 days (AWS: less than 31,622,401).
pub const MAX_DELAY_SECONDS_MAX: u64 = 31_622_400;

/// Intrinsic functions within one expression (AWS: up to 10 nested,
/// <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>).
pub const INTRINSIC_CALLS_MAX: usize = 10;

/// Characters that `States.Base64Encode`, `States.Base64Decode` and `States.Hash` accept (AWS: 10,000).
pub const INTRINSIC_TEXT_CHARS_MAX: usize = 10_000;

/// Elements that `States.ArrayRange` makes (AWS: 1,000).
pub const ARRAY_RANGE_ITEMS_MAX: i64 = 1_000;

/// Objects and arrays within each other in data that an evaluation makes. Below `serde_json`'s 128, so that data inside
/// a record or a message can always be read again.
pub const VALUE_DEPTH_MAX: usize = 100;

/// Bytes of JSON that one evaluation may make: the largest payload (`payload_bytes_max`) that the project allows.
/// AWS's own limit is 256 KiB.
pub const EVALUATION_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Values that one path may have found after any of its steps.
pub const PATH_NODES_MAX: usize = 1_000_000;

/// Units of work that one path may take in one evaluation: a value looked at or a step tried is one, and a byte that a
/// small regular expression is matched against is two. It bounds `..`, wildcards and filters, however they are put
/// together, to about a second.
pub const PATH_WORK_MAX: usize = 10_000_000;

/// Steps in one path, with those and the conditions of its filters.
pub const PATH_STEPS_MAX: usize = 100;

/// Filters and parentheses within each other in one path.
pub const PATH_FILTER_DEPTH_MAX: usize = 10;

/// Bytes of memory that the compiled form of a regular expression in a filter may take.
pub const PATH_REGEX_BYTES_MAX: usize = 16 * 1024;

/// Characters in a workflow variable's name. AWS's limit
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html>).
pub const VARIABLE_NAME_CHARS_MAX: usize = 80;

/// Characters of input data that a cause quotes. AWS cuts a cause at 32,768 characters.
pub const CAUSE_CHARS_MAX: usize = 32_768;
