//! What the Context object needs and never changes.

use crate::{
    position::MapItem,
    present::present,
    token::{TaskKey, TaskToken},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use stepladder_asl::{Draws, timestamp};

/// One execution of a workflow, as far as it can reach the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub workflow: String,
    /// Unique within its workflow; makes the start idempotent.
    pub name: String,
    /// 32 hex digits drawn at the start: makes it this run and no other.
    pub nonce: String,
    /// The definition's hash; the run is pinned to it.
    pub definition: String,
    pub region: String,
    pub account: String,
    pub role_arn: String,
    /// Milliseconds since the epoch.
    pub started_ms: i64,
    /// How often the run has been redriven.
    #[serde(rename = "r")]
    pub redrive_count: u32,
    /// When that was last, in milliseconds since the epoch.
    #[serde(rename = "rt", skip_serializing_if = "Option::is_none", default)]
    pub redriven_ms: Option<i64>,
    /// The version of the workflow that it was started with.
    #[serde(rename = "vn", skip_serializing_if = "Option::is_none", default)]
    pub version: Option<u32>,
    /// The alias of the workflow that it was started with.
    #[serde(rename = "al", skip_serializing_if = "Option::is_none", default)]
    pub alias: Option<String>,
    /// Whose it is: the group of its messages. No state can see it.
    #[serde(rename = "tn", skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// Whether a task of another run waits for its end.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub child: bool,
    /// The input, only where the definition mentions it.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    pub input: Option<Value>,
    /// The Context object itself: only where one state is tested with a given one.
    #[serde(skip)]
    pub context: Option<Value>,
}

/// What the Context object says of the state that is being evaluated.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visit<'a> {
    pub(crate) state: &'a str,
    /// Milliseconds since the epoch.
    pub(crate) entered_ms: i64,
    /// Only of states that may be retried: AWS shows it for Task states.
    pub(crate) retries: Option<u64>,
    /// Only of tasks that wait for their token.
    pub(crate) token: Option<String>,
    /// The iteration of the nearest Map state around it.
    pub(crate) map_item: Option<&'a MapItem>,
}

impl Run {
    /// `workflow/name`, as a person types it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.workflow, self.name)
    }

    /// The execution's ARN, in AWS's form.
    pub fn execution_arn(&self) -> String {
        format!("arn:aws:states:{}:{}:execution:{}:{}", self.region, self.account, self.workflow, self.name)
    }

    /// The state machine's ARN, in AWS's form.
    pub fn state_machine_arn(&self) -> String {
        format!("arn:aws:states:{}:{}:stateMachine:{}", self.region, self.account, self.workflow)
    }

    /// The ARN of a distributed Map state's child, in AWS's form.
    pub fn child_arn(&self, label: &str, name: &str) -> String {
        format!("arn:aws:states:{}:{}:execution:{}/{label}:{name}", self.region, self.account, self.workflow)
    }

    /// The ARN of a Map Run, in AWS's form.
    pub fn map_run_arn(&self, label: &str, id: &str) -> String {
        format!("arn:aws:states:{}:{}:mapRun:{}/{label}:{id}", self.region, self.account, self.workflow)
    }

    /// The id of the Map Run that a distributed Map state has begun at `seq` of a branch: a UUID.
    pub(crate) fn map_run_id(&self, branch: &str, seq: u32) -> String {
        uuid(&self.key("map run", branch, seq))
    }

    /// The name of a Map Run's child, a UUID: it begins as the Map Run's id does, and goes on with the child's index, which only
    /// who knows the nonce can read, and with digits that only they can make. So a name leads to its child, and nothing has to
    /// be kept for it.
    pub fn child_name(&self, map_run_id: &str, index: u32) -> String {
        let digits: String = map_run_digits(map_run_id).unwrap_or_default();
        let hidden = self.key("child", &digits, 0);
        let hidden = hidden.get(..INDEX_DIGITS).and_then(|hidden| u32::from_str_radix(hidden, 16).ok());
        let check = self.key("child check", &digits, index);
        let check = check.get(..32 - MAP_RUN_DIGITS - INDEX_DIGITS).unwrap_or_default();
        uuid(&format!("{digits}{:0INDEX_DIGITS$x}{check}", index ^ hidden.unwrap_or_default()))
    }

    /// The index of a Map Run's child by its name; none where no child of the Map Run can have that name.
    pub fn child_index(&self, map_run_id: &str, name: &str) -> Option<u32> {
        let digits = map_run_digits(map_run_id)?;
        let hidden = self.key("child", &digits, 0);
        let hidden = u32::from_str_radix(hidden.get(..INDEX_DIGITS)?, 16).ok()?;
        let shown: String = name.chars().filter(|digit| *digit != '-').collect();
        let shown = shown.get(MAP_RUN_DIGITS..MAP_RUN_DIGITS.saturating_add(INDEX_DIGITS))?;
        let index = u32::from_str_radix(shown, 16).ok()? ^ hidden;
        (self.child_name(map_run_id, index) == name).then_some(index)
    }

    /// The Context object (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>).
    /// AWS shows `RetryCount` in Task states only, and `RedriveCount` always.
    pub(crate) fn context(&self, visit: &Visit) -> Value {
        if let Some(context) = &self.context {
            return context.clone();
        }
        let child = visit.map_item.and_then(|item| item.child.as_deref());
        let (arn, input, started_ms, name) = match child {
            Some(child) => {
                (self.child_arn(&child.label, &child.name), &child.input, child.started_ms, &child.name)
            }
            None => (self.execution_arn(), &self.input, self.started_ms, &self.name),
        };
        let mut execution = object([("Id", arn.into())]);
        if let Some(input) = input {
            execution.insert("Input".to_owned(), input.clone());
        }
        execution.extend(object([
            ("StartTime", timestamp::format(started_ms).into()),
            ("Name", name.as_str().into()),
            ("RoleArn", self.role_arn.as_str().into()),
            ("RedriveCount", self.redrive_count.into()),
        ]));
        let machine =
            object([("Id", self.state_machine_arn().into()), ("Name", self.workflow.as_str().into())]);
        let mut state = object([
            ("Name", visit.state.into()),
            ("EnteredTime", timestamp::format(visit.entered_ms).into()),
        ]);
        if let Some(retries) = visit.retries {
            state.insert("RetryCount".to_owned(), retries.into());
        }
        let mut context = object([
            ("Execution", Value::Object(execution)),
            ("StateMachine", Value::Object(machine)),
            ("State", Value::Object(state)),
        ]);
        if let Some(item) = visit.map_item {
            context.insert("Map".to_owned(), item.context());
        }
        if let Some(token) = &visit.token {
            context.extend(object([("Task", Value::Object(object([("Token", token.as_str().into())])))]));
        }
        Value::Object(context)
    }

    /// The token of one attempt of a task: `$$.Task.Token`.
    pub fn token(&self, task: TaskKey) -> String {
        TaskToken::of(self, task).to_string()
    }

    /// The randomness of one transition: the same for every computation of it, and a secret to whoever doesn't know
    /// the nonce.
    pub(crate) fn draws(&self, branch: &str, seq: u32) -> Draws {
        Draws::new(self.hash("draws", branch, seq))
    }

    /// The randomness of what a step is called with: the same whenever the call of this attempt is computed, and apart
    /// from that of every transition.
    pub(crate) fn call_draws(&self, branch: &str, entered_seq: u32, attempt: u64) -> Draws {
        Draws::new(self.hash(&format!("call {attempt}"), branch, entered_seq))
    }

    /// The randomness of a field of a Parallel or Map state: the same at each opening of one visit, so that a retry has
    /// the same items.
    pub(crate) fn fan_out_draws(&self, field: &str, branch: &str, entered_seq: u32) -> Draws {
        Draws::new(self.hash(&format!("fan-out {field}"), branch, entered_seq))
    }

    /// The randomness of an `ItemSelector` for one item of the fan-out that was opened at `seq`.
    pub(crate) fn item_draws(&self, branch: &str, seq: u32, index: u32) -> Draws {
        Draws::new(self.hash(&format!("item {index}"), branch, seq))
    }

    /// 32 hex digits that are the same for the same (purpose, branch, seq) of this run.
    pub(crate) fn key(&self, purpose: &str, branch: &str, seq: u32) -> String {
        self.hash(purpose, branch, seq).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    fn hash(&self, purpose: &str, branch: &str, seq: u32) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [self.nonce.as_str(), purpose, branch, &seq.to_string()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// A run as a test needs it.
    pub fn for_test(workflow: &str, name: &str) -> Self {
        Self {
            workflow: workflow.to_owned(),
            name: name.to_owned(),
            nonce: "0".repeat(32),
            definition: String::new(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/stepladder".to_owned(),
            started_ms: 0,
            redrive_count: 0,
            redriven_ms: None,
            version: None,
            alias: None,
            tenant: None,
            child: false,
            input: None,
            context: None,
        }
    }
}

/// So many of a Map Run's hex digits are those of its children's names, too: 80 bits, which no other Map Run of a table has.
pub const MAP_RUN_DIGITS: usize = 20;

/// An index of [`limits::CHILDREN_MAX`](crate::limits::CHILDREN_MAX) has 20 bits.
const INDEX_DIGITS: usize = 5;

/// The digits that a Map Run's id and its children's names begin with; none where a text is no UUID.
pub fn map_run_digits(id: &str) -> Option<String> {
    let is_uuid = id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        });
    is_uuid.then(|| id.chars().filter(|digit| *digit != '-').take(MAP_RUN_DIGITS).collect())
}

/// 32 hex digits in the form of a UUID.
fn uuid(digits: &str) -> String {
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_depends_on_the_nonce_and_on_the_place() {
        let run = Run::for_test("order", "17");
        let other = Run { nonce: "1".repeat(32), ..run.clone() };
        assert_eq!(run.key("attempt", "", 3), run.key("attempt", "", 3));
        assert_ne!(run.key("attempt", "", 3), run.key("attempt", "", 4));
        assert_ne!(run.key("attempt", "", 3), other.key("attempt", "", 3));
        assert_ne!(run.draws("", 1).u128(), other.draws("", 1).u128());
    }

    #[test]
    fn a_childs_name_leads_to_its_map_run_and_its_index() {
        let run = Run::for_test("order", "17");
        let (one, two) = (run.map_run_id("", 3), run.map_run_id("", 4));
        let names: Vec<String> =
            [0, 1, 63, 64, 99_999, 999_999].map(|index| run.child_name(&one, index)).into();
        for (name, index) in names.iter().zip([0, 1, 63, 64, 99_999, 999_999]) {
            assert_eq!(map_run_digits(name), map_run_digits(&one));
            assert_eq!(run.child_index(&one, name), Some(index));
            assert_eq!(run.child_index(&two, name), None);
            let (head, last) = name.split_at(35);
            let changed = format!("{head}{}", if last == "0" { "1" } else { "0" });
            assert_eq!(run.child_index(&one, &changed), None);
        }
        let other = Run { nonce: "1".repeat(32), ..run.clone() };
        assert_eq!(other.child_index(&one, &names[0]), None);
        for text in ["", "x", &one.to_uppercase(), &one[1..], &one.replace('-', "0")] {
            assert_eq!(map_run_digits(text), None, "{text}");
            assert_eq!(run.child_index(&one, text), None);
        }
    }
}
