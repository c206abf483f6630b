//! All limits of this crate, each with its unit and the fact behind it.

use std::time::Duration;

/// Opening a connection takes no longer than this. Within a region it takes a few milliseconds.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// One attempt of a call takes no longer than this. DynamoDB and SQS answer within some ten milliseconds.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// A call with all its attempts takes no longer than this: below the 10 s that a function has unless set otherwise.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// The attempts of a call, the first included. What still fails goes back to the queue, which has more patience.
pub const ATTEMPTS_MAX: u32 = 3;

/// The first back-off between two attempts.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(50);

/// The longest back-off between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// A blob of so many bytes adds a second to the time that its upload may take.
pub const UPLOAD_BYTES_PER_SECOND: usize = 4 * 1024 * 1024;

/// The most objects that a page of a listing has
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).
pub const LISTED_OBJECTS_MAX: i32 = 1_000;

/// A direct call of a function takes no longer than this: Lambda's longest timeout is 15 minutes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), and the answer has to travel.
pub const INVOKE_TIMEOUT: Duration = Duration::from_secs(15 * 60 + 10);

/// One attempt of a state's call of a service takes no longer than this; of a function, as long as the call may.
pub const SERVICE_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The attempts of a state's call of a service, the first included: as many as the SDK makes that AWS calls services with
/// (<https://docs.aws.amazon.com/sdk-for-java/v1/developer-guide/section-client-configuration.html>). What still fails is
/// the state's to try again.
pub const SERVICE_ATTEMPTS_MAX: u32 = 4;

/// The first back-off between two of those attempts; it doubles, and chance takes up to half of it away.
pub const SERVICE_BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// So long after its time a call of a service that nobody has cut off ends by itself.
pub const SERVICE_CUT_OFF_GRACE: Duration = Duration::from_millis(200);

/// The largest answer of a service that is read, in bytes. A function answers with up to 6 MB, whose JSON text is the answer
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>); the other services with less than 1 MB.
pub const SERVICE_ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// So often a batch tries to take slots of a step while others take them: each time it knows better.
pub const PACE_ATTEMPTS_MAX: usize = 10;

/// Idle connections that are kept: ten messages at once, with some calls each.
pub const IDLE_CONNECTIONS_MAX: usize = 32;

/// So many of the calls to the table that each message of a batch makes are under way at once: a batch has up to 10,000
/// messages, each call is a connection, and a function's process may have 1,024 files open
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>). As many as there are connections that are kept: with
/// some milliseconds each that is some thousand calls a second, and on a slow machine none of them waits long enough to be tried again.
pub const CALLS_AT_ONCE: usize = 32;

/// An idle connection is closed after this: sooner than the services do it, so that a call seldom meets a dead one.
pub const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// That a queue isn't there is believed for so long: a deployment may just be adding it.
pub const NO_SUCH_QUEUE_TTL: Duration = Duration::from_secs(5);

/// The most entries of one batch call to SQS
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
pub const BATCH_ENTRIES_MAX: usize = 10;

/// The longest visibility timeout, in seconds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>).
pub const VISIBILITY_SECONDS_MAX: u32 = 43_200;

/// The list of a workflow's runs is spread over so many partitions, each good for 1,000 writes a second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>).
pub const LIST_SHARDS: u64 = 8;

/// The most items that one query of a list asks for.
pub const LIST_PAGE_MAX: i32 = 1_000;

/// So many items of a run are renewed at once.
pub const RENEWALS_AT_ONCE: usize = 16;

/// The digits of a record's number in its key: as many as `transitions_max` (1,000,000) has.
pub const SEQ_DIGITS: usize = 7;

/// The most keys of one BatchGetItem call
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
pub const BATCH_GET_KEYS_MAX: usize = 100;

/// So many versions or aliases of a workflow are deleted in one transaction, which has a hundred items at most
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
pub const DELETED_AT_ONCE: i32 = 50;

/// So often is asked for what a BatchGetItem call left over: a hundred items of 20 KB are one call, of 400 KB three.
pub const BATCH_GETS_MAX: u32 = 8;

/// The reason why a message was parked is cut to so many characters, so that the run item stays within its write unit.
pub const PARKED_REASON_CHARS_MAX: usize = 256;

/// The largest definition that is read back, in bytes of its JSON text: AWS allows one MB
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>), and ours is no larger.
pub const DEFINITION_BYTES_MAX: usize = 1024 * 1024;

/// The longest stack name: a queue is `<stack>-<function>` and has 80 characters, 64 of them for the function
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>).
pub const STACK_CHARS_MAX: usize = 32;

/// The shortest retention that may be set, in days. Once a day somebody looks at a run that still goes, and renews its
/// items when half of the retention is left to its run item, which lives a day longer than its records. With less than
/// four days the first record would be gone before that look.
pub const RETENTION_DAYS_MIN: u32 = 4;

/// The longest retention that may be set, in days.
pub const RETENTION_DAYS_MAX: u32 = 3_650;

/// A process writes its counts so often at most, in milliseconds: CloudWatch's metrics have a resolution of a minute
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Resolution_definition>).
pub const METRICS_INTERVAL_MS: i64 = 60_000;

/// A payload may take this part of a function's memory: it exists as text, as a value, and compressed.
pub const MEMORY_PER_PAYLOAD: usize = 4;

/// A queue hides a received message for so many function timeouts
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
pub const VISIBILITY_TIMEOUTS: u32 = 6;

/// Queues that feed functions keep a message for 4 days; the dead-letter and the parked queue for 14, the longest that
/// SQS allows. In seconds.
pub const RETENTION_SECONDS: u32 = 4 * 86_400;
pub const DEAD_RETENTION_SECONDS: u32 = 14 * 86_400;

/// A new table is ready within this. AWS takes some ten seconds.
pub const TABLE_READY_TIMEOUT: Duration = Duration::from_secs(120);

/// A look into a queue holds a message so long, in seconds: it takes some seconds for a thousand messages, and what was
/// held by somebody who has gone away is there again a minute later.
pub const LETTER_HELD_SECONDS: i32 = 60;

/// A look into a queue waits so long for a further message, in seconds.
pub const LETTER_WAIT_SECONDS: i32 = 1;

/// A table that is being deleted is gone within this. AWS takes some ten seconds, more for a large one.
pub const TABLE_GONE_TIMEOUT: Duration = Duration::from_secs(300);

/// What an activity's queue keeps, it keeps as long as SQS keeps anything, in seconds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
pub const ACTIVITY_RETENTION_SECONDS: u32 = 14 * 86_400;
