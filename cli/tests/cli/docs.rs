//! What docs/testing.md shows is what the commands print.

use crate::{fixtures, stepladder, text};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The words of a command line, as a shell splits it: spaces, and single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

#[test]
fn each_transcript_is_what_the_command_prints() {
    let page = std::fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let mut checked = 0;
    for block in page.split("```text\n$ stepladder ").skip(1) {
        let (block, _) = block.split_once("\n```").unwrap();
        let (line, shown) = block.split_once('\n').unwrap();
        let (shown, code) = match shown.split_once("\n$ echo $?\n") {
            Some((shown, code)) => (shown, Some(code)),
            None => (shown, None),
        };
        let words = words(line);
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = stepladder(&args).in_folder(&fixtures().join("try"));
        let output = command.command.output().unwrap();
        let printed = text(output.stdout) + &text(output.stderr);
        assert_eq!(printed.trim_end(), shown, "stepladder {line}");
        if let Some(code) = code {
            assert_eq!(output.status.code().unwrap().to_string(), code, "stepladder {line}");
        }
        checked += 1;
    }
    assert!(checked >= 8, "{checked}");
}

#[test]
fn each_file_is_shown_as_it_is() {
    let page = std::fs::read_to_string(root().join("docs/testing.md")).unwrap();
    for name in ["mocks.json", "MockConfigFile.json"] {
        let file = std::fs::read_to_string(fixtures().join("try").join(name)).unwrap();
        assert!(page.contains(&format!("```json\n{}\n```", file.trim_end())), "{name}");
    }
}

/// `stepladder graph functions/order-processing/workflow.asl.json --to docs/order-processing.svg` draws it anew.
#[test]
fn the_picture_is_that_of_the_definition() {
    let definition = root().join("functions/order-processing/workflow.asl.json");
    let mut command = stepladder(&["graph", definition.to_str().unwrap(), "--format", "svg"]);
    let drawn = String::from_utf8(command.command.output().unwrap().stdout).unwrap();
    let kept = std::fs::read_to_string(root().join("docs/order-processing.svg")).unwrap();
    assert!(drawn == kept, "docs/order-processing.svg is not what stepladder graph draws");
}
