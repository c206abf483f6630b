//! The figures as a person reads them, and as JSON; and which goals they miss.

use crate::{
    bill::{Bill, Line},
    idle::{Month, Template},
    limits::{
        ALL_IN_TENS_MAX, ALL_SINGLY_MAX, IDLE_DOLLARS_MAX, MEMORY_MB, QUEUE_REQUESTS_IN_HUNDREDS_MAX,
        REQUESTS_IN_TENS_MAX, REQUESTS_SINGLY_MAX, SEND_MS, WRITE_MS, WRITE_UNITS_PER_STEP_MAX,
    },
    others::{Other, others},
    prices::Prices,
};
use serde_json::{Value, json};
use std::fmt;

/// Everything that was counted and computed.
#[derive(Debug)]
pub(crate) struct Report {
    first: Case,
    /// The same with other payloads.
    more: Vec<Case>,
    /// Runs of one step in batches of a hundred.
    batches: Bill,
    idle: Month,
    template: Template,
    others: [Other; 3],
    prices: Prices,
    runs: usize,
    log_sample: f64,
}

/// Payloads of one size.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) payload_bytes: usize,
    /// One message at a time and runs started by calls; the same, started by messages; full batches.
    pub(crate) bills: [Bill; 3],
}

const SCENARIOS: [&str; 3] = ["one by one", "one by one, started by messages", "batches of ten"];

/// A figure and its goal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) found: f64,
    pub(crate) at_most: f64,
}

impl Goal {
    /// Compared as it is shown: a counted 1.6 may have lost its last bit in a division.
    fn is_met(&self) -> bool {
        (self.found * 1e4).round() <= (self.at_most * 1e4).round()
    }
}

impl Report {
    pub(crate) fn new(
        mut cases: Vec<Case>,
        batches: Bill,
        idle: Month,
        template: Template,
        prices: Prices,
        runs: usize,
        log_sample: f64,
    ) -> Result<Self, String> {
        if cases.is_empty() {
            return Err("there is no payload size to count with".to_owned());
        }
        let first = cases.remove(0);
        let [singly, _, _] = &first.bills;
        let others = others(singly, &prices);
        Ok(Self { first, more: cases, batches, idle, template, others, prices, runs, log_sample })
    }

    fn goals(&self) -> [Goal; 8] {
        let [singly, _, in_tens] = &self.first.bills;
        let goal = |what, found, at_most| Goal { what, found, at_most };
        [
            goal("write units per step, one by one", singly.write_units_per_step, WRITE_UNITS_PER_STEP_MAX),
            goal(
                "write units per step, batches of ten",
                in_tens.write_units_per_step,
                WRITE_UNITS_PER_STEP_MAX,
            ),
            goal(
                "$ of requests per million steps, one by one",
                singly.requests_dollars(),
                REQUESTS_SINGLY_MAX,
            ),
            goal(
                "$ of requests per million steps, batches of ten",
                in_tens.requests_dollars(),
                REQUESTS_IN_TENS_MAX,
            ),
            goal("$ per million steps, one by one, all in", singly.dollars(), ALL_SINGLY_MAX),
            goal("$ per million steps, batches of ten, all in", in_tens.dollars(), ALL_IN_TENS_MAX),
            goal(
                "queue requests per step, runs of one step in hundreds",
                self.batches.sqs_requests_per_step,
                QUEUE_REQUESTS_IN_HUNDREDS_MAX,
            ),
            goal("$ of an idle month", self.idle.dollars(), IDLE_DOLLARS_MAX),
        ]
    }

    pub(crate) fn missed(&self) -> Vec<Goal> {
        self.goals().into_iter().filter(|goal| !goal.is_met()).collect()
    }

    pub(crate) fn json(&self) -> Value {
        let line = |line: &Line| {
            json!({
                "what": line.what, "per_step": line.per_step, "unit": line.unit,
                "dollars_per_million_steps": line.dollars, "how": line.how.as_str(),
            })
        };
        let bill = |name: &str, bill: &Bill| {
            json!({
                "scenario": name,
                "requests": bill.requests.iter().map(line).collect::<Vec<_>>(),
                "rest": bill.rest.iter().map(line).collect::<Vec<_>>(),
                "requests_dollars": bill.requests_dollars(),
                "dollars": bill.dollars(),
                "invocation_ms": bill.invocation_ms,
                "cpu_ms_per_step": bill.cpu_ms_per_step,
                "message_bytes": bill.message_bytes,
            })
        };
        let case = |case: &Case| {
            let bills =
                SCENARIOS.iter().zip(&case.bills).map(|(name, of)| bill(name, of)).collect::<Vec<_>>();
            json!({ "payload_bytes": case.payload_bytes, "bills": bills })
        };
        let cases: Vec<Value> = std::iter::once(&self.first).chain(&self.more).map(case).collect();
        let idle = |line: &crate::idle::MonthLine| {
            json!({
                "what": line.what, "amount": line.amount, "free": line.free,
                "list_dollars": line.list_dollars, "dollars": line.dollars,
            })
        };
        let other =
            |other: &Other| json!({ "name": other.name, "service": other.service, "lambda": other.lambda });
        let goal = |goal: &Goal| json!({ "what": goal.what, "found": goal.found, "at_most": goal.at_most, "met": goal.is_met() });
        json!({
            "schema": "stepladder.cost/1",
            "region": self.prices.region,
            "prices_read_on": self.prices.read_on,
            "runs": self.runs,
            "cases": cases,
            "runs_of_one_step_in_hundreds": bill("batches of a hundred in one call", &self.batches),
            "idle": self.idle.lines.iter().map(idle).collect::<Vec<_>>(),
            "others": self.others.iter().map(other).collect::<Vec<_>>(),
            "goals": self.goals().iter().map(goal).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [singly, by_message, in_tens] = &self.first.bills;
        writeln!(
            f,
            "A chain of five steps, payloads of {} bytes in messages of {:.0}; {} runs per column, programs of the profile \
             {}.\nList prices, {}, {}. US dollars per million steps, with the amount per step before them.\n",
            self.first.payload_bytes,
            singly.message_bytes,
            self.runs,
            profile(),
            self.prices.region,
            self.prices.read_on
        )?;
        write!(f, "{}", table(&bill_rows([singly, by_message, in_tens])))?;
        writeln!(
            f,
            "\nAssumed: an invocation takes {:.0} ms one by one and {:.0} ms in tens: {:.2} ms of CPU per step, counted \
             here, on a seventh of a core\n({MEMORY_MB} MB), {WRITE_MS} ms for a write and {SEND_MS} ms for a send. Logs: \
             {:.0} % of the messages that went well.",
            singly.invocation_ms,
            in_tens.invocation_ms,
            singly.cpu_ms_per_step,
            self.log_sample * 100.0
        )?;

        writeln!(f, "\nOther payloads, all in:\n")?;
        write!(f, "{}", table(&self.payload_rows()))?;
        writeln!(
            f,
            "\nAbove 8 KB compressed a payload goes to S3: each PUT adds {} per million, computed and not counted.",
            dollars(self.prices.s3.puts_per_million)
        )?;

        writeln!(
            f,
            "\nRuns of one step, started by messages, whose batches of a hundred are each one call of its code \
             (`run_batch`): US dollars per million steps, which\nare as many runs; and {:.2} writes to the table per \
             run.\n",
            self.batches.write_calls_per_run
        )?;
        write!(f, "{}", table(&self.batch_rows()))?;

        writeln!(f, "\nThe same chain elsewhere, with its Lambda functions:\n")?;
        write!(f, "{}", table(&self.other_rows()))?;

        writeln!(
            f,
            "\nA month without a run: {} polled queues, {} alarms' metrics, {} dashboard. Computed from the template; \
             an account has the free part once.\n",
            self.template.polled_queues, self.template.alarm_metrics, self.template.dashboards
        )?;
        write!(f, "{}", table(&self.idle_rows()))?;

        writeln!(f, "\nGoals:\n")?;
        write!(f, "{}", table(&self.goal_rows()))
    }
}

impl Report {
    fn payload_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(["payload", "write units per step", "one by one", "by messages", "in tens"])];
        for Case { payload_bytes, bills: [singly, by_message, in_tens] } in
            std::iter::once(&self.first).chain(&self.more)
        {
            rows.push(vec![
                format!("{payload_bytes} bytes"),
                format!("{:.2}", singly.write_units_per_step),
                dollars(singly.dollars()),
                dollars(by_message.dollars()),
                dollars(in_tens.dollars()),
            ]);
        }
        rows
    }

    fn batch_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(["", "how", "in hundreds", ""])];
        let lines = |lines: &[Line]| lines.iter().map(|line| line_row([line])).collect::<Vec<_>>();
        rows.extend(lines(&self.batches.requests));
        rows.push(sum_row("**requests**", [self.batches.requests_dollars()]));
        rows.extend(lines(&self.batches.rest));
        rows.push(sum_row("**all in**", [self.batches.dollars()]));
        rows
    }

    fn other_rows(&self) -> Vec<Vec<String>> {
        let [singly, _, in_tens] = &self.first.bills;
        let mut rows = vec![row(["", "service", "Lambda", "in all", ""])];
        for (name, bill) in [("Stepladder, one by one", singly), ("Stepladder, batches of ten", in_tens)] {
            let lambda: f64 =
                bill.requests.iter().chain(&bill.rest).filter(is_lambda).map(|line| line.dollars).sum();
            let all = bill.dollars();
            let note = "exactly-once transitions, history of 30 days with its data";
            rows.push(vec![
                name.to_owned(),
                dollars(all - lambda),
                dollars(lambda),
                dollars(all),
                note.to_owned(),
            ]);
        }
        for other in &self.others {
            rows.push(vec![
                other.name.to_owned(),
                dollars(other.service),
                dollars(other.lambda),
                dollars(other.dollars()),
                other.note.to_owned(),
            ]);
        }
        rows
    }

    fn idle_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(["", "amount", "of it free", "list price", "to pay"])];
        for line in &self.idle.lines {
            rows.push(vec![
                line.what.to_owned(),
                amount(line.amount),
                amount(line.free.min(line.amount)),
                dollars(line.list_dollars),
                dollars(line.dollars),
            ]);
        }
        let sum = [
            "**a month**".to_owned(),
            String::new(),
            String::new(),
            dollars(self.idle.list_dollars()),
            dollars(self.idle.dollars()),
        ];
        rows.push(sum.to_vec());
        rows
    }

    fn goal_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(["", "found", "at most", ""])];
        for goal in self.goals() {
            let met = if goal.is_met() { "met" } else { "missed" };
            rows.push(vec![
                goal.what.to_owned(),
                format!("{:.2}", goal.found),
                format!("{:.2}", goal.at_most),
                met.to_owned(),
            ]);
        }
        rows
    }
}

/// The folder that the programs lie in is named for it.
fn profile() -> String {
    let program = std::env::current_exe().ok();
    let folder = program.as_deref().and_then(|program| program.parent()?.file_name()?.to_str());
    match folder {
        Some("debug") | None => "dev".to_owned(),
        Some(other) => other.to_owned(),
    }
}

fn is_lambda(line: &&Line) -> bool {
    line.what.starts_with("Lambda")
}

fn bill_rows(bills: [&Bill; 3]) -> Vec<Vec<String>> {
    let mut rows = vec![row(["", "how", "one by one", "", "by messages", "", "in tens", ""])];
    let lines = |of: fn(&Bill) -> &Vec<Line>| {
        let [singly, by_message, in_tens] = bills.map(of);
        singly.iter().zip(by_message).zip(in_tens).map(|((a, b), c)| line_row([a, b, c])).collect::<Vec<_>>()
    };
    rows.extend(lines(|bill| &bill.requests));
    rows.push(sum_row("**requests**", bills.map(Bill::requests_dollars)));
    rows.extend(lines(|bill| &bill.rest));
    rows.push(sum_row("**all in**", bills.map(Bill::dollars)));
    rows
}

/// A line of as many bills.
fn line_row<const N: usize>(lines: [&Line; N]) -> Vec<String> {
    let mut row = match lines.first() {
        Some(Line { what, unit, how, .. }) => vec![format!("{what}, {unit}"), how.as_str().to_owned()],
        None => Vec::new(),
    };
    row.extend(lines.into_iter().flat_map(|line| [amount(line.per_step), dollars(line.dollars)]));
    row
}

fn sum_row<const N: usize>(name: &str, sums: [f64; N]) -> Vec<String> {
    let mut row = vec![name.to_owned(), String::new()];
    row.extend(sums.into_iter().flat_map(|sum| [String::new(), dollars(sum)]));
    row
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Cents, and tenths of a cent where there is less than a cent.
fn dollars(amount: f64) -> String {
    if amount > 0.0 && amount < 0.01 { format!("{amount:.4}") } else { format!("{amount:.2}") }
}

/// Enough digits to see it.
fn amount(number: f64) -> String {
    if number == 0.0 {
        "0".to_owned()
    } else if number >= 100.0 {
        format!("{number:.0}")
    } else if number >= 0.1 {
        format!("{number:.2}")
    } else {
        format!("{number:.4}")
    }
}

/// A Markdown table that is readable as it is. The first row is its head.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default().max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if index == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            text.push_str(&format!("| {} |\n", rules.join(" | ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{counts::Counts, proxy::Seen};

    fn report(write_units: f64) -> Report {
        let bill = || Bill::of(&counts(write_units), &Prices::list().unwrap(), 0.05);
        let cases = vec![Case { payload_bytes: 250, bills: [bill(), bill(), bill()] }];
        let template = Template { polled_queues: 8, ..Template::default() };
        let prices = Prices::list().unwrap();
        let idle = Month::of(&template, &Seen::new(), &prices);
        Report::new(cases, bill(), idle, template, prices, 200, 0.05).unwrap()
    }

    fn counts(write_units: f64) -> Counts {
        let calls = crate::proxy::Calls { capacity_units: write_units, ..Default::default() };
        Counts {
            runs: 200,
            steps: 1_000,
            seen: Seen::from([("PutItem".to_owned(), calls)]),
            step_invocations: 100,
            messages: 1_000,
            ..Counts::default()
        }
    }

    #[test]
    fn a_goal_is_met_at_its_figure_and_missed_above_it() {
        assert_eq!(report(1_600.0).missed(), []);
        let missed = report(1_601.0).missed();
        let names: Vec<&str> = missed.iter().map(|goal| goal.what).collect();
        assert_eq!(names, ["write units per step, one by one", "write units per step, batches of ten"]);
    }

    #[test]
    fn every_line_says_where_it_comes_from() {
        let text = report(1_600.0).to_string();
        for line in text.lines().filter(|line| line.starts_with("| SQS") && line.contains("requests")) {
            assert!(line.contains("counted") || line.contains("computed"), "{line}");
        }
        assert!(text.contains("| DynamoDB writes, units "), "{text}");
    }

    #[test]
    fn columns_stand_under_one_another() {
        let text = table(&[row(["a", "number"]), row(["longer", "1"])]);
        assert_eq!(text, "| a      | number |\n| ------ | ------ |\n| longer | 1      |\n");
    }
}
