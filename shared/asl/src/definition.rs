//! The types of a parsed definition.
//!
//! Everything that the interpreter needs is decided at parse time: paths are compiled, templates are trees,
//! resources are told apart. Source: the Amazon States Language specification, <https://states-language.net/spec.html>.

use crate::{
    choice::Rule,
    path::{Path, ReferencePath},
    resource::Resource,
    template::Template,
};
use indexmap::IndexMap;

/// One immutable version of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub comment: Option<String>,
    pub version: Option<String>,
    /// The run's own limit, counted from its start.
    pub timeout_seconds: Option<u64>,
    pub machine: Machine,
    /// Names this version: the first 32 hex digits of the SHA-256 of its canonical JSON.
    pub hash: String,
    /// The canonical JSON itself: what is stored under `hash`. No white space; members are sorted, except within
    /// `Parameters`, `Result` and their like, where the order shows in outputs.
    pub canonical: String,
    /// Whether anything in it can reach `$$.Execution.Input` (also by a whole `$$` or `$$.Execution`), so that the input
    /// has to travel with the run.
    pub mentions_execution_input: bool,
    /// Whether anything in it reads the Context object at all: if not, nobody has to make one.
    pub mentions_context: bool,
}

/// A graph of states with one way in: the whole definition, a Parallel state's branch, or a Map state's processor.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    pub start_at: String,
    pub states: IndexMap<String, State>,
}

/// One node of a [`Machine`].
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub name: String,
    pub comment: Option<String>,
    pub kind: Kind,
}

/// What a state does.
///
/// Parallel and Map join here with their own machines, so code that matches on a kind names all of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Pass(Pass),
    Task(Box<Task>),
    Choice(Choice),
    Wait(Wait),
    Succeed(Succeed),
    Fail(Fail),
}

/// Where control goes after a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    Next(String),
    End,
}

/// `InputPath` and `OutputPath`: a path, or `null`, which stands for the empty object.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    Path(Path),
    Empty,
}

/// `ResultPath`: where a result goes in the state's raw input.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultPath {
    /// `$`: the result replaces the input.
    Whole,
    At(ReferencePath),
    /// `null`: the result is dropped.
    Discard,
}

/// A number that may come from the data.
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    Constant(u64),
    Path(Path),
}

/// A string that may come from the data.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    Constant(String),
    Path(Path),
    Intrinsic(Template),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    pub input_path: Filter,
    pub parameters: Option<Template>,
    pub result: Option<serde_json::Value>,
    pub result_path: ResultPath,
    pub output_path: Filter,
    pub then: Then,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub resource: Resource,
    /// The role that the task assumes: `{"RoleArn": …}` or `{"RoleArn.$": …}`.
    pub credentials: Option<Template>,
    pub input_path: Filter,
    pub parameters: Option<Template>,
    pub result_selector: Option<Template>,
    pub result_path: ResultPath,
    pub output_path: Filter,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`, counted from the step's start.
    pub timeout_seconds: Option<Number>,
    pub heartbeat_seconds: Option<Number>,
    pub retry: Vec<Retrier>,
    pub catch: Vec<Catcher>,
    pub then: Then,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub input_path: Filter,
    pub output_path: Filter,
    pub rules: Vec<Branch>,
    pub default: Option<String>,
}

/// One top-level Choice rule: its condition, and where it leads.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    pub rule: Rule,
    pub next: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    pub input_path: Filter,
    pub output_path: Filter,
    pub until: Until,
    pub then: Then,
}

/// The four forms of a Wait state.
#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// At most 99,999,999 (<https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html>).
    Seconds(u64),
    SecondsPath(Path),
    /// RFC 3339, as written.
    Timestamp(String),
    TimestampPath(Path),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Succeed {
    pub input_path: Filter,
    pub output_path: Filter,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Fail {
    pub error: Option<Text>,
    pub cause: Option<Text>,
}

/// One element of `Retry`. Times are in seconds, as in the definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrier {
    pub error_equals: Vec<String>,
    /// 1 unless set.
    pub interval_seconds: u64,
    /// 3 unless set; 0 means never.
    pub max_attempts: u64,
    /// 2.0 unless set, at least 1.0.
    pub backoff_rate: f64,
    /// Caps the delay before jitter is applied.
    pub max_delay_seconds: Option<u64>,
    pub jitter: Jitter,
}

/// `JitterStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    None,
    /// A delay drawn evenly between 0 and the computed one.
    Full,
}

/// One element of `Catch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Catcher {
    pub error_equals: Vec<String>,
    pub result_path: ResultPath,
    pub next: String,
}

impl Definition {
    /// The state of that name at the top level.
    pub fn state(&self, name: &str) -> Option<&State> {
        self.machine.states.get(name)
    }
}

impl Kind {
    /// The `Type` member, as AWS spells it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Kind::Pass(_) => "Pass",
            Kind::Task(_) => "Task",
            Kind::Choice(_) => "Choice",
            Kind::Wait(_) => "Wait",
            Kind::Succeed(_) => "Succeed",
            Kind::Fail(_) => "Fail",
        }
    }
}
