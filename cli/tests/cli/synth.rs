//! `stepladder synth`, on this repository's own workspace.

use crate::stepladder;
use std::{
    fs,
    path::{Path, PathBuf},
};
use stepladder_protocol::Metric;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn synth(args: &[&str]) -> String {
    let args: Vec<&str> = ["synth"].iter().chain(args).copied().collect();
    stepladder(&args).in_folder(&workspace()).transcript()
}

/// A folder that is empty, and this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

#[test]
fn the_committed_templates_are_what_the_workspace_leads_to() {
    let transcript = synth(&["--check"]);
    assert!(transcript.starts_with("exit code: 0\n"), "run `stepladder synth`: {transcript}");
    assert!(transcript.contains("11 files up to date"), "{transcript}");
}

#[test]
fn what_is_not_as_it_should_be_is_told_and_then_written() {
    let folder = folder("synth");
    let to = folder.to_str().unwrap();
    let check = |expected: &[&str], args: &[&str]| {
        let args: Vec<&str> = ["--to", to].iter().chain(args).copied().collect();
        let transcript = synth(&args);
        for expected in expected {
            assert!(transcript.contains(expected), "{expected:?} is not in {transcript}");
        }
    };
    check(&["exit code: 1", "11 of 11 files not up to date", "stepladder synth"], &["--check"]);
    assert!(!folder.exists(), "--check writes nothing");
    check(&["exit code: 0", "new        ", "2 of 2 files written"], &["--format", "sam"]);
    assert!(!folder.join("terraform").exists());
    check(&["9 of 11 files written"], &[]);
    check(&["11 files up to date"], &["--check"]);

    let template = folder.join("sam/template.yaml");
    fs::write(&template, fs::read_to_string(&template).unwrap() + "# by hand\n").unwrap();
    // Written for a package that is there no more; and a file of somebody else's.
    fs::write(folder.join("sam/old-package.yaml"), "# Written by `stepladder synth` from …\n").unwrap();
    fs::write(folder.join("sam/mine.yaml"), "# Mine.\n").unwrap();
    check(&["exit code: 1", "different  ", "gone       ", "2 of 12 files not up to date"], &["--check"]);
    check(&["exit code: 0", "\"change\": \"gone\""], &["-o", "json"]);
    assert!(!folder.join("sam/old-package.yaml").exists());
    assert!(folder.join("sam/mine.yaml").exists());
    check(&["11 files up to date"], &["--check"]);
}

/// What is counted stands in the log at once only where it is urgent: an alarm on anything else would come late, or never.
#[test]
fn what_an_alarm_waits_for_is_told_at_once() {
    let template = fs::read_to_string(workspace().join("infra/sam/template.yaml")).unwrap();
    let lines: Vec<&str> = template.lines().map(str::trim).collect();
    let watched: Vec<&str> = lines
        .windows(2)
        .filter(|pair| pair[0] == "Namespace: Stepladder")
        .map(|pair| pair[1].strip_prefix("MetricName: ").expect("a namespace stands before its metric"))
        .collect();
    assert!(watched.len() >= 3, "{watched:?}");
    for name in watched {
        let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name);
        assert!(metric.is_some_and(Metric::is_urgent), "{name}");
    }
}
