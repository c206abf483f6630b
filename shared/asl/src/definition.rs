//! The types of a parsed definition.
//!
//! Everything that the interpreter needs is decided at parse time: paths are compiled, templates are trees,
//! resources are told apart. Source: the Amazon States Language specification, <https://states-language.net/spec.html>.

use crate::{
    choice::Rule,
    fault::Faults,
    limits::LABEL_CHARS_MAX,
    path::{Path, ReferencePath},
    resource::Resource,
    template::Template,
};
use indexmap::{IndexMap, IndexSet};

/// One immutable version of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub comment: Option<String>,
    pub version: Option<String>,
    /// The run's own limit, counted from its start.
    pub timeout_seconds: Option<u64>,
    /// The top level.
    pub machine: Machine,
    /// All states at any depth, by name: names are unique in the whole of a definition.
    pub states: IndexMap<String, State>,
    /// Names this version: the first 32 hex digits of the SHA-256 of its canonical JSON.
    pub hash: String,
    /// The canonical JSON itself: what is stored under `hash`. No white space; members are sorted, except within
    /// `Parameters`, `Result` and their like, where the order shows in outputs.
    pub canonical: String,
    /// Whether anything in it can reach the input of the run through the Context object (also by a whole `$$`,
    /// `$$.Execution` or `$states.context`), so that the input has to travel with the run.
    pub mentions_execution_input: bool,
    /// Whether anything in it reads the Context object at all: if not, nobody has to make one.
    pub mentions_context: bool,
    /// Whether anything in it can reach the item of the enclosing Map state through the Context object, so that it has
    /// to travel with the branch.
    pub mentions_map_item: bool,
    /// What is not wrong, but likely not meant.
    pub warnings: Faults,
}

/// A graph of states with one way in: the top level, a Parallel state's branch, or a Map state's processor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
    pub start_at: String,
    /// The names of its own states, in the text's order; the states themselves are in [`Definition::states`].
    pub states: IndexSet<String>,
}

/// One node of a [`Machine`].
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub name: String,
    pub comment: Option<String>,
    /// Its own, or the definition's.
    pub query_language: QueryLanguage,
    /// The fan-out state that it stands in; none at the top level.
    pub parent: Option<Parent>,
    pub data: DataFlow,
    /// `Assign`: an object of variable names and templates.
    pub assign: Option<Template>,
    /// Of Task, Parallel and Map states; empty for the others.
    pub retry: Vec<Retrier>,
    pub catch: Vec<Catcher>,
    pub kind: Kind,
}

/// What kind of workflow it is
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html>).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WorkflowType {
    #[default]
    Standard,
    Express,
}

impl WorkflowType {
    pub const ALL: [WorkflowType; 2] = [WorkflowType::Standard, WorkflowType::Express];

    /// As AWS's API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkflowType::Standard => "STANDARD",
            WorkflowType::Express => "EXPRESS",
        }
    }
}

/// The language of a state's expressions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum QueryLanguage {
    #[default]
    JsonPath,
    Jsonata,
}

/// Where a nested state stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The Parallel or Map state.
    pub state: String,
    /// The index of the Parallel state's branch; 0 in a Map state.
    pub branch: usize,
}

/// What a state does to its data, in the order in which it does so. A field that a state's type doesn't have keeps its
/// neutral value, as does a JSONPath field in a JSONata state.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFlow {
    pub input_path: Filter,
    /// `Parameters` (JSONPath) or `Arguments` (JSONata). A Map state's old `Parameters` is its `item_selector`.
    pub arguments: Option<Template>,
    pub result_selector: Option<Template>,
    pub result_path: ResultPath,
    pub output_path: Filter,
    /// `Output` (JSONata).
    pub output: Option<Template>,
}

/// What a state does.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Pass(Pass),
    Task(Box<Task>),
    Choice(Choice),
    Wait(Wait),
    Succeed,
    Fail(Fail),
    Parallel(Parallel),
    Map(Box<Map>),
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
    /// A JSONata expression.
    Expression(Template),
}

/// A percentage that may come from the data.
#[derive(Debug, Clone, PartialEq)]
pub enum Percentage {
    /// From 0 to 100.
    Constant(f64),
    Path(Path),
    /// A JSONata expression.
    Expression(Template),
}

/// A string that may come from the data.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    Constant(String),
    Path(Path),
    /// A call of an intrinsic function, or a JSONata expression.
    Expression(Template),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    pub result: Option<serde_json::Value>,
    pub then: Then,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub resource: Resource,
    /// The role that the task assumes: `{"RoleArn": …}` or `{"RoleArn.$": …}`.
    pub credentials: Option<Template>,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`, counted from the step's start.
    pub timeout_seconds: Option<Number>,
    pub heartbeat_seconds: Option<Number>,
    pub then: Then,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub rules: Vec<Branch>,
    pub default: Option<String>,
}

/// One top-level Choice rule: its condition, and where it leads.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    pub rule: Rule,
    pub next: String,
    pub assign: Option<Template>,
    /// `Output` (JSONata).
    pub output: Option<Template>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    pub until: Until,
    pub then: Then,
}

/// The forms of a Wait state.
#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// At most 99,999,999 (<https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html>).
    Seconds(u64),
    SecondsPath(Path),
    /// `Seconds` as a JSONata expression.
    SecondsExpression(Template),
    /// RFC 3339, as written.
    Timestamp(String),
    TimestampPath(Path),
    /// `Timestamp` as a JSONata expression.
    TimestampExpression(Template),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Fail {
    pub error: Option<Text>,
    pub cause: Option<Text>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Parallel {
    /// At least one.
    pub branches: Vec<Machine>,
    pub then: Then,
}

/// A Map state (<https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html>).
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// `ItemProcessor`, or the old `Iterator`.
    pub processor: Machine,
    pub mode: MapMode,
    pub items: Items,
    /// `ItemSelector`, or the old `Parameters`: evaluated for each item.
    pub item_selector: Option<Template>,
    /// 0, or none: no limit.
    pub max_concurrency: Option<Number>,
    pub tolerated_failure_count: Option<Number>,
    pub tolerated_failure_percentage: Option<Percentage>,
    pub then: Then,
}

/// Where a Map state takes its items from.
#[derive(Debug, Clone, PartialEq)]
pub enum Items {
    /// `ItemsPath`; `$` unless set.
    Path(Path),
    /// `Items` (JSONata): an array or an expression.
    Template(Template),
}

/// Where the iterations of a Map state run.
#[derive(Debug, Clone, PartialEq)]
pub enum MapMode {
    /// In the run itself.
    Inline,
    /// As runs of their own.
    Distributed(Box<Distributed>),
}

/// What a distributed Map state has beside.
#[derive(Debug, Clone, PartialEq)]
pub struct Distributed {
    /// What its children are.
    pub execution_type: WorkflowType,
    /// The name of its runs in their ARNs: at most 40 characters.
    pub label: Option<String>,
    pub item_reader: Option<ItemReader>,
    pub item_batcher: Option<ItemBatcher>,
    pub result_writer: Option<ResultWriter>,
}

/// Where the items are read from.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemReader {
    /// The ARN of `s3:getObject`, `s3:listObjectsV2` or their like.
    pub resource: String,
    /// `ReaderConfig` as written, with its expressions compiled.
    pub reader_config: Option<Template>,
    /// `Parameters` or `Arguments`.
    pub arguments: Option<Template>,
}

/// How items are put together for one child.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemBatcher {
    pub batch_input: Option<Template>,
    pub max_items_per_batch: Option<Number>,
    pub max_input_bytes_per_batch: Option<Number>,
}

/// Where the results are written to.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultWriter {
    /// The ARN of `s3:putObject`; none where the results are only formatted.
    pub resource: Option<String>,
    pub arguments: Option<Template>,
    pub writer_config: Option<Template>,
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
    pub assign: Option<Template>,
    /// `Output` (JSONata).
    pub output: Option<Template>,
    pub next: String,
}

impl Definition {
    /// The state of that name, at any depth.
    pub fn state(&self, name: &str) -> Option<&State> {
        self.states.get(name)
    }
}

impl Map {
    /// What it has beside where it is distributed.
    pub fn distributed(&self) -> Option<&Distributed> {
        match &self.mode {
            MapMode::Inline => None,
            MapMode::Distributed(distributed) => Some(distributed),
        }
    }

    /// How its Map Runs are called, where it is distributed: its `Label`, or as much of the state's own name as a label may
    /// hold.
    pub fn label(&self, state: &str) -> Option<String> {
        let given = self.distributed()?.label.clone();
        Some(given.unwrap_or_else(|| {
            let plain = state.chars().filter(|char| char.is_ascii_alphanumeric() || "-_".contains(*char));
            let label: String = plain.take(LABEL_CHARS_MAX).collect();
            if label.is_empty() { "Map".to_owned() } else { label }
        }))
    }
}

impl Default for DataFlow {
    fn default() -> Self {
        Self {
            input_path: Filter::default(),
            arguments: None,
            result_selector: None,
            result_path: ResultPath::Whole,
            output_path: Filter::default(),
            output: None,
        }
    }
}

impl Default for Filter {
    /// `$`.
    fn default() -> Self {
        Filter::Path(Path::whole_input())
    }
}

impl State {
    /// Whether it is a distributed Map state whose items are read from elsewhere.
    pub fn reads_items(&self) -> bool {
        let Kind::Map(map) = &self.kind else { return false };
        map.distributed().is_some_and(|distributed| distributed.item_reader.is_some())
    }

    /// Where control goes when the state has done its work; none for Choice, Succeed and Fail.
    pub fn then(&self) -> Option<&Then> {
        match &self.kind {
            Kind::Pass(pass) => Some(&pass.then),
            Kind::Task(task) => Some(&task.then),
            Kind::Wait(wait) => Some(&wait.then),
            Kind::Parallel(parallel) => Some(&parallel.then),
            Kind::Map(map) => Some(&map.then),
            Kind::Choice(_) | Kind::Succeed | Kind::Fail(_) => None,
        }
    }

    /// The machines inside it: a Parallel state's branches, or a Map state's processor.
    pub fn machines(&self) -> &[Machine] {
        match &self.kind {
            Kind::Parallel(parallel) => &parallel.branches,
            Kind::Map(map) => std::slice::from_ref(&map.processor),
            _ => &[],
        }
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
            Kind::Succeed => "Succeed",
            Kind::Fail(_) => "Fail",
            Kind::Parallel(_) => "Parallel",
            Kind::Map(_) => "Map",
        }
    }
}
