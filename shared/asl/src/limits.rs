//! Every limit of this crate, with its unit and where it comes from.

/// A definition's text. AWS's quota: 1 MB for a state machine definition
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const DEFINITION_BYTES_MAX: usize = 1024 * 1024;

/// Objects and arrays within each other in a definition: where `serde_json` stops, so that no text can exhaust the stack.
pub const DEFINITION_DEPTH_MAX: usize = 127;

/// Faults that one parse reports. Whoever sees this many has another file in hand than they think.
pub const FAULTS_MAX: usize = 200;

/// Names among which a hint looks for the one that was meant: comparing all of a huge definition's costs seconds.
pub const HINT_CANDIDATES_MAX: usize = 2_000;

/// Levels of objects that are told apart where a definition's data is followed from state to state.
pub const SHAPE_DEPTH_MAX: usize = 6;

/// Values that are compared while the data is followed in one parse. A definition that needs more is not followed: it is
/// no one's mistake.
pub const REACH_WORK_MAX: usize = 200_000;

/// Changes of one state's input after which it can be anything.
pub const REACH_CHANGES_MAX: usize = 20;

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

/// Units of work that all evaluations of one state may do together, whatever the language: about a second or two. A
/// transition goes on to another state only as long as it has done less in all. AWS names no figure; it stops an execution
/// of its own accord. See docs/decisions/0013-jsonata-limits.md.
pub const EVALUATION_WORK_MAX: u64 = 50_000_000;

/// Units of [`EVALUATION_WORK_MAX`] for one step of a path: a value looked at or compared, 64 bytes copied, 16 bytes of
/// text put into an order, or half a byte that a small regular expression is matched against. It bounds `..`, wildcards
/// and filters, however they are put together.
pub const PATH_WORK_PER_STEP: u64 = 5;

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

/// Bytes of one JSONata expression's text. AWS names no limit of its own beside the definition's.
pub const JSONATA_TEXT_BYTES_MAX: usize = 64 * 1024;

/// Units of [`EVALUATION_WORK_MAX`] of one call of a function of the expression, and of one item of a loop.
pub const JSONATA_WORK_PER_STEP: u64 = 50;

/// Items of one JSONata array that an expression makes. JSONata itself allows 10,000,000 for a range.
pub const JSONATA_SEQUENCE_ITEMS_MAX: usize = 1_000_000;

/// Levels of nested evaluation in JSONata; a function that calls itself takes about four for each call.
pub const JSONATA_DEPTH_MAX: usize = 10_000;

/// Milliseconds after which a JSONata evaluation is given up. It protects the process; it is never an outcome. Well below
/// the 10 seconds that a function has unless its timeout is set, so that whoever gives up can still say so.
pub const JSONATA_CLOCK_MS_MAX: u64 = 3_000;

/// Characters of a Map state's `Label` (AWS: 40,
/// <https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html>).
pub const LABEL_CHARS_MAX: usize = 40;

/// `MaxItems` of an item reader (AWS: 100,000,000).
pub const MAX_ITEMS_MAX: u64 = 100_000_000;

/// Bytes of all names in `CSVHeaders` (AWS: 10 KB).
pub const CSV_HEADERS_BYTES_MAX: usize = 10 * 1024;

/// An ItemsPointer has fewer characters
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>).
pub const ITEMS_POINTER_CHARS: usize = 2_000;

/// `MaxItemsPerBatch`. AWS names no limit of its own; a batch has no more items than there are.
pub const MAX_ITEMS_PER_BATCH_MAX: u64 = 100_000_000;

/// `MaxInputBytesPerBatch`, in bytes (AWS: 256 KiB).
pub const MAX_INPUT_BYTES_PER_BATCH_MAX: u64 = 256 * 1024;

/// Digits that a width in a JSONata date picture asks for (`[Y,*-4]`).
pub const JSONATA_PICTURE_WIDTH_MAX: usize = 999;
