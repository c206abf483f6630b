//! The top level of a definition, and the states of a machine.

use super::{Parser, fields::Fields, state::Read};
use crate::{
    definition::{Machine, QueryLanguage, State},
    fault::FaultCode,
    json::Node,
    limits::{SECONDS_MAX, STATE_NAME_CHARS_MAX},
};
use indexmap::IndexSet;

/// What stands beside the states.
pub(super) struct Head {
    pub(super) comment: Option<String>,
    pub(super) version: Option<String>,
    pub(super) timeout_seconds: Option<u64>,
}

impl Parser<'_> {
    pub(super) fn head(&mut self, root: &Node) -> Option<(Head, Machine)> {
        let fields = self.fields(root, "a definition")?;
        self.refuse_unknown(
            &fields,
            &["Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"],
        );
        let is_jsonata = self.query_language(&fields) == QueryLanguage::Jsonata;
        let head = Head {
            comment: self.owned_text(&fields, "Comment"),
            version: self.version(&fields),
            timeout_seconds: self.whole_number(&fields, "TimeoutSeconds", 1..=SECONDS_MAX),
        };
        let machine = self.machine(&fields, is_jsonata)?;
        Some((head, machine))
    }

    fn version(&mut self, fields: &Fields) -> Option<String> {
        let version = self.text(fields, "Version")?;
        if version != "1.0" {
            let span = fields.value("Version").map_or_else(|| fields.opening(), |node| node.span.clone());
            self.fault(
                FaultCode::InvalidValue,
                span,
                format!("there is no version `{version}` of the language: write \"1.0\""),
            );
        }
        Some(version.to_string())
    }

    fn machine(&mut self, fields: &Fields, is_jsonata: bool) -> Option<Machine> {
        let start_at = self.required_text(fields, "StartAt");
        let states = self.required(fields, "States")?;
        let states = self.fields(states, "`States`")?;
        if states.members.is_empty() {
            self.fault(
                FaultCode::MissingField,
                states.node.span.clone(),
                "a definition needs at least one state",
            );
            return None;
        }
        let mut names = IndexSet::with_capacity(states.members.len());
        for member in states.members {
            self.state = Some(member.name.clone());
            self.state_name(&member.name, &member.name_span);
            if let Some(state) = self.read_state(&member.name, &member.value, is_jsonata) {
                names.insert(member.name.clone());
                self.states.insert(member.name.clone(), state);
            }
            self.state = None;
        }
        self.check_graph(fields, &states);
        Some(Machine { start_at: start_at?.to_string(), states: names })
    }

    fn state_name(&mut self, name: &str, span: &std::ops::Range<usize>) {
        let chars = name.chars().count();
        if name.is_empty() {
            self.fault(FaultCode::InvalidStateName, span.clone(), "a state needs a name");
        } else if chars > STATE_NAME_CHARS_MAX {
            let message =
                format!("a state's name has at most {STATE_NAME_CHARS_MAX} characters, and this has {chars}");
            self.fault(FaultCode::InvalidStateName, span.clone(), message);
        }
    }

    fn read_state(&mut self, name: &str, node: &Node, is_jsonata: bool) -> Option<State> {
        let fields = self.fields(node, "a state")?;
        let own = self.query_language(&fields);
        // JSONata is reported where it is chosen, and not again in each state.
        if own == QueryLanguage::Jsonata || is_jsonata {
            return None;
        }
        let comment = self.owned_text(&fields, "Comment");
        let Read { data, retry, catch, kind } = self.kind(&fields)?;
        Some(State {
            name: name.to_string(),
            comment,
            query_language: QueryLanguage::JsonPath,
            parent: None,
            data,
            assign: None,
            retry,
            catch,
            kind,
        })
    }

    fn query_language(&mut self, fields: &Fields) -> QueryLanguage {
        let Some(language) = self.text(fields, "QueryLanguage") else {
            return QueryLanguage::JsonPath;
        };
        let span = fields.value("QueryLanguage").map_or_else(|| fields.opening(), |node| node.span.clone());
        match language {
            "JSONPath" => QueryLanguage::JsonPath,
            "JSONata" => {
                self.unsupported(span, "JSONata");
                QueryLanguage::Jsonata
            }
            other => {
                let message = format!("there is no query language `{other}`: write \"JSONPath\"");
                self.fault(FaultCode::InvalidValue, span, message);
                QueryLanguage::JsonPath
            }
        }
    }
}
