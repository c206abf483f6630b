//! JSON that is given as a file, on stdin, or as it is.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
};
use serde_json::Value;
use std::{
    io::{IsTerminal, Read},
    path::Path,
};
use stepladder_protocol::json as checked_json;

/// Reads what an option was given: a file, `-` for stdin, or the JSON itself. `option` is its name, for errors.
pub fn read(given: &str, option: &str) -> Outcome<Value> {
    if given == "-" {
        let stdin = piped(&format!("echo '{{}}' | stepladder … {option} -"))?;
        return parse(&limited(stdin, "stdin")?, "stdin");
    }
    if given.trim_start().starts_with(['{', '[', '"']) {
        return parse(given.as_bytes(), option);
    }
    let path = Path::new(given);
    match std::fs::File::open(path) {
        Ok(file) => {
            let shown = path.display().to_string();
            parse(&limited(file, &shown)?, &shown)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            match checked_json::parse(given.as_bytes()) {
                Ok(scalar) => Ok(scalar),
                Err(_) => Err(Failure::file("read", path, &error)
                    .hint(format!("{option} takes a file, - for stdin, or the JSON itself"))),
            }
        }
        Err(error) => Err(Failure::file("read", path, &error)),
    }
}

/// Stdin, unless it is a terminal, where nobody is about to type so much; `example` shows how it is meant.
pub fn piped(example: &str) -> Outcome<std::io::StdinLock<'static>> {
    let stdin = std::io::stdin();
    match stdin.is_terminal() {
        false => Ok(stdin.lock()),
        true => Err(Failure::new(Exit::Usage, Code::InvalidInput, "stdin is a terminal")
            .hint(format!("pipe it in: {example}"))),
    }
}

/// All of it, if it is not too large.
pub fn limited(reader: impl Read, what: &str) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = reader.take(limits::INPUT_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("read", Path::new(what), &error))?;
    match bytes.len() as u64 > limits::INPUT_BYTES_MAX {
        true => {
            let message = format!("{what} has more than {} bytes", limits::INPUT_BYTES_MAX);
            Err(Failure::new(Exit::Bad, Code::InputTooLarge, message))
        }
        false => Ok(bytes),
    }
}

fn parse(bytes: &[u8], what: &str) -> Outcome<Value> {
    checked_json::parse(bytes).map_err(|error| {
        Failure::new(Exit::Bad, Code::InvalidInput, format!("can't use the input from {what}: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(given: &str, expected: Result<Value, (Exit, &str)>) {
        match (read(given, "--input"), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(failure), Err((exit, part))) => {
                assert_eq!(failure.exit, exit, "{failure}");
                assert!(failure.message.contains(part), "{failure}");
            }
            (read, expected) => panic!("{read:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn an_input_is_json_or_a_file_with_json() {
        check(r#"{"a": 1}"#, Ok(json!({"a": 1})));
        check(" [1]", Ok(json!([1])));
        check("17", Ok(json!(17)));
        check("null", Ok(json!(null)));
        check("no-such-file.json", Err((Exit::NotFound, "can't read no-such-file.json")));
        check("{\"a\": 1", Err((Exit::Bad, "it is not JSON")));
        check("[99999999999999999999]", Err((Exit::Bad, "does not fit in 64 bits")));
        check("Cargo.toml", Err((Exit::Bad, "can't use the input from Cargo.toml: it is not JSON")));
        check("src", Err((Exit::Bad, "can't read src")));
    }

    #[test]
    fn what_is_not_utf8_says_where() {
        let failure = parse(b"{\"a\": \"\xff\"}", "stdin").unwrap_err();
        assert!(failure.message.contains("byte 7"), "{failure}");
    }
}
