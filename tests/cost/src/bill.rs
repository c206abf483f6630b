//! From counts to dollars per million steps. Pure: the rules of AWS's bills stand here, the prices in `prices.toml`.

use crate::{
    counts::{Counts, Lines},
    limits::{
        GB, LOG_EVENT_OVERHEAD_BYTES, MEMORY_MB, MEMORY_MB_PER_VCPU, MESSAGES_PER_CALL, MONTH_SECONDS,
        SEND_MS, STEPS_PER_MONTH, WRITE_MS,
    },
    prices::Prices,
};

const MILLION: f64 = 1e6;

/// What a million steps cost, line by line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bill {
    /// What is billed by the request.
    pub(crate) requests: Vec<Line>,
    /// What is billed by time and size.
    pub(crate) rest: Vec<Line>,
    pub(crate) write_units_per_step: f64,
    /// How long an invocation of a step's function takes, in milliseconds.
    pub(crate) invocation_ms: f64,
    /// CPU time of a step on a vCPU of its own, in milliseconds.
    pub(crate) cpu_ms_per_step: f64,
    pub(crate) message_bytes: f64,
    /// Sends, receives and deletes, of the start queue too.
    pub(crate) sqs_requests_per_step: f64,
    pub(crate) write_calls_per_run: f64,
}

/// What a mapping asks its queue for.
struct Polled {
    receives: f64,
    deletes: f64,
}

impl Polled {
    /// One call receives, and one deletes, up to ten messages; a batch of more takes several. A receive is billed by its size, of which
    /// each request holds so many bytes.
    fn of(messages: u64, invocations: u64, (request_bytes, message_bytes): (f64, f64)) -> Self {
        if invocations == 0 {
            return Self { receives: 0.0, deletes: 0.0 };
        }
        let invocations = invocations as f64;
        let batch = messages as f64 / invocations;
        let calls = (batch / MESSAGES_PER_CALL).ceil().max(1.0);
        let receives = calls.max((batch * message_bytes / request_bytes).ceil());
        Self { receives: invocations * receives, deletes: invocations * calls }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) what: &'static str,
    /// So much of it per step: requests, units, or bytes.
    pub(crate) per_step: f64,
    pub(crate) unit: &'static str,
    /// US dollars per million steps.
    pub(crate) dollars: f64,
    pub(crate) how: How,
}

/// Where a line's amount comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Counted on the programs.
    Counted,
    /// Counted on the programs, and what AWS does about it by its rules.
    Computed,
    /// As computed, with a duration that this machine can't know.
    Assumed,
}

impl How {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Computed => "computed",
            Self::Assumed => "assumed",
        }
    }
}

impl Bill {
    /// `log_sample` is the part of the messages that went well which a deployment logs.
    pub(crate) fn of(counts: &Counts, prices: &Prices, log_sample: f64) -> Self {
        let steps = counts.steps as f64;
        let units = |of: &[&str]| sum(counts, of, |calls| calls.capacity_units) / steps;
        let writes = units(&["PutItem", "UpdateItem"]);
        let reads = units(&["GetItem", "BatchGetItem"]);
        let sends =
            sum(counts, &["SendMessage", "SendMessageBatch"], |calls| calls.billed_requests as f64) / steps;
        let others = sum(counts, &["GetQueueUrl"], |calls| calls.billed_requests as f64) / steps;

        let message_bytes = counts.message_bytes as f64 / counts.messages as f64;
        let chunk = (prices.sqs.request_bytes as f64, message_bytes);
        let step_calls = Polled::of(counts.steps, counts.step_invocations, chunk);
        let start_calls =
            Polled::of(counts.messages.saturating_sub(counts.steps), counts.start_invocations, chunk);
        let invocations = (counts.step_invocations + counts.start_invocations) as f64 / steps;
        let receives = (step_calls.receives + start_calls.receives) / steps;
        let deletes = (step_calls.deletes + start_calls.deletes) / steps;

        let dynamodb = &prices.dynamodb;
        let sqs = prices.sqs.requests_per_million;
        let line = |what, per_step: f64, unit, price_per_million: f64, how| Line {
            what,
            per_step,
            unit,
            dollars: per_step * price_per_million,
            how,
        };
        let requests = vec![
            line("DynamoDB writes", writes, "units", dynamodb.write_units_per_million, How::Counted),
            line("DynamoDB reads", reads, "units", dynamodb.read_units_per_million, How::Counted),
            line("SQS sends", sends, "requests", sqs, How::Counted),
            line("SQS GetQueueUrl", others, "requests", sqs, How::Counted),
            line("SQS receives", receives, "requests", sqs, How::Computed),
            line("SQS deletes", deletes, "requests", sqs, How::Computed),
            line(
                "Lambda requests",
                invocations,
                "requests",
                prices.lambda.requests_per_million,
                How::Counted,
            ),
        ];

        let cpu_ms_per_step = counts.cpu_seconds * 1e3 / steps;
        let invocation_ms = invocation_ms(cpu_ms_per_step / invocations);
        let gb_seconds = invocations * invocation_ms / 1e3 * MEMORY_MB / 1024.0;
        let gb = |bytes: f64| bytes * MILLION / GB;
        let table = counts.stored.table_bytes as f64 / steps;
        let indexes = counts.stored.index_bytes as f64 / steps;
        let logs = log_bytes_per_step(counts, log_sample);
        let by_size = |what, bytes: f64, price_per_gb: f64, how| Line {
            what,
            per_step: bytes,
            unit: "bytes",
            dollars: gb(bytes) * price_per_gb,
            how,
        };
        let rest = vec![
            line("Lambda time", gb_seconds, "GB-seconds", prices.lambda.gb_second * MILLION, How::Assumed),
            by_size("Logs", logs, prices.logs.per_gb, How::Computed),
            by_size("Storage of 30 days: table", table, dynamodb.storage_per_gb_month, How::Computed),
            by_size("Storage of 30 days: indexes", indexes, dynamodb.storage_per_gb_month, How::Computed),
            by_size("Point-in-time recovery", table, dynamodb.recovery_per_gb_month, How::Computed),
        ];
        Self {
            requests,
            rest,
            write_units_per_step: writes,
            invocation_ms,
            cpu_ms_per_step,
            message_bytes,
            sqs_requests_per_step: sends + receives + deletes,
            write_calls_per_run: sum(counts, &["PutItem", "UpdateItem"], |calls| calls.calls as f64)
                / counts.runs as f64,
        }
    }

    pub(crate) fn requests_dollars(&self) -> f64 {
        self.requests.iter().map(|line| line.dollars).sum()
    }

    pub(crate) fn dollars(&self) -> f64 {
        self.requests_dollars() + self.rest.iter().map(|line| line.dollars).sum::<f64>()
    }
}

/// How long an invocation takes that needs so much CPU time on a vCPU of its own: with its part of one, and while it waits
/// for the table, and then for the queue. Lambda bills whole milliseconds.
pub(crate) fn invocation_ms(cpu_ms: f64) -> f64 {
    (cpu_ms * MEMORY_MB_PER_VCPU / MEMORY_MB + WRITE_MS + SEND_MS).ceil()
}

fn sum(counts: &Counts, operations: &[&str], of: impl Fn(&crate::proxy::Calls) -> f64) -> f64 {
    operations.iter().filter_map(|operation| counts.seen.get(*operation)).map(of).sum::<f64>().max(0.0)
}

/// The bytes that CloudWatch takes in per step. Metrics are written once a minute by each environment that has any, so that
/// their part depends on the load: it is shared out over a million steps a month, one environment to a function.
fn log_bytes_per_step(counts: &Counts, log_sample: f64) -> f64 {
    let steps = counts.steps as f64;
    let billed = |lines: Lines| lines.bytes as f64 + lines.count as f64 * LOG_EVENT_OVERHEAD_BYTES;
    let Counts { logs, .. } = counts;
    let per_step = (billed(logs.sampled) * log_sample + billed(logs.always)) / steps;
    if logs.metrics.count == 0 {
        return per_step;
    }
    let line = billed(logs.metrics) / logs.metrics.count as f64;
    let functions = steps / counts.runs as f64;
    let invocations = counts.step_invocations as f64 / steps * STEPS_PER_MONTH / functions;
    let lines = functions * invocations.min(MONTH_SECONDS / 60.0);
    per_step + lines * line / STEPS_PER_MONTH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        counts::{Logs, Stored},
        proxy::{Calls, Seen},
    };

    /// A thousand steps, each a message of its own.
    fn counts() -> Counts {
        let calls = |capacity_units, billed_requests| Calls {
            calls: 1_000,
            capacity_units,
            billed_requests,
            ..Calls::default()
        };
        Counts {
            runs: 200,
            steps: 1_000,
            seen: Seen::from([
                ("PutItem".to_owned(), calls(1_400.0, 0)),
                ("UpdateItem".to_owned(), calls(200.0, 0)),
                ("SendMessageBatch".to_owned(), calls(0.0, 1_000)),
            ]),
            step_invocations: 1_000,
            start_invocations: 0,
            messages: 1_000,
            message_bytes: 600_000,
            ..Counts::default()
        }
    }

    fn dollars(bill: &Bill, what: &str) -> f64 {
        let mut lines = bill.requests.iter().chain(&bill.rest);
        lines.find(|line| line.what == what).unwrap().dollars
    }

    #[track_caller]
    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn a_step_alone_is_three_requests_to_its_queue() {
        let bill = Bill::of(&counts(), &Prices::list().unwrap(), 0.05);
        assert_near(bill.write_units_per_step, 1.6);
        assert_near(dollars(&bill, "DynamoDB writes"), 1.0);
        for what in ["SQS sends", "SQS receives", "SQS deletes"] {
            assert_near(dollars(&bill, what), 0.4);
        }
        assert_near(bill.requests_dollars(), 2.4);
    }

    #[test]
    fn a_full_batch_shares_its_receive_its_delete_and_its_invocation() {
        let counts = Counts { step_invocations: 100, ..counts() };
        let bill = Bill::of(&counts, &Prices::list().unwrap(), 0.05);
        assert_near(dollars(&bill, "SQS receives"), 0.04);
        assert_near(dollars(&bill, "SQS deletes"), 0.04);
        assert_near(dollars(&bill, "Lambda requests"), 0.02);
    }

    #[test]
    fn a_receive_beyond_64_kb_is_more_than_one() {
        let counts = Counts { step_invocations: 100, message_bytes: 7_000_000, ..counts() };
        let bill = Bill::of(&counts, &Prices::list().unwrap(), 0.05);
        assert_near(dollars(&bill, "SQS receives"), 0.08);
        assert_near(dollars(&bill, "SQS deletes"), 0.04);
    }

    #[test]
    fn a_batch_of_a_hundred_is_received_and_deleted_in_tens() {
        let counts =
            Counts { runs: 1_000, step_invocations: 10, start_invocations: 100, messages: 2_000, ..counts() };
        let bill = Bill::of(&counts, &Prices::list().unwrap(), 0.05);
        // A hundred calls for the starts and a hundred for the steps, of each kind; beside a thousand sends.
        assert_near(dollars(&bill, "SQS receives"), 0.08);
        assert_near(dollars(&bill, "SQS deletes"), 0.08);
        assert_near(bill.sqs_requests_per_step, 1.4);
        assert_near(dollars(&bill, "Lambda requests"), 0.022);
    }

    #[test]
    fn time_is_cpu_at_its_part_of_a_core_and_two_waits() {
        // 0.1 ms on a whole vCPU are 0.69 ms on a seventh of one.
        assert_near(invocation_ms(0.1), 31.0);
        let counts = Counts { cpu_seconds: 0.1, ..counts() };
        let bill = Bill::of(&counts, &Prices::list().unwrap(), 0.05);
        assert_near(dollars(&bill, "Lambda time"), 0.031 * 0.25 * 13.3334);
    }

    #[test]
    fn storage_is_kept_a_month_and_recovery_leaves_the_indexes_out() {
        let stored = Stored { items: 1_000, table_bytes: 1_073_741, index_bytes: 536_870 };
        let bill = Bill::of(&Counts { stored, ..counts() }, &Prices::list().unwrap(), 0.05);
        assert!((dollars(&bill, "Storage of 30 days: table") - 0.25).abs() < 1e-6);
        assert!((dollars(&bill, "Storage of 30 days: indexes") - 0.125).abs() < 1e-6);
        assert!((dollars(&bill, "Point-in-time recovery") - 0.20).abs() < 1e-6);
    }

    #[test]
    fn logs_are_their_sample_and_a_metric_line_a_minute_at_most() {
        let lines = |count, bytes| Lines { count, bytes };
        let logs = Logs { sampled: lines(1_000, 274_000), metrics: lines(2, 748), always: lines(0, 0) };
        let found = log_bytes_per_step(&Counts { logs, ..counts() }, 0.05);
        // 300 bytes a step at 5 %, and 400 bytes a minute of each of five functions.
        assert_near(found, 15.0 + 5.0 * 43_200.0 * 400.0 / 1e6);
        let rare = Counts { logs, step_invocations: 10, ..counts() };
        assert_near(log_bytes_per_step(&rare, 0.05), 15.0 + 10_000.0 * 400.0 / 1e6);
    }
}
