//! From a text to a [`Definition`], or to all of its faults.

mod choice;
mod data;
mod distributed;
mod expressions;
mod fan_out;
mod fields;
mod graph;
mod integration;
mod language;
mod locate;
mod looks;
mod machine;
mod mentions;
mod reach;
mod retry;
mod shapes;
mod state;
mod template;
mod to_run;
mod unmatched;
mod values;
mod variables;

use crate::{
    canonical,
    definition::{Definition, Parent, QueryLanguage, State, WorkflowType},
    fault::{Fault, FaultCode, Faults, Lines, Severity},
    json::{self, JsonFault, Node},
    limits::FAULTS_MAX,
    resource::Resource,
};
use indexmap::{IndexMap, IndexSet};
use std::ops::Range;
pub use to_run::Unsupported;
use variables::Variables;

/// How a definition is to be judged.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a judge is a function")]
pub struct Options<'a> {
    pub workflow_type: WorkflowType,
    /// May refuse what a Task state calls: because nothing of that name is there, or because the place where it is to
    /// run can't call it. Its refusals stand among the other faults, with their places.
    pub judge: &'a dyn Fn(&Resource) -> Result<(), Refusal>,
    /// Whether item readers read Parquet in the place where it is to run.
    pub reads_parquet: bool,
}

/// Why a resource is refused by whoever is to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: FaultCode,
    pub message: String,
    pub hint: Option<String>,
}

/// All that is said about a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// There is one exactly if there are no errors.
    pub definition: Option<Definition>,
    pub errors: Faults,
    pub warnings: Faults,
}

impl Default for Options<'_> {
    /// A STANDARD workflow, and every resource and format is taken.
    fn default() -> Self {
        Options { workflow_type: WorkflowType::Standard, judge: &|_| Ok(()), reads_parquet: true }
    }
}

impl Definition {
    /// Parses and validates a definition: JSON without comments or trailing commas, of at most 1 MiB.
    ///
    /// # Errors
    ///
    /// All errors at once, in the order of their places. Warnings are in [`Definition::warnings`].
    pub fn parse(text: &str) -> Result<Definition, Faults> {
        Definition::parse_as(text, &Options::default())
    }

    /// [`Definition::parse`] with options.
    ///
    /// # Errors
    ///
    /// As [`Definition::parse`].
    pub fn parse_as(text: &str, options: &Options) -> Result<Definition, Faults> {
        let checked = Definition::check(text, options);
        checked.definition.ok_or(checked.errors)
    }

    /// Everything that is wrong with a text, and what it likely doesn't mean.
    pub fn check(text: &str, options: &Options) -> Checked {
        let mut parser = Parser::new(text, options);
        let root = parser.read(text);
        let definition = root.as_ref().and_then(|root| parser.definition(root));
        if let (Some(root), Some(definition), true) = (&root, &definition, parser.errors.is_empty()) {
            parser.check_data(root, definition);
        }
        let (errors, warnings) = parser.into_faults(root.as_ref());
        let definition = definition.filter(|_| errors.is_empty());
        let definition = definition.map(|definition| Definition { warnings: warnings.clone(), ..definition });
        Checked { definition, errors, warnings }
    }
}

/// What one parse gathers.
struct Parser<'s> {
    source: &'s str,
    lines: Lines<'s>,
    errors: Vec<Fault>,
    warnings: Vec<Fault>,
    /// The state that is being read.
    state: Option<String>,
    /// The fan-out state whose machine is being read.
    parent: Option<Parent>,
    /// The definition's own language, which all of its states have unless they choose another one.
    default_language: QueryLanguage,
    /// The language of what is being read.
    language: QueryLanguage,
    workflow_type: WorkflowType,
    /// What `$states` has beside `input` and `context` in the field that is being read.
    states_members: &'static [&'static str],
    /// All states, at any depth; `None` for those with faults.
    states: IndexMap<String, Option<State>>,
    labels: IndexSet<String>,
    variables: Variables,
    mentions_execution_input: bool,
    mentions_context: bool,
    mentions_map_item: bool,
    judge: &'s dyn Fn(&Resource) -> Result<(), Refusal>,
    reads_parquet: bool,
}

impl<'s> Parser<'s> {
    fn new(text: &'s str, options: &Options<'s>) -> Parser<'s> {
        Parser {
            source: text,
            lines: Lines::new(text),
            errors: Vec::new(),
            warnings: Vec::new(),
            state: None,
            parent: None,
            default_language: QueryLanguage::default(),
            language: QueryLanguage::default(),
            workflow_type: options.workflow_type,
            states_members: &[],
            states: IndexMap::new(),
            labels: IndexSet::new(),
            variables: Variables::default(),
            mentions_execution_input: false,
            mentions_context: false,
            mentions_map_item: false,
            judge: options.judge,
            reads_parquet: options.reads_parquet,
        }
    }

    fn read(&mut self, text: &str) -> Option<Node> {
        match json::parse(text, &self.lines) {
            Ok((root, duplicates)) => {
                duplicates.into_iter().for_each(|fault| self.json_fault(fault));
                Some(root)
            }
            Err(fault) => {
                self.json_fault(fault);
                None
            }
        }
    }

    fn definition(&mut self, root: &Node) -> Option<Definition> {
        let read = self.head(root);
        self.check_variables();
        let (head, machine) = read?;
        let canonical = canonical::canonical(&root.to_value());
        let states = std::mem::take(&mut self.states);
        Some(Definition {
            comment: head.comment,
            version: head.version,
            timeout_seconds: head.timeout_seconds,
            machine,
            states: states.into_iter().filter_map(|(name, state)| Some((name, state?))).collect(),
            hash: canonical::hash(&canonical),
            canonical,
            mentions_execution_input: self.mentions_execution_input,
            mentions_context: self.mentions_context,
            mentions_map_item: self.mentions_map_item,
            warnings: Faults::default(),
        })
    }

    fn json_fault(&mut self, fault: JsonFault) {
        let JsonFault { code, span, message } = fault;
        match code {
            FaultCode::EmptyDefinition => {
                self.fault_as_aws(code, span, message, "Definition must be a valid JSON object");
            }
            _ => self.fault(code, span, message),
        }
    }

    fn fault(&mut self, code: FaultCode, span: Range<usize>, message: impl Into<String>) {
        self.fault_with_hint(code, span, message, None);
    }

    fn fault_with_hint(
        &mut self,
        code: FaultCode,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.add(code, span, message.into(), hint, None);
    }

    /// A fault of which AWS's words are known.
    fn fault_as_aws(
        &mut self,
        code: FaultCode,
        span: Range<usize>,
        message: impl Into<String>,
        aws_message: impl Into<String>,
    ) {
        self.add(code, span, message.into(), None, Some(aws_message.into()));
    }

    fn add(
        &mut self,
        code: FaultCode,
        span: Range<usize>,
        message: String,
        hint: Option<String>,
        aws_message: Option<String>,
    ) {
        let severity = code.severity();
        if self.is_full(severity) {
            return;
        }
        let (line, column) = self.lines.place(span.start);
        let state = self.state.clone();
        let (aws_code, path) = (code.aws(), String::new());
        let fault =
            Fault { code, severity, aws_code, aws_message, path, span, line, column, state, message, hint };
        self.faults_mut(severity).push(fault);
    }

    fn faults_mut(&mut self, severity: Severity) -> &mut Vec<Fault> {
        match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        }
    }

    /// One more than is shown is kept, so that the report can say that there are more.
    fn is_full(&self, severity: Severity) -> bool {
        let faults = match severity {
            Severity::Error => &self.errors,
            Severity::Warning => &self.warnings,
        };
        faults.len() > FAULTS_MAX
    }

    /// Errors and warnings.
    fn into_faults(mut self, root: Option<&Node>) -> (Faults, Faults) {
        let is_cut = self.is_full(Severity::Error);
        for faults in [&mut self.errors, &mut self.warnings] {
            faults.truncate(FAULTS_MAX);
            faults.sort_by_key(|fault| (fault.span.start, fault.span.end, fault.code));
            for fault in faults {
                fault.path = root.map_or_else(|| "/".into(), |root| locate::path(root, &fault.span));
            }
        }
        if is_cut {
            self.state = None;
            let end = self.source.len();
            let message = format!("only the first {FAULTS_MAX} faults are shown");
            self.errors.truncate(FAULTS_MAX);
            self.fault(FaultCode::TooManyFaults, end..end, message);
        }
        (Faults(self.errors), Faults(self.warnings))
    }

    /// The span of a place in a string's text; the whole string where escapes make the two differ.
    fn span_in(&self, node: &Node, text: &str, at: usize) -> Range<usize> {
        let inner = node.span.start + 1..node.span.end.saturating_sub(1);
        if self.source.get(inner.clone()) != Some(text) {
            return node.span.clone();
        }
        let start = inner.start + at;
        let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        start..start + length
    }
}

#[cfg(test)]
#[path = "../parse_test.rs"]
mod tests;

#[cfg(test)]
#[path = "../parse_fuzz_test.rs"]
mod fuzz;

#[cfg(test)]
#[path = "../parse_state_test.rs"]
mod state_tests;

#[cfg(test)]
#[path = "../parse_nested_test.rs"]
mod nested_tests;

#[cfg(test)]
#[path = "../parse_rules_test.rs"]
mod rules_tests;
