//! All limits of the API, each with its unit and the fact behind it.

/// The most bytes of a request
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>: "Maximum request size").
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// A request's body has to arrive within this time, in milliseconds: a slow sender must not hold a connection for ever.
pub const REQUEST_MS_MAX: i64 = 20_000;

/// An answer's data stay below this size, in bytes: the same router runs in a Lambda function, which answers with 6 MB at most
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), and behind a URL in base64, four bytes for
/// three.
pub const ANSWER_BYTES_MAX: usize = 4_500_000;

/// One input or output above this size is left out of an answer, in bytes, and the answer says so: escaped as JSON text it
/// may have twice as many.
pub const DATA_BYTES_MAX: usize = 2 * 1024 * 1024;

/// AWS's most bytes of an execution's input, which hold here only where AWS's refusals are wanted
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>).
pub const AWS_DATA_BYTES_MAX: usize = 262_144;

/// The most bytes of a definition
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html>).
pub const DEFINITION_BYTES_MAX: usize = 1024 * 1024;

/// How many results a page has unless `maxResults` says otherwise, and at most
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>).
pub const PAGE_RESULTS: usize = 100;
pub const PAGE_RESULTS_MAX: usize = 1_000;

/// A token for the next page is taken for so long, in seconds: a day, as on AWS.
pub const TOKEN_SECONDS: i64 = 86_400;

/// A page of ListExecutions with a filter looks at so many executions: then it says with a token how far it came.
pub const LOOKED_AT_MAX: usize = 1_000;

/// So many reads of a request are under way at once.
pub const READS_AT_ONCE: usize = 16;

/// The most executions that have started in one and the same millisecond and still come page by page.
pub const SAME_MS_MAX: usize = 100_000;

/// A page of a history is built in portions; the first has so many events, and each of the others as many as fit.
pub const HISTORY_PORTION: usize = 64;

/// So many runs whose histories were read last are kept with the order of their events, for the next pages, and all together
/// about so many bytes of memory: 30,000 transitions are 5 MB. A run that takes more by itself isn't kept: each page of it is
/// made from its start.
pub const RECORDINGS_KEPT: usize = 16;
pub const RECORDINGS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Their records are kept as well up to about so many bytes of memory for a run; beyond, each page reads those that it shows.
pub const RECORDS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// StartSyncExecution waits so long for the end, in milliseconds: AWS ends an Express execution after five minutes
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>). Here it goes on.
pub const SYNC_WAIT_MS: i64 = 300_000;

/// So long of that is the first leg, in milliseconds. An answer's reads are at most ten units, for one within it as for one
/// within the rest: so a short execution's end is seen soon, and a long one's not late by half of what it took.
pub const SYNC_FIRST_LEG_MS: i64 = 10_000;

/// How long the REST API waits for an answer of a run that it starts unless it is said, and at most, in seconds: its function
/// has 330.
pub const REST_ANSWER_SECONDS: u64 = 10;
pub const REST_ANSWER_SECONDS_MAX: u64 = 300;

/// The most diagnostics of ValidateStateMachineDefinition
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html>).
pub const DIAGNOSTICS_MAX: usize = 100;

/// GetActivityTask waits so long for a task, in milliseconds
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html>).
pub const ACTIVITY_WAIT_MS: i64 = 60_000;

/// The most versions that an alias leads to
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachineAlias.html>).
pub const ROUTES_MAX: usize = 2;

/// How many runs a page of the REST API has unless it is said, and at most.
pub const REST_RUNS: u64 = 50;
pub const REST_RUNS_MAX: u64 = 500;

/// The runs of so many workflows are merged into one list: each is eight queries.
pub const REST_WORKFLOWS_MERGED_MAX: usize = 50;

/// A list with a filter looks at so many runs before it looks whether the page is full.
pub const REST_LOOK_PORTION: usize = 100;

/// The most waits of a run that an answer has: a Map state may have thousands of branches.
pub const REST_WAITS_MAX: usize = 100;

/// How many running runs a page of timers reads unless it is said, and at most.
pub const REST_TIMER_RUNS: u64 = 20;
pub const REST_TIMER_RUNS_MAX: u64 = 100;

/// A page of timers ends once it has read so many records, and 1,000 timers: with the [`REST_WAITS_MAX`] of one more run it
/// stays below [`ANSWER_BYTES_MAX`].
pub const REST_TIMER_RECORDS_MAX: usize = 10_000;
pub const REST_TIMERS_MAX: usize = 1_000;

/// The queues of the functions that so many workflows call are listed.
pub const REST_WORKFLOWS_OF_QUEUES_MAX: usize = 1_000;

/// How many dead letters a page has unless it is said, and at most: all of them are held for the moment of the look, and SQS
/// gives ten at a time.
pub const KEPT_MESSAGES: u64 = 20;
pub const KEPT_MESSAGES_MAX: u64 = 50;

/// What a dead letter carries is shown up to this size, in bytes: 50 of them stay below [`ANSWER_BYTES_MAX`].
pub const KEPT_PAYLOAD_BYTES_MAX: usize = 64 * 1024;
