//! The top level of a definition, and the states of a machine.

use super::{
    Parser,
    fields::Fields,
    language::Known::{self, Both},
    state::Read,
    variables::Sight,
};
use crate::{
    definition::{Machine, Parent, QueryLanguage, State},
    fault::FaultCode,
    json::{Member, Node},
    limits::{SECONDS_MAX, STATE_NAME_CHARS_MAX},
};
use indexmap::IndexSet;

const TOP: [Known; 6] = [
    Both("Comment"),
    Both("StartAt"),
    Both("States"),
    Both("Version"),
    Both("TimeoutSeconds"),
    Both("QueryLanguage"),
];

/// What stands beside the states.
pub(super) struct Head {
    pub(super) comment: Option<String>,
    pub(super) version: Option<String>,
    pub(super) timeout_seconds: Option<u64>,
}

impl Parser<'_> {
    pub(super) fn head(&mut self, root: &Node) -> Option<(Head, Machine)> {
        let fields = self.fields(root, "a definition")?;
        self.known(&fields, &TOP);
        self.default_language = self.query_language(&fields).unwrap_or_default();
        let head = Head {
            comment: self.owned_text(&fields, "Comment"),
            version: self.version(&fields),
            timeout_seconds: self.whole_number(&fields, "TimeoutSeconds", 1..=SECONDS_MAX),
        };
        let machine = self.machine(&fields)?;
        Some((head, machine))
    }

    fn version(&mut self, fields: &Fields) -> Option<String> {
        let version = self.text(fields, "Version")?;
        if version != "1.0" {
            let message = format!("there is no version `{version}` of the language: write \"1.0\"");
            self.fault(FaultCode::InvalidValue, fields.span_of("Version"), message);
        }
        Some(version.to_string())
    }

    /// A branch or an item processor: its states stand in the state that is being read.
    pub(super) fn nested(&mut self, fields: &Fields, parent: Parent, sight: Sight) -> Option<Machine> {
        let (state, language) = (self.state.take(), self.language);
        let outer = self.parent.replace(parent);
        let scope = self.variables.enter(sight);
        let machine = self.machine(fields);
        self.variables.leave(scope);
        self.parent = outer;
        (self.state, self.language) = (state, language);
        machine
    }

    fn machine(&mut self, fields: &Fields) -> Option<Machine> {
        if fields.get("StartAt").is_none() && fields.get("States").is_none() {
            let message = format!("{} needs the fields `StartAt` and `States`", fields.what);
            let aws_message = "These fields are required: [States, StartAt]";
            self.fault_as_aws(FaultCode::MissingField, fields.opening(), message, aws_message);
            return None;
        }
        let start_at = self.required_text(fields, "StartAt");
        let states = self.required(fields, "States")?;
        let states = self.fields(states, "`States`")?;
        if states.members.is_empty() {
            let message = "a machine needs at least one state";
            self.fault(FaultCode::MissingField, states.node.span.clone(), message);
            return None;
        }
        let mut names = IndexSet::with_capacity(states.members.len());
        for member in states.members {
            self.state = Some(member.name.clone());
            if self.state_name(member) {
                // Its place among the states is before those that stand in it.
                names.insert(member.name.clone());
            }
            let (at, _) = self.states.insert_full(member.name.clone(), None);
            let state = self.read_state(&member.name, &member.value);
            if let Some((_, place)) = self.states.get_index_mut(at).filter(|_| state.is_some()) {
                *place = state;
            }
            self.state = None;
        }
        self.check_graph(fields, &states);
        Some(Machine { start_at: start_at?.to_string(), states: names })
    }

    /// Whether the name is this state's alone.
    fn state_name(&mut self, member: &Member) -> bool {
        let (name, span) = (member.name.as_str(), &member.name_span);
        let chars = name.chars().count();
        if name.is_empty() {
            self.fault(FaultCode::InvalidStateName, span.clone(), "a state needs a name");
        } else if chars > STATE_NAME_CHARS_MAX {
            let message =
                format!("a state's name has at most {STATE_NAME_CHARS_MAX} characters, and this has {chars}");
            self.fault(FaultCode::InvalidStateName, span.clone(), message);
        }
        let is_new = !self.states.contains_key(name);
        if !is_new {
            let message =
                format!("there is another state `{name}`; a name stands once in the whole definition");
            self.fault(FaultCode::DuplicateState, span.clone(), message);
        }
        is_new
    }

    fn read_state(&mut self, name: &str, node: &Node) -> Option<State> {
        let fields = self.fields(node, "a state")?;
        let own = self.query_language(&fields);
        if (own, self.default_language) == (Some(QueryLanguage::JsonPath), QueryLanguage::Jsonata) {
            let message = "a state cannot speak JSONPath where the whole workflow speaks JSONata";
            let span = fields.span_of("QueryLanguage");
            let aws_message =
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
            self.fault_as_aws(FaultCode::LanguageDowngrade, span, message, aws_message);
        }
        self.language = own.unwrap_or(self.default_language);
        let comment = self.owned_text(&fields, "Comment");
        let has_result =
            matches!(fields.value("Type").and_then(Node::as_str), Some("Task" | "Parallel" | "Map"));
        let members: &[&str] = if has_result { &["result"] } else { &[] };
        let assign = self.with_states(members, |parser| parser.assign(&fields));
        let Read { data, retry, catch, kind } = self.kind(name, &fields)?;
        Some(State {
            name: name.to_string(),
            comment,
            query_language: self.language,
            parent: self.parent.clone(),
            data,
            assign: assign?,
            retry,
            catch,
            kind,
        })
    }
}
