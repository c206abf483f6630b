//! The goals, and what can't be measured here.

/// Goals of a chain of five steps, in US dollars per million steps and write units per step.
pub(crate) const WRITE_UNITS_PER_STEP_MAX: f64 = 1.6;
pub(crate) const REQUESTS_SINGLY_MAX: f64 = 2.50;
pub(crate) const REQUESTS_IN_TENS_MAX: f64 = 1.20;
pub(crate) const ALL_SINGLY_MAX: f64 = 3.10;
pub(crate) const ALL_IN_TENS_MAX: f64 = 1.80;
/// Goals of runs of one step that are started by messages and taken in batches of a hundred: requests to the queues per step.
pub(crate) const QUEUE_REQUESTS_IN_HUNDREDS_MAX: f64 = 0.65;
/// Of the order workflow's stack, a month.
pub(crate) const IDLE_DOLLARS_MAX: f64 = 2.00;

/// The memory of a step's function unless its package sets another.
pub(crate) const MEMORY_MB: f64 = 256.0;
/// A function with so much memory has one vCPU, and one with less its part of it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
pub(crate) const MEMORY_MB_PER_VCPU: f64 = 1769.0;
/// How long one write to the table takes within a region: "single-digit millisecond", here rounded up.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Introduction.html>
pub(crate) const WRITE_MS: f64 = 10.0;
/// How long one send takes. The SQS FAQ says "tens or low hundreds of milliseconds" of all its calls, from anywhere; within
/// a region most take less than this.
pub(crate) const SEND_MS: f64 = 20.0;
/// A step that does nothing, where nothing is recorded by it: the least that Lambda bills.
pub(crate) const STEP_MS: f64 = 1.0;
/// What one state of an Express workflow takes beside its function: to be fair, as little as it can.
pub(crate) const EXPRESS_STATE_MS: f64 = 10.0;
/// Express workflows are billed for memory in steps of this many MB, and for time in steps of so many milliseconds.
/// <https://aws.amazon.com/step-functions/pricing/>
pub(crate) const EXPRESS_MEMORY_MB: f64 = 64.0;
pub(crate) const EXPRESS_ROUND_MS: f64 = 100.0;

/// One receive, and one delete, is for so many messages at most.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
pub(crate) const MESSAGES_PER_CALL: f64 = 10.0;

/// Storage is billed by 1,024³ bytes.
pub(crate) const GB: f64 = 1_073_741_824.0;
/// What an item takes beyond its size, in the table and in each index.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
pub(crate) const ITEM_OVERHEAD_BYTES: u64 = 100;
/// What a log event takes beyond its text.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub(crate) const LOG_EVENT_OVERHEAD_BYTES: f64 = 26.0;

/// An idle mapping keeps so many pollers, and each asks again after a long poll's 20 seconds.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
pub(crate) const IDLE_POLLERS: f64 = 5.0;
pub(crate) const LONG_POLL_SECONDS: f64 = 20.0;
/// A month of 30 days, as everywhere here.
pub(crate) const MONTH_SECONDS: f64 = 2_592_000.0;
/// The load at which lines that are written once a minute are shared out: a million steps a month.
pub(crate) const STEPS_PER_MONTH: f64 = 1_000_000.0;

/// How long a scenario may take on this machine before it counts as stuck.
pub(crate) const SCENARIO_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(120);
