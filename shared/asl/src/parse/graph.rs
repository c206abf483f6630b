//! Transitions: they lead to states that exist, every state can be reached, and the workflow can end.

use super::{Parser, fields::Fields};
use crate::{
    fault::{FaultCode, Severity},
    json::{Data, Member, Node},
    limits::HINT_CANDIDATES_MAX,
    nearest::nearest,
};
use std::collections::HashSet;

impl Parser<'_> {
    /// Works on the text's own members, so that a state with faults still counts as a state.
    pub(super) fn check_graph(&mut self, machine: &Fields, states: &Fields) {
        let names: HashSet<&str> = states.members.iter().map(|member| member.name.as_str()).collect();
        let start = machine.value("StartAt");
        let mut all_exist = self.check_target(start, &names, "StartAt");
        for member in states.members {
            self.state = Some(member.name.clone());
            for (field, target) in targets(&member.value) {
                all_exist &= self.check_target(Some(target), &names, field);
            }
            self.state = None;
        }
        // What lies behind a wrong target is no second fault.
        if !all_exist {
            return;
        }
        if !states.members.iter().any(|member| may_end(&member.value)) {
            self.never_ends(machine);
        } else if let Some(start) = start.and_then(Node::as_str) {
            self.check_reachable(states, start);
        }
    }

    /// AWS asks it of the top level only.
    fn never_ends(&mut self, machine: &Fields) {
        let span = machine.get("States").map_or_else(|| machine.opening(), |member| member.name_span.clone());
        let hint = "set \"End\": true in a state, or lead to a Succeed or Fail state".to_string();
        let (code, message) = match self.parent {
            None => (FaultCode::NoTerminalState, "the workflow never ends: no state is a terminal one"),
            Some(_) => (FaultCode::EndlessBranch, "this never ends: no state is a terminal one"),
        };
        self.fault_with_hint(code, span, message, Some(hint));
    }

    fn check_target(&mut self, target: Option<&Node>, names: &HashSet<&str>, field: &str) -> bool {
        let Some((node, name)) = target.and_then(|node| Some((node, node.as_str()?))) else {
            return false;
        };
        if names.contains(name) {
            return true;
        }
        if self.is_full(Severity::Error) {
            return false;
        }
        let mut sorted: Vec<&str> = names.iter().copied().take(HINT_CANDIDATES_MAX).collect();
        sorted.sort_unstable();
        let hint = nearest(name, sorted).map(|near| format!("did you mean `{near}`?"));
        let message = format!("`{field}` leads to `{name}`, and there is no such state");
        self.fault_with_hint(FaultCode::MissingTarget, node.span.clone(), message, hint);
        false
    }

    fn check_reachable(&mut self, states: &Fields, start: &str) {
        let by_name: std::collections::HashMap<&str, &Member> =
            states.members.iter().map(|member| (member.name.as_str(), member)).collect();
        let mut reached = HashSet::from([start]);
        let mut open = vec![start];
        while let Some(name) = open.pop() {
            let targets = by_name.get(name).map(|member| targets(&member.value)).unwrap_or_default();
            for target in targets.iter().filter_map(|(_, node)| node.as_str()) {
                if reached.insert(target) {
                    open.push(target);
                }
            }
        }
        for member in states.members.iter().filter(|member| !reached.contains(member.name.as_str())) {
            self.state = Some(member.name.clone());
            let message = format!("no transition from `{start}` on leads to `{}`", member.name);
            self.fault(FaultCode::Unreachable, member.name_span.clone(), message);
            self.state = None;
        }
    }
}

/// Where a state can lead, and by which field.
fn targets(state: &Node) -> Vec<(&'static str, &Node)> {
    let own = ["Next", "Default"].into_iter().filter_map(|field| Some((field, state.get(field)?)));
    let listed = ["Choices", "Catch"].into_iter().flat_map(|list| {
        let items = state.get(list).and_then(Node::as_array).unwrap_or_default();
        items.iter().filter_map(|item| Some(("Next", item.get("Next")?)))
    });
    own.chain(listed).filter(|(_, node)| node.as_str().is_some()).collect()
}

/// Whether a state can be the last one; of a state whose type is unknown nothing is said.
fn may_end(state: &Node) -> bool {
    let ends = state.get("End").is_some_and(|end| end.data == Data::Bool(true));
    let kind = state.get("Type").and_then(Node::as_str);
    ends || !matches!(kind, Some("Pass" | "Task" | "Choice" | "Wait" | "Parallel" | "Map"))
}
