//! A file of orders, one JSON value per line, and how each is expected to end.

use crate::{
    failure::{Failure, Outcome},
    limits,
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};
use stepladder_protocol::{check_name, json};

/// One line that can be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// From 1.
    pub line: usize,
    /// The run's name: the order's id where that can name a run, else made from the line's number.
    pub name: String,
    pub order_id: Option<Value>,
    /// JSON text, as it was, without white space around it.
    pub text: String,
    /// What `RunItem::input_digest` will be.
    pub digest: String,
    pub expected: Option<End>,
    /// What whoever has the task's token answers, in the order in which the run asks; null is no answer.
    pub answers: Vec<Value>,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
pub struct End {
    pub status: String,
    #[serde(default)]
    pub error: Option<String>,
}

/// One line that can't be sent, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub line: usize,
    pub why: String,
    /// The same order stands in a line before: nothing is lost by not sending it.
    pub is_harmless: bool,
}

/// A file, read.
#[derive(Debug, Default, PartialEq)]
pub struct Orders {
    pub orders: Vec<Order>,
    pub refused: Vec<Refused>,
    /// Where the expected ends were read from.
    pub expected_from: Option<PathBuf>,
}

impl Orders {
    /// Reads `X.jsonl`, and `X.expected.jsonl` where it is there. Lines that can't be sent harm no other.
    pub fn read(path: &Path) -> Outcome<Self> {
        let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
        let expected_path = expected_path(path);
        let expected = match File::open(&expected_path) {
            Ok(file) => Some(Expected::read(BufReader::new(file), &expected_path)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::file("read", &expected_path, &error)),
        };
        let mut orders = Self::from_lines(BufReader::new(file), expected.as_ref())
            .map_err(|error| Failure::file("read", path, &error))?;
        orders.expected_from = expected.map(|_| expected_path);
        Ok(orders)
    }

    fn from_lines(mut reader: impl BufRead, expected: Option<&Expected>) -> std::io::Result<Self> {
        let mut read = Self::default();
        let mut names = HashSet::new();
        let mut ids: HashMap<String, (usize, String)> = HashMap::new();
        let mut number = 0;
        loop {
            let (line, is_cut) = next_line(&mut reader)?;
            let Some(line) = line else { return Ok(read) };
            number += 1;
            if read.orders.len() + read.refused.len() >= limits::ORDERS_MAX {
                let why = format!("a file holds at most {} orders; the rest is left out", limits::ORDERS_MAX);
                read.refused.push(Refused { line: number, why, is_harmless: false });
                return Ok(read);
            }
            // A byte order mark, and empty lines, are no orders.
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
            if line.is_empty() && !is_cut {
                continue;
            }
            let mut refuse =
                |why: String, is_harmless| read.refused.push(Refused { line: number, why, is_harmless });
            if is_cut {
                refuse(format!("it has more than {} bytes", limits::INPUT_BYTES_MAX), false);
                continue;
            }
            let value = match json::parse(line) {
                Ok(value) => value,
                Err(error) => {
                    refuse(error.to_string(), false);
                    continue;
                }
            };
            let digest = digest(&value);
            let order_id = value.get("order_id").cloned();
            // An id that can't name a run makes no two orders one.
            let id = order_id.as_ref().and_then(Value::as_str).filter(|id| check_name(id).is_ok());
            if let Some(id) = id {
                if let Some((before, its_digest)) = ids.get(id) {
                    match *its_digest == digest {
                        true => refuse(format!("it is the same order as line {before}"), true),
                        false => refuse(
                            format!(
                                "the order_id '{id}' stands in line {before} already, with another content"
                            ),
                            false,
                        ),
                    }
                    continue;
                }
                ids.insert(id.to_owned(), (number, digest.clone()));
            }
            let name = name(order_id.as_ref(), number, &names);
            names.insert(name.clone());
            let line_of_end = expected.and_then(|expected| expected.of(number, order_id.as_ref()));
            let expected = line_of_end.map(|line| line.end.clone());
            let answers = line_of_end.map(|line| line.answers.clone()).unwrap_or_default();
            let text = String::from_utf8_lossy(line).into_owned();
            read.orders.push(Order { line: number, name, order_id, text, digest, expected, answers });
        }
    }
}

/// `orders.jsonl` → `orders.expected.jsonl`.
pub fn expected_path(path: &Path) -> PathBuf {
    path.with_extension("expected.jsonl")
}

/// The order's id if it can name a run, else `line-000017`.
fn name(order_id: Option<&Value>, line: usize, taken: &HashSet<String>) -> String {
    let id = order_id.and_then(Value::as_str).filter(|id| check_name(id).is_ok() && !taken.contains(*id));
    if let Some(id) = id {
        return id.to_owned();
    }
    let mut name = format!("line-{line:06}");
    while taken.contains(&name) {
        name.push('x');
    }
    name
}

/// As the protocol computes it for a start.
fn digest(value: &Value) -> String {
    let json = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(&json).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The next line without its end, and whether it was too long and has been cut.
fn next_line(reader: &mut impl BufRead) -> std::io::Result<(Option<Vec<u8>>, bool)> {
    let mut line = Vec::new();
    let read = reader.by_ref().take(limits::INPUT_BYTES_MAX).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok((None, false));
    }
    if line.ends_with(b"\n") || (read as u64) < limits::INPUT_BYTES_MAX {
        return Ok((Some(line), false));
    }
    // The rest of it is passed over, piece by piece.
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok((Some(Vec::new()), true));
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(chunk.len(), |end| end + 1);
        reader.consume(length);
        if end.is_some() {
            return Ok((Some(Vec::new()), true));
        }
    }
}

/// The expected ends, line for line with the orders; where the lines don't fit, by the order's id.
#[derive(Debug, Default)]
struct Expected {
    by_line: HashMap<usize, ExpectedLine>,
    /// Only ids that stand there once.
    by_id: HashMap<String, Option<usize>>,
}

#[derive(Debug, Deserialize)]
struct ExpectedLine {
    order_id: Option<Value>,
    #[serde(default)]
    answers: Vec<Value>,
    #[serde(flatten)]
    end: End,
}

impl Expected {
    fn read(reader: impl BufRead, path: &Path) -> Outcome<Self> {
        let mut expected = Self::default();
        for (at, line) in reader.split(b'\n').enumerate() {
            let line = line.map_err(|error| Failure::file("read", path, &error))?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let invalid = |why: String| {
                let error = std::io::Error::other(format!("line {}: {why}", at + 1));
                Failure::file("read", path, &error)
                    .hint(r#"a line reads {"order_id": "17", "status": "FAILED", "error": "CardDeclined"}"#)
            };
            let value = json::parse(&line).map_err(|error| invalid(error.to_string()))?;
            let read: ExpectedLine =
                serde_json::from_value(value).map_err(|error| invalid(error.to_string()))?;
            if let Some(id) = read.order_id.as_ref().and_then(Value::as_str) {
                let only = expected.by_id.entry(id.to_owned()).or_insert(Some(at + 1));
                if *only != Some(at + 1) {
                    *only = None;
                }
            }
            expected.by_line.insert(at + 1, read);
        }
        Ok(expected)
    }

    fn of(&self, line: usize, order_id: Option<&Value>) -> Option<&ExpectedLine> {
        // An order without an id is null in the list of the ends.
        let same =
            |id: &Option<Value>| id.as_ref().unwrap_or(&Value::Null) == order_id.unwrap_or(&Value::Null);
        if let Some(found) = self.by_line.get(&line).filter(|line| same(&line.order_id)) {
            return Some(found);
        }
        let line = (*self.by_id.get(order_id?.as_str()?)?)?;
        self.by_line.get(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], expected: Option<&str>) -> Orders {
        let expected = expected.map(|text| Expected::read(text.as_bytes(), Path::new("x")).unwrap());
        Orders::from_lines(text, expected.as_ref()).unwrap()
    }

    #[test]
    fn a_bad_line_harms_no_other() {
        let text = b"\xef\xbb\xbf{\"order_id\":\"a\"}\r\n\nnot json\n{\"order_id\":\"\xff\"}\n  {\"order_id\": \"a\"}\n\
            {\"order_id\":\"a\",\"x\":1}\n[99999999999999999999]\n{\"order_id\":\"b\"}";
        let read = read(text, None);
        let sent: Vec<(usize, &str)> =
            read.orders.iter().map(|order| (order.line, order.name.as_str())).collect();
        assert_eq!(sent, [(1, "a"), (8, "b")]);
        let refused: Vec<(usize, &str, bool)> = read
            .refused
            .iter()
            .map(|refused| (refused.line, refused.why.as_str(), refused.is_harmless))
            .collect();
        assert_eq!(
            refused,
            [
                (3, "it is not JSON: expected ident at line 1 column 2", false),
                (4, "it is not UTF-8: byte 13 is the first that isn't", false),
                (5, "it is the same order as line 1", true),
                (6, "the order_id 'a' stands in line 1 already, with another content", false),
                (7, "the number 99999999999999999999 does not fit in 64 bits; send it as a string", false),
            ]
        );
    }

    #[test]
    fn an_id_that_can_not_name_a_run_gives_way_to_the_lines_number() {
        let text = b"{\"order_id\":\"line-000002\"}\n{\"order_id\":\"a b/\"}\n17\n{\"order_id\":null}\n{\"order_id\":5}\n\
            {\"order_id\":\"a b/\",\"x\":1}";
        let read = read(text, None);
        let names: Vec<&str> = read.orders.iter().map(|order| order.name.as_str()).collect();
        let expected =
            ["line-000002", "line-000002x", "line-000003", "line-000004", "line-000005", "line-000006"];
        assert_eq!(names, expected);
        assert_eq!(read.refused.len(), 0);
    }

    #[test]
    fn an_end_is_found_by_its_line_and_else_by_its_id() {
        let orders = b"{\"total\":1}\n{\"order_id\":\"a\"}\n{\"order_id\":\"b\"}\n{\"order_id\":\"c\"}";
        let expected = r#"{"order_id":null,"status":"FAILED","error":"InvalidOrder"}
{"order_id":"b","status":"SUCCEEDED"}
{"order_id":"c","status":"FAILED","error":"X"}
{"order_id":"c","status":"FAILED","error":"Y"}"#;
        let read = read(orders, Some(expected));
        let ends: Vec<Option<&str>> = read
            .orders
            .iter()
            .map(|order| order.expected.as_ref().map(|end| end.error.as_deref().unwrap_or(&end.status)))
            .collect();
        assert_eq!(ends, [Some("InvalidOrder"), None, Some("SUCCEEDED"), Some("Y")]);
    }

    #[test]
    fn the_digest_is_the_one_that_a_start_computes() {
        let read = read(b"{ \"b\": 1.50, \"a\": \"\\u00e4\" }", None);
        let json = r#"{"b":1.5,"a":"ä"}"#;
        let digest: String = Sha256::digest(json).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(read.orders[0].digest, digest);
    }

    #[test]
    fn the_ends_lie_beside_the_orders() {
        assert_eq!(expected_path(Path::new("a/orders.jsonl")), Path::new("a/orders.expected.jsonl"));
    }
}
