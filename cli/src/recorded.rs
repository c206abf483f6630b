//! A recorded run in a file: what `run history -o jsonl` writes and `replay` reads.
//!
//! A line is a JSON object. The first is the run ([`Head`]), each that follows a record ([`RecordLine`]), the records of a
//! branch in their order, and the last says how many there are ([`TailLine`]): so a file that was cut is known.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    inputs, limits,
    text::utc,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
};
use stepladder_asl::Definition;
use stepladder_engine::{Branch, Fork, Opening, Outcome as Ended, Recorded, Records, Run, SEMANTICS, Status};
use stepladder_protocol::{Record, RunItem, json as checked_json};

/// The shape of a file.
pub const SCHEMA: &str = "stepladder.history/1";

/// The first line: the run, and all that its replay takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// `stepladder.history/1`
    pub schema: String,
    /// `workflow/name`
    pub id: String,
    pub workflow: String,
    pub name: String,
    /// What the run's random values and keys are made of: without it a replay draws others.
    pub nonce: String,
    /// When it was written to the file.
    pub status: Status,
    pub redrive_count: u32,
    pub started_at: String,
    pub ended_at: Option<String>,
    pub region: String,
    pub account: String,
    pub role_arn: String,
    /// The hash of the definition that it runs on.
    pub definition: String,
    /// The definition itself.
    pub asl: Value,
    pub input: Value,
}

/// A line per record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordLine {
    /// Empty for the root, else `seq.index` for each fan-out that leads to it.
    pub branch: String,
    pub seq: u32,
    pub outcome: Ended,
    /// When the step's code began.
    pub started_at: Option<String>,
    /// The transition's own time.
    pub finished_at: String,
    /// Of where the transition led.
    pub digest: String,
    /// The number of the rules by which it was computed.
    pub semantics: u32,
    /// Only in the first record of a branch.
    pub opening: Option<OpeningLine>,
}

/// What a branch was started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpeningLine {
    pub started_at: String,
    /// How many events were on the path before it.
    pub events: u64,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TailLine {
    /// How many lines of records there are.
    pub records: u64,
}

impl Head {
    pub fn new(item: &RunItem, asl: Value, input: Value) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            id: item.id.to_string(),
            workflow: item.id.workflow.clone(),
            name: item.id.name.clone(),
            nonce: item.nonce.clone(),
            status: item.status,
            redrive_count: item.redrive_count,
            started_at: utc(item.started_ms),
            ended_at: item.ended_ms.map(utc),
            region: item.region.clone(),
            account: item.account.clone(),
            role_arn: item.role_arn.clone(),
            definition: item.definition.clone(),
            asl,
            input,
        }
    }
}

impl RecordLine {
    pub fn new(branch: &Branch, record: &Record, recorded: Recorded) -> Self {
        let opening =
            |opening: Opening| OpeningLine { started_at: utc(opening.started_ms), events: opening.events };
        Self {
            branch: branch.to_string(),
            seq: record.seq,
            outcome: recorded.outcome,
            started_at: recorded.started_ms.map(utc),
            finished_at: utc(recorded.finished_ms),
            digest: recorded.digest,
            semantics: record.semantics,
            opening: recorded.opening.map(opening),
        }
    }

    /// The record, and its branch; else what is wrong.
    fn read(self) -> Result<(Branch, Recorded), String> {
        if self.semantics > SEMANTICS {
            let Self { semantics, .. } = self;
            return Err(format!(
                "it was recorded by rules of the number {semantics}, and this program knows {SEMANTICS}"
            ));
        }
        let branch = branch(&self.branch).ok_or_else(|| format!("'{}' names no branch", self.branch))?;
        let opening = self.opening.map(|OpeningLine { started_at, events }| {
            Ok::<_, String>(Opening { started_ms: time(&started_at)?, events })
        });
        let recorded = Recorded {
            outcome: self.outcome,
            started_ms: self.started_at.as_deref().map(time).transpose()?,
            finished_ms: time(&self.finished_at)?,
            digest: self.digest,
            opening: opening.transpose()?,
        };
        Ok((branch, recorded))
    }
}

fn time(text: &str) -> Result<i64, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| format!("'{text}' is no time like 2026-01-31T12:00:00.000Z"))?;
    Ok(time.as_millisecond())
}

/// A branch, as it is written.
fn branch(text: &str) -> Option<Branch> {
    let fork = |fork: &str| {
        let (seq, index) = fork.split_once('.')?;
        Some(Fork { seq: seq.parse().ok()?, index: index.parse().ok()? })
    };
    let forks = text.split('/').filter(|_| !text.is_empty()).map(fork).collect::<Option<Vec<_>>>()?;
    Some(Branch(forks)).filter(|branch| branch.to_string() == text)
}

/// A recorded run, read.
#[derive(Debug)]
pub struct RecordedRun {
    pub head: Head,
    /// The definition that it ran on.
    pub definition: Definition,
    /// As the engine sees it, without its input.
    pub run: Run,
    pub records: Records,
    pub transitions: u64,
}

impl RecordedRun {
    /// Reads a file, or stdin for `-`.
    ///
    /// # Errors
    ///
    /// It can't be read, or it is no recorded run: then the line is told.
    pub fn open(path: &Path) -> Outcome<Self> {
        if path.as_os_str() == "-" {
            return inputs::piped("stepladder run history ID -o jsonl | stepladder replay -")
                .and_then(|stdin| Self::read(stdin, "<stdin>"));
        }
        let file = std::fs::File::open(path).map_err(|error| Failure::file("read", path, &error))?;
        Self::read(file, &path.display().to_string())
    }

    fn read(reader: impl Read, shown: &str) -> Outcome<Self> {
        let mut lines = Lines { reader: BufReader::new(reader), shown, number: 0, bytes: 0 };
        let Some(first) = lines.next()? else { return Err(lines.wrong("it is empty")) };
        match first.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => {}
            Some(other) => {
                return Err(lines.wrong(format!("its schema is '{other}', and '{SCHEMA}' is expected")));
            }
            None => return Err(lines.wrong(format!("it has no schema, and '{SCHEMA}' is expected"))),
        }
        let head: Head = lines.shaped(first)?;
        let definition = Definition::parse(&head.asl.to_string())
            .map_err(|faults| lines.wrong(format!("its definition has faults: {faults}")))?;
        if definition.hash != head.definition {
            let Definition { hash, .. } = &definition;
            return Err(lines.wrong(format!(
                "its definition is not the one that the run is recorded on: the hash is {hash}, and {} is said",
                head.definition
            )));
        }
        let started_ms = time(&head.started_at).map_err(|why| lines.wrong(why))?;
        let (mut records, mut transitions) = (Records::new(), 0);
        loop {
            let Some(line) = lines.next()? else {
                return Err(lines.cut(transitions));
            };
            if line.get("records").is_some() {
                let tail: TailLine = lines.shaped(line)?;
                if tail.records != transitions {
                    let message = format!(
                        "it says that there are {} records, and there are {transitions}",
                        tail.records
                    );
                    return Err(lines.wrong(message));
                }
                break;
            }
            let line: RecordLine = lines.shaped(line)?;
            let seq = line.seq;
            let (branch, recorded) = line.read().map_err(|why| lines.wrong(why))?;
            let of_branch = records.entry(branch).or_default();
            if u32::try_from(of_branch.len()) != Ok(seq) {
                let message = format!(
                    "the record {seq} of its branch stands here, and {} is expected",
                    of_branch.len()
                );
                return Err(lines.wrong(message));
            }
            of_branch.push(recorded);
            transitions += 1;
        }
        if lines.next()?.is_some() {
            return Err(lines.wrong("there should be nothing after the last line, which counts the records"));
        }
        let run = Run {
            workflow: head.workflow.clone(),
            name: head.name.clone(),
            nonce: head.nonce.clone(),
            definition: head.definition.clone(),
            region: head.region.clone(),
            account: head.account.clone(),
            role_arn: head.role_arn.clone(),
            started_ms,
            redrive_count: 0,
            redriven_ms: None,
            version: None,
            alias: None,
            tenant: None,
            child: false,
            input: None,
            context: None,
        };
        Ok(Self { head, definition, run, records, transitions })
    }
}

/// The lines of a file, one at a time.
struct Lines<'a, R> {
    reader: BufReader<R>,
    shown: &'a str,
    /// That of the last line that was read.
    number: u64,
    bytes: u64,
}

impl<R: Read> Lines<'_, R> {
    /// The next line as JSON; none at the end.
    fn next(&mut self) -> Outcome<Option<Value>> {
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(limits::INPUT_BYTES_MAX + 1).read_until(b'\n', &mut line);
        read.map_err(|error| Failure::file("read", Path::new(self.shown), &error))?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += line.len() as u64;
        if line.len() as u64 > limits::INPUT_BYTES_MAX {
            return Err(self.too_large(format!("the line has more than {} bytes", limits::INPUT_BYTES_MAX)));
        }
        if self.bytes > limits::HISTORY_BYTES_MAX {
            return Err(self.too_large(format!("the file has more than {} bytes", limits::HISTORY_BYTES_MAX)));
        }
        checked_json::parse(&line).map(Some).map_err(|error| self.wrong(error.to_string()))
    }

    fn shaped<T: DeserializeOwned>(&self, value: Value) -> Outcome<T> {
        serde_json::from_value(value).map_err(|error| self.wrong(error.to_string()))
    }

    fn wrong(&self, why: impl AsRef<str>) -> Failure {
        let line = self.number.max(1);
        let message = format!("{} is no recorded run, line {line}: {}", self.shown, why.as_ref());
        Failure::new(Exit::Usage, Code::InvalidHistory, message)
            .hint("`stepladder run history ID -o jsonl` writes one")
    }

    fn cut(&self, records: u64) -> Failure {
        let message =
            format!("{} ends too early, after line {} and {records} records", self.shown, self.number);
        Failure::new(Exit::Usage, Code::InvalidHistory, message).hint(
            "its last line should count the records: write it again by `stepladder run history ID -o jsonl`",
        )
    }

    fn too_large(&self, why: String) -> Failure {
        Failure::new(
            Exit::Usage,
            Code::InputTooLarge,
            format!("can't read {}, line {}: {why}", self.shown, self.number),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ASL: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}"#;

    fn head() -> Value {
        let asl: Value = serde_json::from_str(ASL).unwrap();
        let hash = Definition::parse(ASL).unwrap().hash;
        json!({
            "schema": SCHEMA, "id": "w/1", "workflow": "w", "name": "1", "nonce": "0".repeat(32),
            "status": "RUNNING", "redrive_count": 0, "started_at": "2026-01-31T12:00:00.000Z", "ended_at": null,
            "region": "us-east-1", "account": "000000000000", "role_arn": "r", "definition": hash, "asl": asl,
            "input": { "a": 1 },
        })
    }

    fn record(branch: &str, seq: u32) -> Value {
        json!({
            "branch": branch, "seq": seq, "outcome": { "kind": "timer_fired" }, "started_at": null,
            "finished_at": "2026-01-31T12:00:01.500Z", "digest": "0", "semantics": 1,
            "opening": { "started_at": "2026-01-31T12:00:00.000Z", "events": 3 },
        })
    }

    fn read(text: &str) -> Outcome<RecordedRun> {
        RecordedRun::read(text.as_bytes(), "f")
    }

    fn text(lines: &[Value]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let branch = Branch(vec![Fork { seq: 3, index: 2 }, Fork { seq: 0, index: 11 }]);
        let lines = [head(), record("", 0), record(&branch.to_string(), 0), json!({ "records": 2 })];
        let run = read(&text(&lines)).unwrap();
        assert_eq!((run.transitions, run.head.id.as_str()), (2, "w/1"));
        assert_eq!(run.run.started_ms, 1_769_860_800_000);
        let recorded = &run.records[&branch][0];
        assert_eq!(recorded.finished_ms, 1_769_860_801_500);
        assert_eq!(recorded.opening, Some(Opening { started_ms: 1_769_860_800_000, events: 3 }));
        assert_eq!(serde_json::to_value(&run.head).unwrap(), head());
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let failure = read(text).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains(expected), "{failure}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let with = |name: &str, value: Value| {
            let mut head = head();
            head[name] = value;
            text(&[head])
        };
        check("", "f is no recorded run, line 1: it is empty");
        check("{", "line 1: it is not JSON");
        check("[]\n", "line 1: it has no schema");
        check(&with("schema", json!("stepladder.history/2")), "its schema is 'stepladder.history/2'");
        check(&with("definition", json!("abc")), "line 1: its definition is not the one");
        check(&with("asl", json!({})), "line 1: its definition has faults");
        check(&with("started_at", json!("soon")), "line 1: 'soon' is no time");
        check(&with("nonce", json!(7)), "line 1: invalid type");
        check(&text(&[head()]), "f ends too early, after line 1 and 0 records");
        check(&text(&[head(), record("", 0)]), "f ends too early, after line 2 and 1 records");
        check(
            &text(&[head(), record("", 1)]),
            "line 2: the record 1 of its branch stands here, and 0 is expected",
        );
        check(&text(&[head(), record("3.2", 0)]), "line 2: '3.2' names no branch");
        check(
            &text(&[head(), json!({ "records": 1 })]),
            "line 2: it says that there are 1 records, and there are 0",
        );
        check(&text(&[head(), json!({ "records": 0 }), head()]), "line 3: there should be nothing");
        let mut newer = record("", 0);
        newer["semantics"] = json!(SEMANTICS + 1);
        check(&text(&[head(), newer]), "line 2: it was recorded by rules of the number");
        let cut = text(&[head(), record("", 0)]);
        check(&cut[..cut.len() - 9], "line 2: it is not JSON");
        check(&format!("{}\n", "[".repeat(100_000)), "line 1: it is not JSON");
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        struct Endless;
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                buffer.fill(b' ');
                Ok(buffer.len())
            }
        }
        let failure = RecordedRun::read(Endless, "f").unwrap_err();
        assert_eq!((failure.exit, failure.code), (Exit::Usage, Code::InputTooLarge));
        assert!(failure.message.contains("line 1: the line has more than 83886080 bytes"), "{failure}");
    }
}
