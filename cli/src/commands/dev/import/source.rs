//! The file to import.

use crate::failure::{Failure, Outcome};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};
use stepladder_protocol::{check_name, limits::NAME_CHARS_MAX};

/// A file, and what it is for.
#[derive(Debug)]
pub(in super::super) struct Source {
    pub workflow: String,
    pub path: PathBuf,
    /// The object's key: the file's name.
    pub key: String,
}

/// So many bytes are read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// So many digits has the time in a run's name.
const TIME_CHARS: usize = 14;

impl Source {
    /// A file that is there and can be read.
    pub(in super::super) fn new(workflow: String, path: &Path) -> Outcome<Self> {
        let unread = |error: io::Error| Failure::file("read", path, &error);
        let file = File::open(path).map_err(unread)?;
        if !file.metadata().map_err(unread)?.is_file() {
            return Err(unread(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
        }
        let key = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { workflow, path: path.to_owned(), key })
    }

    /// The run's name: the file's, as far as it can be one, and the time.
    pub(super) fn run_name(&self, now_ms: i64) -> String {
        let stem = self.key.rsplit_once('.').map_or(self.key.as_str(), |(stem, _)| stem);
        let is_plain = |character: &char| check_name(character.encode_utf8(&mut [0; 4])).is_ok();
        let stem: String = stem.chars().filter(is_plain).take(NAME_CHARS_MAX - TIME_CHARS - 1).collect();
        format!("{stem}-{now_ms}")
    }

    /// How many rows the file has, without the one of the columns' names: line ends outside of quotation marks.
    pub(super) async fn count_rows(&self) -> Outcome<u64> {
        let path = self.path.clone();
        let has_names = self.key.to_ascii_lowercase().ends_with(".csv");
        let counted = tokio::task::spawn_blocking(move || rows_of(File::open(path)?)).await;
        let counted = counted.unwrap_or_else(|error| Err(io::Error::other(error)));
        let rows = counted.map_err(|error| Failure::file("read", &self.path, &error))?;
        Ok(rows.saturating_sub(u64::from(has_names)))
    }
}

fn rows_of(mut file: impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut rows, mut is_quoted, mut is_empty) = (0, false, true);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(rows + u64::from(!is_empty));
        }
        for byte in buffer.iter().take(read) {
            match byte {
                // A doubled one in quoted text ends it and begins it again.
                b'"' => (is_quoted, is_empty) = (!is_quoted, false),
                b'\n' if !is_quoted => {
                    rows += u64::from(!is_empty);
                    is_empty = true;
                }
                b'\r' => {}
                _ => is_empty = false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_rows(text: &str, expected: u64) {
        assert_eq!(rows_of(text.as_bytes()).unwrap(), expected, "{text:?}");
    }

    #[test]
    fn rows_end_with_a_line_outside_of_quotation_marks() {
        check_rows("", 0);
        check_rows("a,b\n1,2\n", 2);
        check_rows("a,b\r\n1,2", 2);
        check_rows("a\n\n\r\nb\n", 2);
        check_rows("a\n\"x\ny \"\"z\"\"\n\",2\nb\n", 3);
    }

    #[test]
    fn a_run_is_named_after_its_file() {
        let source = |key: &str| Source { workflow: "w".into(), path: key.into(), key: key.into() };
        assert_eq!(source("rows.2026.csv").run_name(17), "rows.2026-17");
        assert_eq!(source("a b:c/ä.csv").run_name(17), "abcä-17");
        let long = source(&"x".repeat(200)).run_name(1_800_000_000_000);
        assert!(check_name(&long).is_ok(), "{long}");
    }
}
