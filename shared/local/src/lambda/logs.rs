//! What the functions write, line by line.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::limits;

/// A line that a function has written, or that the host says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub function: String,
    /// The invocation that the environment was working on, if any.
    pub request_id: Option<String>,
    pub stream: LogStream,
    /// Without the line's end; invalid UTF-8 is replaced. At most 64 KiB: longer lines come in pieces.
    pub text: String,
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    Stdout,
    Stderr,
    /// The host: a timeout, an exit, a failed start.
    Platform,
}

/// Where lines go.
#[derive(Clone, Default)]
pub(crate) struct LogSink {
    sink: Arc<RwLock<Option<Sink>>>,
}

type Sink = Arc<dyn Fn(LogLine) + Send + Sync>;

impl LogSink {
    pub(crate) fn set(&self, sink: Sink) {
        *self.sink.write().unwrap_or_else(PoisonError::into_inner) = Some(sink);
    }

    pub(crate) fn write(&self, line: LogLine) {
        let sink = self.sink.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sink) = sink {
            sink(line);
        }
    }
}

impl std::fmt::Debug for LogSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogSink").finish_non_exhaustive()
    }
}

/// Hands on each line until the stream ends. Memory stays bounded, whatever is written.
pub(crate) async fn read_lines(stream: impl AsyncRead + Unpin, mut line: impl FnMut(String)) {
    let mut reader = BufReader::new(stream);
    let mut pending: Vec<u8> = Vec::new();
    loop {
        let chunk = match reader.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(chunk) => chunk,
        };
        let room = limits::LOG_LINE_BYTES_MAX - pending.len();
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (taken, complete) = match end {
            Some(end) if end <= room => (end + 1, true),
            _ => (chunk.len().min(room), chunk.len() >= room),
        };
        pending.extend(chunk.iter().take(taken));
        reader.consume(taken);
        if complete {
            line(text(&pending));
            pending.clear();
        }
    }
    if !pending.is_empty() {
        line(text(&pending));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(written: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        read_lines(written, |line| lines.push(line)).await;
        lines
    }

    #[tokio::test]
    async fn lines_end_at_line_ends_and_at_the_end_of_the_stream() {
        assert_eq!(lines(b"one\r\ntwo\n\nlast").await, ["one", "two", "", "last"]);
        assert_eq!(lines(b"\xff\n").await, ["\u{FFFD}"]);
        assert!(lines(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_end_comes_in_pieces() {
        let written = vec![b'x'; 3 * limits::LOG_LINE_BYTES_MAX + 5];
        let lengths: Vec<usize> = lines(&written).await.iter().map(String::len).collect();
        assert_eq!(lengths.iter().sum::<usize>(), written.len());
        assert!(lengths.iter().all(|length| *length <= limits::LOG_LINE_BYTES_MAX), "{lengths:?}");
        assert_eq!(lengths.len(), 4);
    }
}
