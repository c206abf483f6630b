//! All limits of the protocol, each with its unit and the fact behind it.

/// A message carries its data up to this size in all, in bytes: SQS bills requests in chunks of 64 KB
/// (<https://aws.amazon.com/sqs/pricing/>), and a batch of ten stays below the 1 MiB of one call.
pub const MESSAGE_BYTES_MAX: usize = 48 * 1024;

/// The most bytes of one SendMessageBatch call and of one message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const SEND_BYTES_MAX: usize = 1024 * 1024;

/// The most messages of one SendMessageBatch call.
pub const SEND_MESSAGES_MAX: usize = 10;

/// So many SendMessageBatch calls of what was handled together are under way at once: a batch of 10,000 messages asks for a
/// thousand, and each is a connection.
pub const SENDS_AT_ONCE: usize = 16;

/// The longest delay of a message, in seconds.
pub const DELAY_SECONDS_MAX: u32 = 900;

/// A schedule is set so much before the time that it is for, in milliseconds: it may be a minute late
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>), and a message's delay does the rest.
pub const SCHEDULE_EARLY_MS: i64 = 60_000;

/// A longer message is not scheduled, in bytes: what a schedule sends has at most 256 KB
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Target.html>), and quotation marks take two.
pub const SCHEDULE_BODY_BYTES_MAX: usize = 96 * 1024;

/// The sweep stops so long before its function is killed, in milliseconds.
pub const SWEEP_MARGIN_MS: i64 = 5_000;

/// An item of this size costs one write unit, in bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>).
pub const WRITE_UNIT_BYTES: usize = 1024;

/// What a record takes beside its outcome and the names of its workflow and run, in bytes: keys, times, ids. Measured by
/// a test of the table's items.
pub const RECORD_OVERHEAD_BYTES: usize = 215;

/// What each fork of its branch adds to a record, in bytes: in both of its keys, and in what the branch was started with.
pub const FORK_BYTES: usize = 48;

/// So many branches of a fan-out are counted in one item and lie in one partition, unless set otherwise: the list of those
/// that have ended takes at most 13 bytes for each, and stays below a write unit; and a partition of the table takes 1,000
/// writes a second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>).
pub const PART_BRANCHES: u32 = 64;

/// So many parts of a fan-out report to one item, so many of such items to the next one, and so many messages one delivery sends to
/// open or to stop it, unless set otherwise. An item of them takes about a write unit, and its partition less than half of the
/// writes that it can have in a second, should all branches below it fail in one; and what all of them have come to is gathered in
/// a second by a function of 256 MB.
pub const NODE_PARTS: u32 = 64;

/// A fan-out of so many parts at most tells each failure at once: together they write less than half of what a partition takes in a
/// second, should all branches fail in one. A part of a larger one tells them when their number has doubled.
pub const PARTS_TOLD_EACH_MAX: u32 = 8;

/// So many items of one fan-out are written or read at once.
pub const FAN_OUT_ITEMS_AT_ONCE: usize = 32;

/// So many bytes of an object are fetched at once. S3 answers a first byte within 100 to 200 milliseconds
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-design-patterns.html>): the larger a piece, the
/// smaller the part of that in it. Each message of a batch may hold one such piece in a function of 256 MB.
pub const READ_BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

/// A manifest that lists further objects has at most so many bytes, and is held in memory. An entry of an S3 inventory's manifest
/// has about 250, so that this is some 60,000 files; S3 writes millions of rows into each of a large inventory's.
pub const MANIFEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// So many bytes of a file whose rows lie in groups are fetched at first: its end says where they are.
pub const FILE_END_BYTES: u64 = 64 * 1024;

/// A file of results is closed behind so many bytes: what is written is held in memory, one file of each kind.
pub const RESULT_FILE_BYTES: usize = 8 * 1024 * 1024;

/// One delivery reads the items of so many parts at most, and no longer than this, in milliseconds, or half of what its function has
/// left: other messages of its batch wait for it.
pub const PARTS_READ_PER_DELIVERY: usize = 32;
pub const READ_MS: i64 = 8_000;

/// The inputs of so many parts are evaluated at once.
pub const PARTS_EVALUATED_AT_ONCE: usize = 16;

/// The records of so many parts are read at once, and so many blobs of one part.
pub const PARTS_READ_AT_ONCE: usize = 4;
pub const BLOBS_READ_AT_ONCE: usize = 8;

/// Where a run is read within a budget of records, so many bytes in the blob store count as one more.
pub const RECORD_BLOB_BYTES: u64 = 4 * 1024;

/// The last records of so many branches are read in one call, for their results.
pub const RESULTS_READ_AT_ONCE: usize = 64;

/// The records of so many branches of a part are read branch by branch; those of more with the whole part.
pub const BRANCHES_READ_ALONE_MAX: usize = 8;

/// So long a run item outlives its records, in seconds: a day, so that while there are records there is a run.
pub const RUN_ITEM_EXTRA_S: i64 = 86_400;

/// So long a client token of RedriveExecution stands for the same request, in milliseconds: 15 minutes, as on AWS
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html>).
pub const REDRIVE_TOKEN_MS: i64 = 900_000;

/// So many of a run's last redrives stay on its item: the same page of AWS's says that it knows the last 10 tokens.
pub const REDRIVES_KEPT_MAX: usize = 10;

/// So many redrives of a run may take another definition: the run item names each of them.
pub const REDEFINED_MAX: usize = 8;

/// What somebody chooses for a redrive is a part of its message, and has at most so many bytes of JSON.
pub const CHOICE_BYTES_MAX: usize = 128 * 1024;

/// A payload stays in its item up to this compressed size, in bytes; a larger one goes to the blob store.
pub const ITEM_PAYLOAD_BYTES_MAX: usize = 8 * 1024;

/// Whoever waits for an answer of a run reads at most so much for it, in halves of a read unit: an eventually consistent read
/// of up to [`READ_UNIT_BYTES`] costs one. The last read may be of the largest record there is, which makes ten units
/// of all of them together.
pub const ANSWER_HALF_UNITS: u32 = 18;

/// What of these is kept for an ending of an item of its own, which is read consistently: three units, where it is the largest.
pub const ENDING_HALF_UNITS: u32 = 4;

/// So many bytes are read for one unit, or for half of one where the read is eventually consistent
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>).
pub const READ_UNIT_BYTES: usize = 4 * 1024;

/// What a record of the root has at most beside its payload, in bytes: [`RECORD_OVERHEAD_BYTES`], and two names of
/// [`NAME_CHARS_MAX`] with four bytes for a character.
pub const RECORD_BESIDE_BYTES_MAX: usize = RECORD_OVERHEAD_BYTES + 2 * 4 * NAME_CHARS_MAX;

/// Whoever waits for an answer looks so long after the start for the first time, in milliseconds, and not sooner again: a
/// step on one machine takes about as long.
pub const LOOK_FIRST_MS: i64 = 5;

/// An input or an ending stays in the run item up to this size, in bytes: with both, and without, the run item has about
/// 380 bytes, the update at the run's end costs one write unit.
pub const RUN_ITEM_PAYLOAD_BYTES_MAX: usize = 300;

/// What the state in which a run ended takes in the run item beside its name, in bytes: its attribute's.
pub const RUN_ITEM_STATE_BESIDE_BYTES: usize = 2;

/// A run's tenant has at most so many characters, a UUID's: with its attribute's name it fits beside an input and an ending into
/// the run item's write unit. SQS takes 128
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html>).
pub const TENANT_CHARS_MAX: usize = 36;

/// A workflow's runs are found by at most so many attributes of their input: each is an item and a write unit of every start.
pub const SEARCH_ATTRIBUTES_MAX: usize = 5;

/// An attribute's path has at most so many bytes, and its value stands in the key of its item up to so many; a longer one is
/// there by its hash. With names of 80 characters of four bytes, the item stays below a write unit.
pub const SEARCH_PATH_BYTES_MAX: usize = 64;
pub const SEARCH_VALUE_BYTES_MAX: usize = 64;

/// A query's text has at most so many bytes: the longest path, values of the longest error and of names, several times over.
pub const QUERY_BYTES_MAX: usize = 4 * 1024;

/// So many runs of one millisecond are read at once of a list: of its eight partitions each takes 1,000 writes a second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>), so there are never more.
pub const SAME_MS_RUNS_MAX: usize = 10_000;

/// The lists of so many workflows are read at once.
pub const LISTS_READ_AT_ONCE: usize = 8;

/// The largest payload unless set otherwise, in bytes: a quarter of a function's 256 MB.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What an outcome or an ending puts around a payload at most, in bytes: it is read back with its wrapping.
pub const WRAPPED_BYTES: usize = 64;

/// A message is received so often before the queue hands it to the dead-letter queue.
pub const RECEIVES_MAX: u32 = 5;

/// A message that waited longer than this before its first delivery is checked against the run item, in milliseconds.
pub const FRESH_MS: i64 = 10_000;

/// How often a step may begin that has a rate, in times a second: one write of its pace's item begins at least one, and a partition
/// of the table takes 1,000 writes a second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>).
pub const RATE_PER_SECOND_MAX: f64 = 1_000.0;
pub const RATE_PER_SECOND_MIN: f64 = 0.001;

/// Slots of a step with a rate are given so far ahead, in milliseconds: as long as a message can be delayed.
pub const PACE_AHEAD_MS: i64 = DELAY_SECONDS_MAX as i64 * 1000;

/// A slot is good for so long behind its time, in milliseconds: a delayed message seldom comes later, and after a pause of
/// its function a step begins no more often than its rate says, and so many milliseconds' worth.
pub const PACE_LATE_MS: i64 = 10_000;

/// A slot that is no further ahead is waited for in the function, in milliseconds: a message is delayed by whole seconds. No
/// longer than a quarter of the function's timeout.
pub const PACE_WAIT_MS: i64 = 1_000;

/// A lease ends so long after its holder is killed, in milliseconds: clocks may differ by so much, and a request be
/// under way for so long.
pub const LEASE_MARGIN_MS: i64 = 10_000;

/// A message that can't be read is handed back for this long, in seconds.
pub const UNREADABLE_BACK_SECONDS: u32 = 30;

/// The longest back-off of a message that is left to its queue, in seconds.
pub const LEAVE_SECONDS_MAX: u32 = 30;

/// What is kept free of the function's timeout, so that there is time to record a step that used it up, in milliseconds.
pub const DEADLINE_MARGIN_MS: i64 = 500;

/// A batch that is handled in one call waits at most so long for a message whose reads hang, in milliseconds; and no
/// longer than a quarter of the function's timeout, so that no limit of a step passes before its code is called.
pub const GATHER_MS: i64 = 1_000;

/// A request that decides without a message of its own is repeated by one, delayed so long, in seconds.
pub const REQUEST_DELAY_SECONDS: u32 = 60;

/// A task looks at the run that it waits for after so long, in seconds, and then after twice as long each time.
pub const CHILD_LOOK_SECONDS: u32 = 60;

/// The longest wait for a message, in seconds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
pub const RECEIVE_SECONDS_MAX: u32 = 20;

/// Giving an activity's task to a worker takes at most so long, in seconds: then another may get it.
pub const TAKE_SECONDS_MAX: u32 = 30;

/// A task that no worker has taken is sent again after so long, in milliseconds: before its queue forgets it after 14 days.
pub const UNTAKEN_AGAIN_MS: i64 = 13 * 86_400_000;

/// Messages of a batch that finish within this time of each other are sent in one call, in milliseconds: puts that start
/// together end some milliseconds apart, and a call for each would cost up to ten times as much.
pub const LINGER_MS: i64 = 5;

/// A run whose next message is overdue by this much has no visible reason to wait, in milliseconds.
pub const OVERDUE_MS: i64 = 900_000;

/// Items are kept so long after they were written, in days, unless set otherwise.
pub const RETENTION_DAYS: u32 = 30;

/// A run name's most characters
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>).
pub const NAME_CHARS_MAX: usize = 80;

/// So many characters of an uploaded file's name stand in its run's name, before 33 of what tells it from all others.
pub const UPLOAD_NAME_CHARS_MAX: usize = 40;

/// An error name's and a cause's most characters
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>).
pub const ERROR_CHARS_MAX: usize = 256;
pub const CAUSE_CHARS_MAX: usize = 32_768;

/// How deeply objects and arrays may be nested in an input and in a step's result: below what a reader of JSON follows
/// (128), so that they can be read again from within a record and a message.
pub const JSON_DEPTH_MAX: usize = 100;

/// The most versions and aliases of a workflow
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const VERSIONS_MAX: usize = 1_000;
pub const ALIASES_MAX: usize = 100;

/// The most tags of one thing
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const TAGS_MAX: usize = 50;

/// So many run items are read at once.
pub const RUNS_READ_AT_ONCE: usize = 16;

/// A process reads the control item once in so long, in milliseconds: whatever is paused stops within this.
pub const CONTROLS_MS: i64 = 5_000;

/// So many workflows and runs are paused at most, all together: with names of 80 characters of four bytes the control item stays
/// below 400 KB (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub const PAUSED_MAX: usize = 500;

/// So many held messages are sent again at once, and so many a second: their steps find functions that have slept.
pub const RESUMED_AT_ONCE: usize = 10;
pub const RESUMED_PER_SECOND: i64 = 50;

/// The hourly look reads so many held messages of a workflow at once.
pub const HELD_LOOKED_AT: usize = 100;

/// A message that asks for a resume has at most so many bytes: three names, with each character escaped as two of UTF-16.
pub const RESUME_BODY_BYTES_MAX: usize = 4 * 1024;
