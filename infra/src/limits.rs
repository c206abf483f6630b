//! All limits of this crate, each with its unit and the fact behind it.

use std::ops::RangeInclusive;

/// A queue hides a received message for so many timeouts of its function, and the batching window beside
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
pub const VISIBILITY_TIMEOUTS: u32 = 6;

/// The timeout of a function, in seconds (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const TIMEOUT_SECONDS: RangeInclusive<u32> = 1..=900;

/// So much of the dead-letter function's timeout is not the step's that it hands a message to, in seconds: it reads the
/// run first, the step's function may have to be started, and what became of it has to be recorded.
pub const SOLO_SECONDS_LEFT: u32 = 30;

/// The memory of a function, in MB (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const MEMORY_MB: RangeInclusive<u32> = 128..=10_240;

/// The messages of a batch from a standard queue
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html>).
pub const BATCH_SIZE: RangeInclusive<u32> = 1..=10_000;

/// A larger batch needs a batching window of a second or more
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html>).
pub const BATCH_SIZE_WITHOUT_WINDOW_MAX: u32 = 10;

/// An object's key, in bytes (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
pub(crate) const KEY_BYTES_MAX: usize = 1024;

/// The batching window, in seconds (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html>).
pub const BATCHING_WINDOW_SECONDS: RangeInclusive<u32> = 0..=300;

/// A mapping without a limit of its own runs at most so many batches at once
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
pub const MAPPING_CONCURRENCY_MAX: u32 = 1_250;

/// How many batches of a queue are under way at once, where that is limited
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
pub const MAXIMUM_CONCURRENCY: RangeInclusive<u32> = 2..=1_000;

/// A poller of provisioned mode has so many batches under way at once
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
pub const POLLER_CONCURRENCY: u32 = 10;

/// The pollers of provisioned mode: the fewest, and the most
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-eventsourcemapping-provisionedpollerconfig.html>).
pub const POLLERS_MINIMUM: RangeInclusive<u32> = 2..=200;
pub const POLLERS_MAXIMUM: RangeInclusive<u32> = 2..=2_000;

/// The concurrency that is kept for a function. An account has 1,000 unless raised, of which 100 can't be reserved
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>).
pub const RESERVED_CONCURRENCY: RangeInclusive<u32> = 1..=100_000;

/// How often a step begins at most that has a rate, in times a second: as the programs take it.
pub const RATE_PER_SECOND: RangeInclusive<f64> = 0.001..=1_000.0;

/// How often a message is received before it goes to the dead-letter queue
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>).
pub const RECEIVE_COUNT: RangeInclusive<u32> = 1..=1_000;

/// The messages of a standard queue that can be in flight at once
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const IN_FLIGHT_MAX: u32 = 120_000;

/// The retention of a workflow, in days: the shortest outlasts the daily look at a run that still goes.
pub const RETENTION_DAYS: RangeInclusive<u32> = 4..=3_650;

/// The text of an event pattern, in characters
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
pub const EVENT_PATTERN_CHARS_MAX: usize = 2_048;

/// The text of a schedule, in characters
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>).
pub const SCHEDULE_CHARS_MAX: usize = 256;

/// The schedules, event patterns and buckets of uploads of a stack: each is named in the policies of two queues, which have 8,192 bytes
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html>); a rule's ARN takes
/// up to 120 of them.
pub const TRIGGERS_MAX: usize = 60;

/// A function's name, with the stack's, in characters
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
pub const FUNCTION_NAME_CHARS_MAX: usize = 64;

/// A stack's name, in characters: what is left of a function's name is the program's.
pub const STACK_NAME_CHARS_MAX: usize = 32;

/// All environment variables of a function, in bytes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const ENVIRONMENT_BYTES_MAX: usize = 4_096;

/// What the function `invoke` may do is told in a variable of up to so many bytes, gaps not filled in: some 25 resources.
pub const INVOKE_BYTES_MAX: usize = 1_800;

/// All inline policies of a role together, in characters without white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub const POLICY_CHARS_MAX: usize = 10_240;

/// So many queues or log groups of a statement are named one by one: with names of 64 characters some 1,700 characters of
/// a policy, for each of three statements.
pub const LISTED_MAX: usize = 15;

/// The name of an IAM role and of an event bus, in characters
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>,
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html>).
pub const ROLE_NAME_CHARS_MAX: usize = 64;
pub const BUS_NAME_CHARS_MAX: usize = 256;

/// What a template sets RetentionDays to, in days.
pub const RETENTION_DAYS_DEFAULT: u32 = 30;

/// A large payload is kept for so many days beyond the longest retention: items of a run are renewed while it goes, for a
/// year at most, and objects are not.
pub const PAYLOAD_DAYS_BEYOND: u32 = 370;

/// Queues that feed functions keep a message for 4 days; the dead-letter and the parked queue for 14, the longest that
/// SQS allows. In seconds.
pub const RETENTION_SECONDS: u32 = 4 * 86_400;
pub const DEAD_RETENTION_SECONDS: u32 = 14 * 86_400;

/// SQS and S3 keep a data key for so long before they ask KMS again, in seconds: an hour costs little and still lets a
/// key be taken away (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>).
pub const KMS_REUSE_SECONDS: u32 = 3_600;

/// A template of more resources is split: CloudFormation takes 500
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>), and a change may have
/// to add some before it removes others.
pub const TEMPLATE_RESOURCES_MAX: usize = 450;

/// The metrics of one alarm with an expression
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>).
pub const ALARM_METRICS_MAX: usize = 10;

/// The lines of one graph of the dashboard: more can't be told apart.
pub const GRAPH_LINES_MAX: usize = 50;

/// A message that nobody takes for so long is worth an alarm, in seconds: more than the longest delay of a message, 15
/// minutes, and a quarter of an hour beside.
pub const QUEUE_AGE_ALARM_SECONDS: u32 = 1_800;

/// Data points of an alarm with `FILL`, each of a period: so many of them are looked at, and so many of those have to be
/// above the threshold. Where a metric is late, `FILL` gives the newest point its own value
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>), so no alarm hangs on that one
/// point: an age of the last quarter of an hour counts, and a queue may look well in 2 of 10 minutes.
pub const QUEUE_AGE_ALARM_DATAPOINTS: (u32, u32) = (1, 3);
pub const QUEUE_STUCK_ALARM_DATAPOINTS: (u32, u32) = (8, 10);

/// What an on-demand table is ready for from its first second, in units per second; less can't be asked for
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html>).
pub const WARM_READ_UNITS_MIN: u32 = 12_000;
pub const WARM_WRITE_UNITS_MIN: u32 = 4_000;
