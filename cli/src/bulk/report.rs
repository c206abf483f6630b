//! The report of what was done to the runs of a query: JSON lines, so that it can be read while it grows, and gone on with.
//!
//! The first line says what was asked. Before anything is done to some runs a line names them; then each of them gets a line of its
//! own. So whoever reads a report that was cut off knows which runs may have been asked without their line being written: those
//! of the last page. They are asked again with the same token, which does nothing to a run that it was done to.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};
use stepladder_protocol::Place;

/// The shape of a report.
pub const SCHEMA: &str = "stepladder.bulk/1";

/// A line of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    Query(Header),
    Page(Page),
    Run(Line),
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    pub schema: String,
    /// 32 hex digits: what each run is asked with.
    pub id: String,
    /// `redrive`, …
    pub action: String,
    /// The query's text.
    pub query: String,
    /// As of when, as RFC 3339: what has changed since isn't meant, and durations count back from here.
    pub as_of: String,
    /// What the action was told beside.
    pub options: Value,
    /// Where: stack, region and account.
    pub stack: String,
}

/// The runs that are next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Each `workflow/name`.
    pub runs: Vec<String>,
    /// All that stand no further behind in the lists are on this page, or on one before it, or are not meant.
    pub behind: Place,
}

/// What was done to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// `workflow/name`
    pub id: String,
    pub result: RunResult,
    pub error: Option<String>,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    Done,
    /// The run was busy: a message will do it within minutes.
    Pending,
    /// It was no longer what was asked for.
    Refused,
    Failed,
}

/// How many runs came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub done: usize,
    pub pending: usize,
    pub refused: usize,
    pub failed: usize,
}

impl Counts {
    pub fn add(&mut self, result: RunResult) {
        *match result {
            RunResult::Done => &mut self.done,
            RunResult::Pending => &mut self.pending,
            RunResult::Refused => &mut self.refused,
            RunResult::Failed => &mut self.failed,
        } += 1;
    }

    pub fn all(&self) -> usize {
        self.done + self.pending + self.refused + self.failed
    }
}

/// Where lines go.
pub trait Journal {
    /// The line is there when this returns, whatever happens to the process.
    fn write(&mut self, entry: &Entry) -> Outcome;
}

/// How far a report has come.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    pub counts: Counts,
    /// Where to go on.
    pub behind: Option<Place>,
    /// Runs of the last page that have no line.
    pub open: BTreeSet<String>,
}

impl Progress {
    pub fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Query(_) => {}
            Entry::Page(page) => {
                self.behind = Some(page.behind.clone());
                self.open.extend(page.runs.iter().cloned());
            }
            Entry::Run(line) => {
                self.open.remove(&line.id);
                self.counts.add(line.result);
            }
        }
    }
}

/// A report in a file.
#[derive(Debug)]
pub struct Report {
    file: File,
    path: PathBuf,
}

impl Report {
    /// A new one: a file that is there is somebody's.
    pub fn create(path: &Path) -> Outcome<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Failure::new(Exit::Conflict, Code::File, format!("{} is there already", path.display()))
                    .hint(format!("to go on with it: --resume {}", path.display()))
            }
            _ => Failure::file("write", path, &error),
        })?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// One that was begun, to be gone on with. What was cut off in the middle of a line is not kept.
    pub fn open(path: &Path) -> Outcome<(Self, Header, Progress)> {
        let of_file = |what| move |error: std::io::Error| Failure::file(what, path, &error);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(of_file("open"))?;
        let no_report = |number: usize, why: String| {
            let message =
                format!("{} is no report that can be gone on with: line {number}: {why}", path.display());
            Failure::new(Exit::Bad, Code::File, message)
        };
        let mut reader = BufReader::new(&file);
        let (mut header, mut progress) = (None, Progress::default());
        let (mut text, mut bytes, mut number) = (String::new(), 0, 0);
        loop {
            text.clear();
            let read = reader.read_line(&mut text).map_err(of_file("read"))?;
            if !text.ends_with('\n') {
                break;
            }
            number += 1;
            let entry: Entry =
                serde_json::from_str(&text).map_err(|error| no_report(number, error.to_string()))?;
            match (&entry, &header) {
                (Entry::Query(first), None) if first.schema == SCHEMA => header = Some(first.clone()),
                (Entry::Page(_) | Entry::Run(_), Some(_)) => {}
                _ => return Err(no_report(number, "it is not where such a line stands".to_owned())),
            }
            progress.take(&entry);
            bytes += read as u64;
        }
        let header = header.ok_or_else(|| no_report(1, "it is missing".to_owned()))?;
        file.set_len(bytes).map_err(of_file("write"))?;
        let file = OpenOptions::new().append(true).open(path).map_err(of_file("write"))?;
        Ok((Self { file, path: path.to_owned() }, header, progress))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Journal for Report {
    fn write(&mut self, entry: &Entry) -> Outcome {
        let mut line = serde_json::to_vec(entry)
            .map_err(|error| Failure::new(Exit::Bug, Code::Bug, format!("can't write JSON: {error}")))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| Failure::file("write", &self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepladder_protocol::RunId;

    fn header() -> Header {
        Header {
            schema: SCHEMA.to_owned(),
            id: "0".repeat(32),
            action: "redrive".to_owned(),
            query: "status=failed".to_owned(),
            as_of: "2027-01-15T08:00:00.000Z".to_owned(),
            options: Value::Null,
            stack: "s".to_owned(),
        }
    }

    fn id(n: usize) -> String {
        format!("order/{n}")
    }

    fn place(at_ms: i64, n: usize) -> Place {
        Place { at_ms, id: RunId::new("order", n.to_string()) }
    }

    fn page(runs: &[usize], at_ms: i64) -> Entry {
        let behind = place(at_ms, *runs.last().unwrap());
        Entry::Page(Page { runs: runs.iter().map(|n| id(*n)).collect(), behind })
    }

    fn line(n: usize, result: RunResult) -> Entry {
        Entry::Run(Line { id: id(n), result, error: None })
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("stepladder-report-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_report_says_how_far_it_has_come() {
        let path = folder("far").join("report.jsonl");
        let mut report = Report::create(&path).unwrap();
        let entries = [
            Entry::Query(header()),
            page(&[1, 2], 9),
            line(2, RunResult::Done),
            line(1, RunResult::Failed),
            page(&[3, 4, 5], 4),
            line(4, RunResult::Pending),
        ];
        for entry in &entries {
            report.write(entry).unwrap();
        }
        // The process died while it wrote a line.
        report.file.write_all(b"{\"kind\":\"run\",\"id\":").unwrap();
        drop(report);
        let whole = std::fs::read(&path).unwrap();
        let (mut report, read, progress) = Report::open(&path).unwrap();
        assert_eq!(read, header());
        let counts = Counts { done: 1, pending: 1, failed: 1, refused: 0 };
        assert_eq!(progress.counts, counts);
        assert_eq!(progress.behind, Some(place(4, 5)));
        assert_eq!(progress.open, BTreeSet::from([id(3), id(5)]));
        report.write(&line(3, RunResult::Done)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("\n") && text.len() > whole.len(), "{text}");
        assert_eq!(text.lines().count(), 7);
        assert_eq!(Report::open(&path).unwrap().2.open, BTreeSet::from([id(5)]));
    }

    #[test]
    fn no_file_is_overwritten_and_none_taken_for_a_report() {
        let folder = folder("none");
        let path = folder.join("report.jsonl");
        std::fs::write(&path, "mine\n").unwrap();
        let failure = Report::create(&path).unwrap_err();
        assert_eq!(failure.exit, Exit::Conflict);
        assert!(Report::open(&path).unwrap_err().message.contains("line 1: expected"));
        std::fs::write(&path, "").unwrap();
        assert!(Report::open(&path).unwrap_err().message.contains("line 1: it is missing"));
        let run = serde_json::to_string(&line(1, RunResult::Done)).unwrap();
        std::fs::write(&path, format!("{run}\n")).unwrap();
        assert!(Report::open(&path).unwrap_err().message.contains("it is not where such a line stands"));
        assert_eq!(Report::open(&folder.join("gone")).unwrap_err().exit, Exit::NotFound);
    }

    #[test]
    fn lines_keep_their_shape() {
        let text = |entry: &Entry| serde_json::to_string(entry).unwrap();
        assert_eq!(
            text(&Entry::Query(header())),
            format!(
                r#"{{"kind":"query","schema":"stepladder.bulk/1","id":"{}","action":"redrive","query":"status=failed","as_of":"2027-01-15T08:00:00.000Z","options":null,"stack":"s"}}"#,
                "0".repeat(32)
            )
        );
        assert_eq!(
            text(&line(1, RunResult::Done)),
            r#"{"kind":"run","id":"order/1","result":"done","error":null}"#
        );
    }
}
