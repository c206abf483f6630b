//! All limits of the command line, each with its unit and the fact behind it.

use std::time::Duration;

/// An id may be a name or a prefix that is unique among so many of the newest runs.
pub const ID_RUNS_MAX: usize = 200;

/// The most runs that `run list` shows.
pub const LIST_RUNS_MAX: usize = 1_000;

/// `run list --where` reads so many runs at most; it says so where it has stopped there.
pub const WHERE_RUNS_READ_MAX: usize = 10_000;

/// So many runs are planned together where something is done to all runs of a query: what is held in memory of them, and what a
/// report has to say before anything is done to them.
pub const BULK_PAGE_RUNS: usize = 100;

/// Requests of such a query that are under way at once.
pub const BULK_AT_ONCE: usize = 16;

/// So many of its runs are shown before it asks, and so many kinds of them.
pub const BULK_RUNS_SHOWN: usize = 5;
pub const BULK_KINDS_SHOWN: usize = 20;

/// So many kinds of runs are told apart when they are counted: names of errors are whatever steps make of them.
pub const BULK_KINDS_MAX: usize = 1_000;

/// Requests a second, unless told otherwise, and at most: what a stack does meanwhile is to go on.
pub const BULK_RATE_PER_SECOND: f64 = 50.0;
pub const BULK_RATE_PER_SECOND_MAX: f64 = 1_000.0;

/// A request may be so late, in microseconds, without those behind it being late too: about as long as the last requests of a page take.
pub const BULK_LATE_US: i64 = 250_000;

/// A request that the stack can't take now is tried again after so many milliseconds each.
pub const BULK_AGAIN_MS: [i64; 4] = [200, 1_000, 3_000, 10_000];

/// A shell that completes a word waits no longer than this for a stack: whoever has pressed Tab sees nothing until then.
pub const COMPLETION_TIMEOUT: Duration = Duration::from_secs(1);

/// The most runs that a shell offers.
pub const COMPLETION_RUNS_MAX: usize = 50;

/// Runs whose items are read at once.
pub const READS_AT_ONCE: usize = 16;

/// Where all runs are looked at, so many at once.
pub const PAGE_RUNS: usize = 1_000;

/// The most bytes that are read of an input or of one line of an orders file: the largest payload of a run is 64 MiB
/// (`payload_bytes_max`), and white space may stand around it.
pub const INPUT_BYTES_MAX: u64 = 80 * 1024 * 1024;

/// The most bytes of a file with a recorded run: all of it is held in memory while it is replayed, and takes some times as much.
pub const HISTORY_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// So many events of a history are built at once where all of it is looked at.
pub const HISTORY_EVENTS_AT_ONCE: usize = 1_000;

/// A start message holds one order, in bytes: SQS takes 1 MiB
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const START_MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Lines of an orders file: what is known of each is kept in memory until the end.
pub const ORDERS_MAX: usize = 1_000_000;

/// Characters of a cell of a table, and of a cause on one line.
pub const CELL_CHARS_MAX: usize = 60;
pub const LINE_CHARS_MAX: usize = 160;

/// A waiting command looks again after this, and after up to that if nothing has changed.
pub const POLL_FIRST: Duration = Duration::from_millis(50);
pub const POLL_MAX: Duration = Duration::from_secs(2);

/// Whether something listens at a local endpoint is known within this.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// `dev` gives up on its orders if none has ended for so long and nothing has been recorded: a message that kills its
/// function five times takes four minutes to reach the dead-letter queue.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(360);

/// The timer function sweeps once an hour.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// The timeout and memory of a function, in seconds and MB, where its Cargo.toml says nothing.
pub const FUNCTION_TIMEOUT_SECONDS: u32 = 10;
pub const FUNCTION_MEMORY_MB: u32 = 256;
/// Lambda's longest function timeout, in seconds
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const FUNCTION_TIMEOUT_SECONDS_MAX: u32 = 900;

/// A folder is searched for definitions so deep, and among so many files and folders.
pub const FOLDER_DEPTH_MAX: usize = 32;
pub const FOLDER_FILES_MAX: usize = 200_000;

/// `try` gives up after so many events: AWS ends an execution of a STANDARD workflow there
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const TRY_EVENTS_MAX: u64 = 25_000;

/// `try` gives up after so many outcomes unless told otherwise: a Standard execution has at most 25,000 events
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>), and each outcome makes several.
pub const TRY_OUTCOMES_MAX: usize = 10_000;

/// A look into a queue looks at so many messages at most: all of them are held meanwhile, and SQS gives ten at a time.
pub const LETTERS_LOOKED_AT_MAX: usize = 5_000;

/// A move of a dead-letter queue is listed within this, or nobody waits for it any more: SQS says of its lists only that they come to
/// agree, mostly within seconds.
pub const MOVE_LISTED_WITHIN: Duration = Duration::from_secs(60);

/// So many messages are named before something is done to them.
pub const LETTERS_PLANNED_MAX: usize = 20;

/// So many characters of a message's id are shown: a UUID's first part and a half are enough to tell some thousand apart.
pub const LETTER_ID_CHARS: usize = 12;

/// CloudFormation is asked how a stack stands after this, and then after up to that: a new table takes it a minute.
pub const STACK_POLL_FIRST: Duration = Duration::from_millis(500);
pub const STACK_POLL_MAX: Duration = Duration::from_secs(10);

/// So many reasons why a deployment failed are told; the first one is mostly the only one that counts.
pub const STACK_REASONS_MAX: usize = 10;

/// So many changes of a deployment are listed in text.
pub const CHANGES_SHOWN_MAX: usize = 200;

/// Resources of a stack that `doctor` reads at once.
pub const RESOURCES_READ_AT_ONCE: usize = 8;

/// A queue hides a message for at least so many timeouts of its function
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
pub const VISIBILITY_TIMEOUTS_MIN: u32 = 6;

/// Messages of a queue that may be in flight at once
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const IN_FLIGHT_MAX: u64 = 120_000;

/// A step that always dies should reach its Catch within this.
pub const CATCH_SECONDS_NOTED: u64 = 3_600;

/// Actions and resources of one question to IAM's simulator.
pub const SIMULATED_ACTIONS_MAX: usize = 20;

/// Questions to IAM's simulator that are under way at once: each is a process of the AWS CLI.
pub const QUESTIONS_AT_ONCE: usize = 4;

/// The stack of each thread, in bytes: as much as the main thread has. Without optimisation the futures of nested calls take more
/// than the usual 2 MiB.
pub const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;
