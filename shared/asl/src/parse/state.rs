//! The states.

use super::{Parser, fields::Fields};
use crate::{
    definition::{
        Catcher, Choice, DataFlow, Fail, Filter, Jitter, Kind, Number, Pass, ResultPath, Retrier, Task, Text,
        Then, Until, Wait,
    },
    errors,
    fault::FaultCode,
    json::{Data, Node},
    limits::{MAX_ATTEMPTS_MAX, MAX_DELAY_SECONDS_MAX, SECONDS_MAX},
    resource::Resource,
    template::{Expression, Template},
    timestamp,
};
use std::ops::{Range, RangeInclusive};

const COMMON: [&str; 3] = ["Type", "Comment", "QueryLanguage"];

/// A state as far as its type decides it.
pub(super) struct Read {
    pub(super) data: DataFlow,
    pub(super) retry: Vec<Retrier>,
    pub(super) catch: Vec<Catcher>,
    pub(super) kind: Kind,
}

impl Read {
    fn plain(data: DataFlow, kind: Kind) -> Read {
        Read { data, retry: Vec::new(), catch: Vec::new(), kind }
    }
}

impl Parser<'_> {
    /// The state's type with all of its fields. Every field is read before any is missed.
    pub(super) fn kind(&mut self, fields: &Fields) -> Option<Read> {
        let kind = self.required_text(fields, "Type")?;
        if let Some(assign) = fields.get("Assign").filter(|_| !matches!(kind, "Succeed" | "Fail")) {
            self.unsupported(assign.name_span.clone(), "Assign");
        }
        match kind {
            "Pass" => self.pass(&Fields { what: "a Pass state", ..*fields }),
            "Task" => self.task(&Fields { what: "a Task state", ..*fields }),
            "Choice" => self.choice(&Fields { what: "a Choice state", ..*fields }),
            "Wait" => self.wait(&Fields { what: "a Wait state", ..*fields }),
            "Succeed" => self.succeed(&Fields { what: "a Succeed state", ..*fields }),
            "Fail" => self.fail(&Fields { what: "a Fail state", ..*fields }),
            "Parallel" | "Map" => {
                let span = fields.value("Type").map_or_else(|| fields.opening(), |node| node.span.clone());
                self.unsupported(span, &format!("the state type {kind}"));
                None
            }
            other => {
                let span = fields.value("Type").map_or_else(|| fields.opening(), |node| node.span.clone());
                let types = ["Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"];
                let hint =
                    crate::nearest::nearest(other, types).map(|near| format!("did you mean `{near}`?"));
                self.fault_with_hint(
                    FaultCode::InvalidValue,
                    span,
                    format!("there is no state type `{other}`"),
                    hint,
                );
                None
            }
        }
    }

    fn known(&mut self, fields: &Fields, own: &[&str]) {
        let known: Vec<&str> = COMMON.iter().chain(own).copied().collect();
        self.refuse_unknown(fields, &known);
    }

    fn pass(&mut self, fields: &Fields) -> Option<Read> {
        self.known(
            fields,
            &["Next", "End", "InputPath", "OutputPath", "ResultPath", "Parameters", "Result", "Assign"],
        );
        let data = self.filters(fields);
        let arguments = self.parameters(fields);
        let result_path = self.result_path(fields);
        let then = self.then(fields);
        let data = DataFlow { arguments: arguments?, result_path: result_path?, ..data? };
        let result = fields.value("Result").map(Node::to_value);
        Some(Read::plain(data, Kind::Pass(Pass { result, then: then? })))
    }

    fn task(&mut self, fields: &Fields) -> Option<Read> {
        self.known(
            fields,
            &[
                "Next",
                "End",
                "Resource",
                "InputPath",
                "OutputPath",
                "ResultPath",
                "Parameters",
                "ResultSelector",
                "Retry",
                "Catch",
                "TimeoutSeconds",
                "TimeoutSecondsPath",
                "HeartbeatSeconds",
                "HeartbeatSecondsPath",
                "Credentials",
                "Assign",
            ],
        );
        let resource = self.resource(fields);
        let data = self.filters(fields);
        let arguments = self.parameters(fields);
        let result_selector = self.template_field(fields, "ResultSelector");
        let credentials = self.template_field(fields, "Credentials");
        let result_path = self.result_path(fields);
        let timeout_seconds = self.number(fields, "TimeoutSeconds", "TimeoutSecondsPath");
        let heartbeat_seconds = self.number(fields, "HeartbeatSeconds", "HeartbeatSecondsPath");
        if let (Some(Number::Constant(timeout)), Some(Number::Constant(heartbeat))) =
            (&timeout_seconds, &heartbeat_seconds)
            && heartbeat >= timeout
        {
            let span =
                fields.value("HeartbeatSeconds").map_or_else(|| fields.opening(), |node| node.span.clone());
            let message =
                format!("`HeartbeatSeconds` must be less than `TimeoutSeconds`, which is {timeout}");
            self.fault(FaultCode::OutOfRange, span, message);
        }
        let retry = self.each(fields, "Retry", "a retrier", Parser::retrier);
        let catch = self.each(fields, "Catch", "a catcher", Parser::catcher);
        let then = self.then(fields);
        let data = DataFlow {
            arguments: arguments?,
            result_selector: result_selector?,
            result_path: result_path?,
            ..data?
        };
        let task = Task {
            resource: resource?,
            credentials: credentials?,
            timeout_seconds,
            heartbeat_seconds,
            then: then?,
        };
        Some(Read { data, retry: retry?, catch: catch?, kind: Kind::Task(Box::new(task)) })
    }

    fn choice(&mut self, fields: &Fields) -> Option<Read> {
        self.known(fields, &["Choices", "Default", "InputPath", "OutputPath", "Assign"]);
        let data = self.filters(fields);
        let rules = self.rules(fields);
        let default = self.owned_text(fields, "Default");
        Some(Read::plain(data?, Kind::Choice(Choice { rules: rules?, default })))
    }

    fn wait(&mut self, fields: &Fields) -> Option<Read> {
        let forms = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
        self.known(fields, &[&forms[..], &["Next", "End", "InputPath", "OutputPath", "Assign"]].concat());
        let data = self.filters(fields);
        self.at_most_one(fields, &forms);
        let until = match forms.into_iter().find(|form| fields.get(form).is_some()) {
            Some("Seconds") => self.whole_number(fields, "Seconds", 0..=SECONDS_MAX).map(Until::Seconds),
            Some("SecondsPath") => self.path(fields, "SecondsPath").map(Until::SecondsPath),
            Some("TimestampPath") => self.path(fields, "TimestampPath").map(Until::TimestampPath),
            Some(timestamp) => self.timestamp(fields, timestamp).map(Until::Timestamp),
            None => {
                let message =
                    "a Wait state needs one of `Seconds`, `SecondsPath`, `Timestamp` and `TimestampPath`";
                self.fault(FaultCode::MissingField, fields.opening(), message);
                None
            }
        };
        let then = self.then(fields);
        Some(Read::plain(data?, Kind::Wait(Wait { until: until?, then: then? })))
    }

    fn succeed(&mut self, fields: &Fields) -> Option<Read> {
        self.known(fields, &["InputPath", "OutputPath"]);
        Some(Read::plain(self.filters(fields)?, Kind::Succeed))
    }

    fn fail(&mut self, fields: &Fields) -> Option<Read> {
        self.known(fields, &["Error", "ErrorPath", "Cause", "CausePath"]);
        let error = self.dynamic_text(fields, "Error", "ErrorPath");
        let cause = self.dynamic_text(fields, "Cause", "CausePath");
        Some(Read::plain(DataFlow::default(), Kind::Fail(Fail { error, cause })))
    }

    /// `Next` or `End`, exactly one of them.
    fn then(&mut self, fields: &Fields) -> Option<Then> {
        let next = self.text(fields, "Next");
        let end = fields.get("End");
        let ends = match end.map(|member| (&member.value.data, member)) {
            Some((Data::Bool(ends), _)) => *ends,
            Some((_, member)) => {
                self.wrong_type(&member.value, "a boolean", "`End`");
                return None;
            }
            None => false,
        };
        match (next, ends, end) {
            (Some(_), true, Some(end)) => {
                let message = "`End` excludes `Next`: only one of them may be set";
                self.fault(FaultCode::ConflictingFields, end.name_span.clone(), message);
                None
            }
            (Some(next), ..) => Some(Then::Next(next.to_string())),
            (None, true, _) => Some(Then::End),
            (None, false, _) if fields.get("Next").is_some() => None,
            (None, false, _) => {
                let message = format!("{} needs `Next` or \"End\": true", fields.what);
                self.fault(FaultCode::MissingField, fields.opening(), message);
                None
            }
        }
    }

    fn filters(&mut self, fields: &Fields) -> Option<DataFlow> {
        let (input_path, output_path) = (self.filter(fields, "InputPath"), self.filter(fields, "OutputPath"));
        Some(DataFlow { input_path: input_path?, output_path: output_path?, ..DataFlow::default() })
    }

    fn filter(&mut self, fields: &Fields, name: &str) -> Option<Filter> {
        match fields.value(name) {
            None => Some(Filter::default()),
            Some(Node { data: Data::Null, .. }) => Some(Filter::Empty),
            Some(node) => self.path_at(node, &format!("`{name}`")).map(Filter::Path),
        }
    }

    fn result_path(&mut self, fields: &Fields) -> Option<ResultPath> {
        let Some(node) = fields.value("ResultPath") else {
            return Some(ResultPath::Whole);
        };
        match &node.data {
            Data::Null => Some(ResultPath::Discard),
            Data::String(text) if text == "$" => Some(ResultPath::Whole),
            Data::String(text) => self.reference_path_at(node, text).map(ResultPath::At),
            _ => {
                self.wrong_type(node, "a Reference Path or null", "`ResultPath`");
                None
            }
        }
    }

    /// A template of any shape: AWS takes arrays and plain values too.
    fn parameters(&mut self, fields: &Fields) -> Option<Option<Template>> {
        fields.value("Parameters").map_or(Some(None), |node| self.template(node).map(Some))
    }

    /// `None`: it has faults. `Some(None)`: it is not set.
    fn template_field(&mut self, fields: &Fields, name: &'static str) -> Option<Option<Template>> {
        let Some(node) = fields.value(name) else {
            return Some(None);
        };
        match node.data {
            Data::Object(_) => self.template(node).map(Some),
            _ => {
                self.wrong_type(node, "an object", &format!("`{name}`"));
                None
            }
        }
    }

    fn resource(&mut self, fields: &Fields) -> Option<Resource> {
        let arn = self.required_text(fields, "Resource")?;
        let parameters = fields.value("Parameters").map(Node::to_value);
        match Resource::parse(arn, parameters.as_ref()) {
            Ok(resource) => {
                if let Err(refusal) = (self.judge)(&resource) {
                    let span = resource_span(fields, &resource);
                    self.fault_with_hint(refusal.code, span, refusal.message, refusal.hint);
                }
                Some(resource)
            }
            Err(message) => {
                let span =
                    fields.value("Resource").map_or_else(|| fields.opening(), |node| node.span.clone());
                self.fault(FaultCode::InvalidResource, span, message);
                None
            }
        }
    }

    fn number(&mut self, fields: &Fields, constant: &str, path: &str) -> Option<Number> {
        self.at_most_one(fields, &[constant, path]);
        let from_path = self.path(fields, path).map(Number::Path);
        self.whole_number(fields, constant, 1..=SECONDS_MAX).map(Number::Constant).or(from_path)
    }

    fn dynamic_text(&mut self, fields: &Fields, constant: &str, path: &str) -> Option<Text> {
        self.at_most_one(fields, &[constant, path]);
        if let Some(text) = self.owned_text(fields, constant) {
            return Some(Text::Constant(text));
        }
        let node = fields.value(path)?;
        match self.expression(node, path)? {
            Expression::Path(found) => Some(Text::Path(found)),
            Expression::Call(call) if call.function().may_give_text() => {
                Some(Text::Expression(Template::Dynamic(Expression::Call(call))))
            }
            Expression::Call(call) => {
                let message = format!("`{path}` needs a string, and `{}` gives none", call.function().name());
                self.fault(FaultCode::InvalidFunction, node.span.clone(), message);
                None
            }
        }
    }

    pub(super) fn timestamp(&mut self, fields: &Fields, name: &str) -> Option<String> {
        let text = self.text(fields, name)?;
        if timestamp::parse(text).is_none() {
            let span = fields.value(name).map_or_else(|| fields.opening(), |node| node.span.clone());
            let hint = "write it like 2026-11-24T21:52:17Z".to_string();
            let message = format!("`{text}` is not a timestamp of RFC 3339");
            self.fault_with_hint(FaultCode::InvalidTimestamp, span, message, Some(hint));
            return None;
        }
        Some(text.to_string())
    }

    /// Reads each item of a list of objects, the last one as such.
    fn each<T>(
        &mut self,
        fields: &Fields,
        name: &str,
        what: &'static str,
        read: impl Fn(&mut Self, &Fields, Position) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(node) = fields.value(name) else {
            return Some(Vec::new());
        };
        let Some(items) = node.as_array() else {
            self.wrong_type(node, "an array", &format!("`{name}`"));
            return None;
        };
        let mut found = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let position = if index + 1 == items.len() { Position::Last } else { Position::Before };
            let read = self.fields(item, what).and_then(|fields| read(self, &fields, position));
            found.push(read);
        }
        found.into_iter().collect()
    }

    fn retrier(&mut self, fields: &Fields, position: Position) -> Option<Retrier> {
        self.refuse_unknown(
            fields,
            &[
                "ErrorEquals",
                "IntervalSeconds",
                "MaxAttempts",
                "BackoffRate",
                "MaxDelaySeconds",
                "JitterStrategy",
                "Comment",
            ],
        );
        let error_equals = self.error_equals(fields, position);
        let interval_seconds = self.number_or(fields, "IntervalSeconds", 1..=SECONDS_MAX, 1);
        let max_attempts = self.number_or(fields, "MaxAttempts", 0..=MAX_ATTEMPTS_MAX, 3);
        let max_delay_seconds = self.whole_number(fields, "MaxDelaySeconds", 1..=MAX_DELAY_SECONDS_MAX);
        if let (Some(max), Some(node)) = (max_delay_seconds, fields.value("MaxDelaySeconds"))
            && max <= interval_seconds
        {
            let message = format!(
                "`MaxDelaySeconds` must be greater than `IntervalSeconds`, which is {interval_seconds}"
            );
            self.fault(FaultCode::OutOfRange, node.span.clone(), message);
        }
        let backoff_rate = self.backoff_rate(fields);
        let jitter = self.jitter(fields);
        Some(Retrier {
            error_equals: error_equals?,
            interval_seconds,
            max_attempts,
            backoff_rate,
            max_delay_seconds,
            jitter,
        })
    }

    fn number_or(&mut self, fields: &Fields, name: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.whole_number(fields, name, range).unwrap_or(default)
    }

    fn backoff_rate(&mut self, fields: &Fields) -> f64 {
        let Some(node) = fields.value("BackoffRate") else {
            return 2.0;
        };
        match &node.data {
            Data::Number(number) => {
                let rate = number.as_f64().unwrap_or(f64::NAN);
                if !(rate.is_finite() && rate >= 1.0) {
                    let message = format!("`BackoffRate` must be at least 1.0, and this is {number}");
                    self.fault(FaultCode::OutOfRange, node.span.clone(), message);
                }
                rate
            }
            _ => {
                self.wrong_type(node, "a number", "`BackoffRate`");
                2.0
            }
        }
    }

    fn jitter(&mut self, fields: &Fields) -> Jitter {
        match (self.text(fields, "JitterStrategy"), fields.value("JitterStrategy")) {
            (Some("FULL"), _) => Jitter::Full,
            (Some("NONE") | None, _) => Jitter::None,
            (Some(other), node) => {
                let span = node.map_or_else(|| fields.opening(), |node| node.span.clone());
                let message = format!("there is no jitter strategy `{other}`: write \"FULL\" or \"NONE\"");
                self.fault(FaultCode::InvalidValue, span, message);
                Jitter::None
            }
        }
    }

    fn catcher(&mut self, fields: &Fields, position: Position) -> Option<Catcher> {
        self.refuse_unknown(fields, &["ErrorEquals", "Next", "ResultPath", "Comment", "Assign"]);
        if let Some(assign) = fields.get("Assign") {
            self.unsupported(assign.name_span.clone(), "Assign");
        }
        let error_equals = self.error_equals(fields, position);
        let result_path = self.result_path(fields);
        let next = self.required_text(fields, "Next");
        Some(Catcher {
            error_equals: error_equals?,
            result_path: result_path?,
            assign: None,
            output: None,
            next: next?.to_string(),
        })
    }

    /// States.ALL stands alone, and only in the last retrier or catcher.
    fn error_equals(&mut self, fields: &Fields, position: Position) -> Option<Vec<String>> {
        let node = self.required(fields, "ErrorEquals")?;
        let Some(items) = node.as_array() else {
            self.wrong_type(node, "an array of error names", "`ErrorEquals`");
            return None;
        };
        if items.is_empty() {
            self.fault(FaultCode::ErrorEquals, node.span.clone(), "`ErrorEquals` needs at least one name");
        }
        let mut names = Vec::with_capacity(items.len());
        for item in items {
            match item.as_str() {
                Some(name) => names.push(name.to_string()),
                None => self.wrong_type(item, "a string", "a name in `ErrorEquals`"),
            }
            if item.as_str() == Some(errors::ALL) {
                if items.len() > 1 {
                    self.fault(
                        FaultCode::ErrorEquals,
                        item.span.clone(),
                        "`States.ALL` must stand alone in `ErrorEquals`",
                    );
                }
                if position == Position::Before {
                    let message = format!("{} with `States.ALL` must be the last one", fields.what);
                    self.fault(FaultCode::ErrorEquals, item.span.clone(), message);
                }
            }
        }
        (names.len() == items.len()).then_some(names)
    }
}

/// Where an item stands in its list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Before,
    Last,
}

/// Where a Task state names what it calls: in `FunctionName` for `lambda:invoke`, else in `Resource`.
fn resource_span(fields: &Fields, resource: &Resource) -> Range<usize> {
    let named_by = match resource {
        Resource::LambdaInvoke { .. } => fields.value("Parameters").and_then(|parameters| {
            let mut members = parameters.as_object()?.iter();
            members.find(|member| matches!(member.name.as_str(), "FunctionName" | "FunctionName.$"))
        }),
        _ => None,
    };
    let node = named_by.map(|member| &member.value).or_else(|| fields.value("Resource"));
    node.map_or_else(|| fields.opening(), |node| node.span.clone())
}
