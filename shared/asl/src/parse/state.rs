//! The states.

use super::{
    Parser,
    fields::Fields,
    language::Known::{self, Both, JsonPath, Jsonata},
};
use crate::{
    definition::{
        Catcher, Choice, DataFlow, Fail, Filter, Kind, Number, Pass, Retrier, Task, Text, Then, Until, Wait,
    },
    fault::FaultCode,
    json::{Data, Node},
    limits::SECONDS_MAX,
    nearest::nearest,
    resource::Resource,
};
use std::ops::Range;

const COMMON: [Known; 3] = [Both("Type"), Both("Comment"), Both("QueryLanguage")];
pub(super) const FILTERS: [Known; 3] = [JsonPath("InputPath"), JsonPath("OutputPath"), Jsonata("Output")];
pub(super) const THEN: [Known; 3] = [Both("Next"), Both("End"), Both("Assign")];

/// The fields of states that do work and have a result.
pub(super) const WORK: [Known; 6] = [
    JsonPath("Parameters"),
    JsonPath("ResultSelector"),
    JsonPath("ResultPath"),
    Jsonata("Arguments"),
    Both("Retry"),
    Both("Catch"),
];

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
    pub(super) fn kind(&mut self, name: &str, fields: &Fields) -> Option<Read> {
        match self.required_text(fields, "Type")? {
            "Pass" => self.pass(&Fields { what: "a Pass state", ..*fields }),
            "Task" => self.task(&Fields { what: "a Task state", ..*fields }),
            "Choice" => self.choice(&Fields { what: "a Choice state", ..*fields }),
            "Wait" => self.wait(&Fields { what: "a Wait state", ..*fields }),
            "Succeed" => self.succeed(&Fields { what: "a Succeed state", ..*fields }),
            "Fail" => self.fail(&Fields { what: "a Fail state", ..*fields }),
            "Parallel" => self.parallel(name, &Fields { what: "a Parallel state", ..*fields }),
            "Map" => self.map(name, &Fields { what: "a Map state", ..*fields }),
            other => {
                let types = ["Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"];
                let hint = nearest(other, types).map(|near| format!("did you mean `{near}`?"));
                let message = format!("there is no state type `{other}`");
                self.fault_with_hint(FaultCode::InvalidValue, fields.span_of("Type"), message, hint);
                None
            }
        }
    }

    /// [`Parser::known`], with the fields of every state.
    pub(super) fn known_of_state(&mut self, fields: &Fields, own: &[&[Known]]) {
        self.known(fields, &[&COMMON[..], &own.concat()].concat());
    }

    fn pass(&mut self, fields: &Fields) -> Option<Read> {
        let own = [JsonPath("ResultPath"), JsonPath("Parameters"), JsonPath("Result")];
        self.known_of_state(fields, &[&FILTERS, &THEN, &own]);
        let filters = self.filters(fields);
        let arguments = self.arguments(fields);
        let result_path = self.result_path(fields);
        let output = self.output(fields);
        let then = self.then(fields);
        let data = DataFlow { arguments: arguments?, result_path: result_path?, output: output?, ..filters? };
        if let Some(node) = fields.value("Result").filter(|_| !self.is_jsonata()) {
            self.static_result(node);
        }
        let result = fields.value("Result").map(Node::to_value);
        Some(Read::plain(data, Kind::Pass(Pass { result, then: then? })))
    }

    fn task(&mut self, fields: &Fields) -> Option<Read> {
        let own = [
            Both("Resource"),
            Both("TimeoutSeconds"),
            JsonPath("TimeoutSecondsPath"),
            Both("HeartbeatSeconds"),
            JsonPath("HeartbeatSecondsPath"),
            Both("Credentials"),
        ];
        self.known_of_state(fields, &[&FILTERS, &THEN, &WORK, &own]);
        let resource = self.resource(fields);
        let credentials = self.credentials(fields);
        let timeout_seconds = self.number(fields, "TimeoutSeconds", 1..=SECONDS_MAX);
        let heartbeat_seconds = self.number(fields, "HeartbeatSeconds", 1..=SECONDS_MAX);
        if let (Some(Number::Constant(timeout)), Some(Number::Constant(heartbeat))) =
            (&timeout_seconds, &heartbeat_seconds)
            && heartbeat >= timeout
        {
            let message =
                format!("`HeartbeatSeconds` must be less than `TimeoutSeconds`, which is {timeout}");
            self.fault(FaultCode::OutOfRange, fields.span_of("HeartbeatSeconds"), message);
        }
        let data = self.work(fields);
        let (retry, catch) = (self.retry(fields), self.catch(fields));
        self.check_matches(fields);
        let then = self.then(fields);
        let task = Task {
            resource: resource?,
            credentials: credentials?,
            timeout_seconds,
            heartbeat_seconds,
            then: then?,
        };
        Some(Read { data: data?, retry: retry?, catch: catch?, kind: Kind::Task(Box::new(task)) })
    }

    fn choice(&mut self, fields: &Fields) -> Option<Read> {
        self.known_of_state(fields, &[&FILTERS, &[Both("Choices"), Both("Default"), Both("Assign")]]);
        let filters = self.filters(fields);
        let output = self.output(fields);
        let rules = self.rules(fields);
        let default = self.owned_text(fields, "Default");
        let data = DataFlow { output: output?, ..filters? };
        Some(Read::plain(data, Kind::Choice(Choice { rules: rules?, default })))
    }

    fn wait(&mut self, fields: &Fields) -> Option<Read> {
        let own = [Both("Seconds"), JsonPath("SecondsPath"), Both("Timestamp"), JsonPath("TimestampPath")];
        self.known_of_state(fields, &[&FILTERS, &THEN, &own]);
        let filters = self.filters(fields);
        let output = self.output(fields);
        let forms = own.map(Known::name);
        self.at_most_one(fields, &forms);
        let until = match forms.into_iter().find(|form| fields.get(form).is_some()) {
            Some("Seconds" | "SecondsPath") => {
                self.number(fields, "Seconds", 0..=SECONDS_MAX).map(|number| match number {
                    Number::Constant(seconds) => Until::Seconds(seconds),
                    Number::Path(path) => Until::SecondsPath(path),
                    Number::Expression(template) => Until::SecondsExpression(template),
                })
            }
            Some("TimestampPath") => self.path(fields, "TimestampPath").map(Until::TimestampPath),
            Some(timestamp) => self.timestamp(fields, timestamp).map(|text| match text {
                Text::Constant(timestamp) => Until::Timestamp(timestamp),
                Text::Path(path) => Until::TimestampPath(path),
                Text::Expression(template) => Until::TimestampExpression(template),
            }),
            None => {
                let message = if self.is_jsonata() {
                    "a Wait state needs `Seconds` or `Timestamp`"
                } else {
                    "a Wait state needs one of `Seconds`, `SecondsPath`, `Timestamp` and `TimestampPath`"
                };
                self.fault(FaultCode::MissingField, fields.opening(), message);
                None
            }
        };
        let then = self.then(fields);
        let data = DataFlow { output: output?, ..filters? };
        Some(Read::plain(data, Kind::Wait(Wait { until: until?, then: then? })))
    }

    fn succeed(&mut self, fields: &Fields) -> Option<Read> {
        self.known_of_state(fields, &[&FILTERS]);
        let filters = self.filters(fields);
        let output = self.output(fields);
        Some(Read::plain(DataFlow { output: output?, ..filters? }, Kind::Succeed))
    }

    fn fail(&mut self, fields: &Fields) -> Option<Read> {
        let own = [Both("Error"), JsonPath("ErrorPath"), Both("Cause"), JsonPath("CausePath")];
        self.known_of_state(fields, &[&own]);
        let error = self.dynamic_text(fields, "Error");
        let cause = self.dynamic_text(fields, "Cause");
        Some(Read::plain(DataFlow::default(), Kind::Fail(Fail { error, cause })))
    }

    /// `Next` or `End`, exactly one of them.
    pub(super) fn then(&mut self, fields: &Fields) -> Option<Then> {
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

    /// `InputPath` and `OutputPath`, in a data flow that is neutral beside.
    fn filters(&mut self, fields: &Fields) -> Option<DataFlow> {
        let (input_path, output_path) = (self.filter(fields, "InputPath"), self.filter(fields, "OutputPath"));
        Some(DataFlow { input_path: input_path?, output_path: output_path?, ..DataFlow::default() })
    }

    fn filter(&mut self, fields: &Fields, name: &str) -> Option<Filter> {
        match fields.value(name).filter(|_| !self.is_jsonata()) {
            None => Some(Filter::default()),
            Some(Node { data: Data::Null, .. }) => Some(Filter::Empty),
            Some(node) => self.path_at(node, &format!("`{name}`")).map(Filter::Path),
        }
    }

    /// The data flow of a state that has a result: Task and Parallel.
    pub(super) fn work(&mut self, fields: &Fields) -> Option<DataFlow> {
        let arguments = self.arguments(fields);
        let data = self.work_of_map(fields);
        Some(DataFlow { arguments: arguments?, ..data? })
    }

    /// The same for a Map state, whose old `Parameters` is its item selector.
    pub(super) fn work_of_map(&mut self, fields: &Fields) -> Option<DataFlow> {
        let filters = self.filters(fields);
        let result_selector = self.result_selector(fields);
        let result_path = self.result_path(fields);
        let output = self.with_states(&["result"], |parser| parser.output(fields));
        Some(DataFlow {
            result_selector: result_selector?,
            result_path: result_path?,
            output: output?,
            ..filters?
        })
    }

    fn resource(&mut self, fields: &Fields) -> Option<Resource> {
        let arn = self.required_text(fields, "Resource")?;
        let arguments = fields.value(arguments_name(self)).map(Node::to_value);
        match Resource::parse(arn, arguments.as_ref()) {
            Ok(resource) => {
                self.check_integration(fields, &resource);
                if let Err(refusal) = (self.judge)(&resource) {
                    let span = self.resource_span(fields, &resource);
                    self.fault_with_hint(refusal.code, span, refusal.message, refusal.hint);
                }
                Some(resource)
            }
            Err(message) => {
                self.fault(FaultCode::InvalidResource, fields.span_of("Resource"), message);
                None
            }
        }
    }

    /// Where a Task state names what it calls: in `FunctionName` for `lambda:invoke`, else in `Resource`.
    fn resource_span(&self, fields: &Fields, resource: &Resource) -> Range<usize> {
        let named_by = match resource {
            Resource::Service(service) if service.is("lambda", "invoke") => {
                fields.value(arguments_name(self)).and_then(|arguments| {
                    let mut members = arguments.as_object()?.iter();
                    members.find(|member| matches!(member.name.as_str(), "FunctionName" | "FunctionName.$"))
                })
            }
            _ => None,
        };
        named_by.map_or_else(|| fields.span_of("Resource"), |member| member.value.span.clone())
    }
}

fn arguments_name(parser: &Parser) -> &'static str {
    if parser.is_jsonata() { "Arguments" } else { "Parameters" }
}
