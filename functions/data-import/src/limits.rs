//! Every limit of an import, each with its unit and why it stands where it does.

/// Characters of one column of a row. All of a row has to fit into an item of 400 KB
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>), and a batch of them into a
/// message.
pub const TEXT_CHARS_MAX: usize = 200;

/// Bytes of an id: a partition key has at most 2,048, and these are ASCII.
pub const ID_BYTES_MAX: usize = 64;

/// Digits of an amount before its decimal point: with two more it stays far below 2^63.
pub const AMOUNT_DIGITS_MAX: usize = 12;

/// Characters of a faulty value that a reason repeats.
pub const EXCERPT_CHARS_MAX: usize = 40;

/// Failures that the run's output names, those of the first lines; all of them are in the table.
pub const FAILURES_TOLD_MAX: usize = 100;

/// Items of one BatchWriteItem call
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>).
pub const PUTS_PER_CALL_MAX: usize = 25;

/// BatchWriteItem calls of one batch that are under way at once: a batch of a hundred rows is four calls, and ten batches
/// may be in one process.
pub const CALLS_AT_ONCE: usize = 4;

/// Calls for the same items before the step gives up and leaves it to the definition's Retry.
pub const TRIES_MAX: u32 = 8;

/// The pause before what was left unprocessed is sent again, in milliseconds: up to this, twice as much each time, and up
/// to that.
pub const BACKOFF_FIRST_MS: u64 = 50;
pub const BACKOFF_MAX_MS: u64 = 1_600;

/// Kept free of a step's time, in milliseconds: it says itself that the table is busy, rather than be cut off.
pub const TIME_LEFT_MIN_MS: u64 = 500;

/// Milliseconds for a call with all its attempts: below the TimeoutSeconds of every task, which is 8, so that a step
/// still says itself that the table didn't answer.
pub const CALL_TIMEOUT_MS: u64 = 6_500;

/// Characters of a bucket's name, at least and at most
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
pub const BUCKET_CHARS_MIN: usize = 3;
pub const BUCKET_CHARS_MAX: usize = 63;

/// Bytes of an object's key (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
pub const KEY_BYTES_MAX: usize = 1024;
