//! Tasks that somebody else answers, and the tokens by which they do.

use crate::{position::Branch, run::Run};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A token has at most so many characters
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html>).
pub const TOKEN_CHARS_MAX: usize = 2048;

/// One attempt of one visit to a Task state that waits for an answer: of whoever has its token, of a worker, of a run that
/// it started.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskKey {
    #[serde(skip_serializing_if = "Branch::is_root", default)]
    pub branch: Branch,
    /// The seq at which the state was entered.
    pub entered_seq: u32,
    /// 1 for the first attempt.
    pub attempt: u64,
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the task of attempt {} at {}", self.attempt, self.entered_seq)?;
        match self.branch.is_root() {
            true => Ok(()),
            false => write!(f, " of branch {}", self.branch),
        }
    }
}

/// What a token says: which task of which run, and a proof that only who has been given the token can have. The proof is
/// made of the run's nonce, which nobody outside is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskToken {
    pub workflow: String,
    pub run_name: String,
    pub task: TaskKey,
    proof: String,
}

/// As it lies in the text.
#[derive(Serialize, Deserialize)]
struct Wire(String, String, Branch, u32, u64, String);

impl TaskToken {
    pub(crate) fn of(run: &Run, task: TaskKey) -> Self {
        let proof = proof(run, &task);
        Self { workflow: run.workflow.clone(), run_name: run.name.clone(), task, proof }
    }

    /// Reads a token; `None` if it is none. Whether it is a run's own, [`TaskToken::is_of`] tells.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let Wire(workflow, run_name, branch, entered_seq, attempt, proof) =
            serde_json::from_slice(&bytes).ok()?;
        let token = Self { workflow, run_name, task: TaskKey { branch, entered_seq, attempt }, proof };
        // One token has one spelling.
        (token.to_string() == text).then_some(token)
    }

    /// Whether the run has given this token out. It takes the same time wherever the proof is wrong.
    pub fn is_of(&self, run: &Run) -> bool {
        let expected = proof(run, &self.task);
        let differs = |sum: u8, (one, other): (u8, u8)| sum | (one ^ other);
        expected.len() == self.proof.len() && expected.bytes().zip(self.proof.bytes()).fold(0, differs) == 0
    }
}

impl fmt::Display for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TaskToken { workflow, run_name, task, proof } = self.clone();
        let TaskKey { branch, entered_seq, attempt } = task;
        // Serialising it can't fail: it has no maps.
        let bytes = serde_json::to_vec(&Wire(workflow, run_name, branch, entered_seq, attempt, proof))
            .map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn proof(run: &Run, task: &TaskKey) -> String {
    run.key(&format!("token {}", task.attempt), &task.branch.to_string(), task.entered_seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> TaskKey {
        TaskKey { branch: Branch::default().child(3, 70), entered_seq: 2, attempt: 1 }
    }

    #[test]
    fn a_token_names_its_task_and_is_its_runs_own() {
        let run = Run::for_test("order", "17");
        let text = TaskToken::of(&run, task()).to_string();
        let token = TaskToken::parse(&text).unwrap();
        assert_eq!((token.workflow.as_str(), token.run_name.as_str(), &token.task), ("order", "17", &task()));
        assert!(token.is_of(&run));
        assert!(!token.is_of(&Run { nonce: "1".repeat(32), ..run }));
    }

    #[test]
    fn an_altered_token_is_nobodys() {
        let run = Run::for_test("order", "17");
        let token = TaskToken::of(&run, task());
        for other in [
            TaskToken { task: TaskKey { attempt: 2, ..task() }, ..token.clone() },
            TaskToken { task: TaskKey { entered_seq: 3, ..task() }, ..token.clone() },
            TaskToken { task: TaskKey { branch: Branch::default(), ..task() }, ..token.clone() },
            TaskToken { proof: String::new(), ..token.clone() },
            TaskToken { proof: "0".repeat(32), ..token.clone() },
        ] {
            let other = TaskToken::parse(&other.to_string()).unwrap();
            assert!(!other.is_of(&run), "{other:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_none() {
        let text = TaskToken::of(&Run::for_test("order", "17"), task()).to_string();
        let padded = format!("{text}=");
        let spaced = URL_SAFE_NO_PAD.encode(r#"["order", "17",[],2,1,"x"]"#);
        let long = "A".repeat(TOKEN_CHARS_MAX + 1);
        for wrong in ["", "token", "W10", &text[1..], &padded, &spaced, &long] {
            assert_eq!(TaskToken::parse(wrong), None, "{wrong}");
        }
    }
}
