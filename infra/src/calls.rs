//! What states call that are no steps, and the permissions that it takes.

use crate::{
    facts::{Facts, SettingError},
    text::{Place, Text},
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A call in a definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallFacts {
    pub state: String,
    /// `lambda`, `sqs`, `sns`, `events`, `dynamodb`.
    pub service: String,
    /// `invoke`, `sendMessage`, …
    pub action: String,
    /// A function, a queue's URL, a topic, a bus or a table, as the definition has it; none: the data says it.
    pub target: Option<String>,
}

/// What the function `invoke` may do: actions, each with the resources that it may be done to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(BTreeMap<String, BTreeSet<String>>);

impl CallFacts {
    /// The action in IAM's words (<https://docs.aws.amazon.com/service-authorization/latest/reference/>).
    pub fn permission(&self) -> Option<&'static str> {
        Some(match (self.service.as_str(), self.action.as_str()) {
            ("lambda", "invoke") => "lambda:InvokeFunction",
            ("sqs", "sendMessage") => "sqs:SendMessage",
            ("sns", "publish") => "sns:Publish",
            ("events", "putEvents") => "events:PutEvents",
            ("dynamodb", "getItem") => "dynamodb:GetItem",
            ("dynamodb", "putItem") => "dynamodb:PutItem",
            ("dynamodb", "updateItem") => "dynamodb:UpdateItem",
            ("dynamodb", "deleteItem") => "dynamodb:DeleteItem",
            _ => return None,
        })
    }

    /// The ARNs of what is called; none where the definition doesn't tell them.
    fn resources(&self) -> Option<Vec<String>> {
        let target = self.target.as_deref()?;
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
        };
        let is_arn = target.starts_with("arn:") && target.split(':').count() >= 6;
        let here = |service: &str, resource: String| {
            format!("arn:${{Partition}}:{service}:${{Region}}:${{Account}}:{resource}")
        };
        match self.service.as_str() {
            "lambda" => function(target),
            "sqs" => queue(target).map(|arn| vec![arn]),
            "sns" => is_arn.then(|| vec![target.to_owned()]),
            _ if is_arn => Some(vec![target.to_owned()]),
            "events" => is_name(target).then(|| vec![here("events", format!("event-bus/{target}"))]),
            "dynamodb" => is_name(target).then(|| vec![here("dynamodb", format!("table/{target}"))]),
            _ => None,
        }
    }

    /// What a permission for what only the data says could look like.
    fn example(&self) -> &'static str {
        match self.service.as_str() {
            "lambda" => "arn:${Partition}:lambda:${Region}:${Account}:function:NAME",
            "sqs" => "arn:${Partition}:sqs:${Region}:${Account}:NAME",
            "sns" => "arn:${Partition}:sns:${Region}:${Account}:NAME",
            "events" => "arn:${Partition}:events:${Region}:${Account}:event-bus/NAME",
            _ => "arn:${Partition}:dynamodb:${Region}:${Account}:table/NAME",
        }
    }
}

/// A function's ARN without its version, and with any: IAM compares the one that was called.
fn function(name: &str) -> Option<Vec<String>> {
    let (place, qualified) = match name.split_once("function:") {
        Some((place, qualified)) => (place, qualified),
        None => ("", name),
    };
    let short = qualified.split(':').next().filter(|short| !short.is_empty())?;
    if !short.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return None;
    }
    let place = match place.trim_end_matches(':') {
        "" => "arn:${Partition}:lambda:${Region}:${Account}".to_owned(),
        arn if arn.starts_with("arn:") => arn.to_owned(),
        account if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) => {
            format!("arn:${{Partition}}:lambda:${{Region}}:{account}")
        }
        _ => return None,
    };
    Some(vec![format!("{place}:function:{short}"), format!("{place}:function:{short}:*")])
}

/// `https://sqs.eu-west-1.amazonaws.com/123456789012/orders`; another host's queue is in the stack's region.
fn queue(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let parts: Vec<&str> = rest.split('/').collect();
    let [host, account, name] = parts.as_slice() else { return None };
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let is_name = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !is_account || !is_name {
        return None;
    }
    let region = host.strip_prefix("sqs.").and_then(|host| host.split_once(".amazonaws."));
    let region = region.map_or("${Region}", |(region, _)| region);
    Some(format!("arn:${{Partition}}:sqs:{region}:{account}:{name}"))
}

impl Permissions {
    /// What the definitions name, and what the packages allow beside.
    pub(crate) fn of(facts: &Facts) -> Self {
        let mut permissions = Self::default();
        for call in facts.workflows.iter().flat_map(|workflow| &workflow.calls) {
            permissions.add(call);
        }
        for policy in facts.packages.iter().flat_map(|package| &package.invoke) {
            for action in &policy.actions {
                permissions.0.entry(action.clone()).or_default().extend(policy.resources.iter().cloned());
            }
        }
        permissions
    }

    fn add(&mut self, call: &CallFacts) {
        if let (Some(action), Some(resources)) = (call.permission(), call.resources()) {
            self.0.entry(action.to_owned()).or_default().extend(resources);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &BTreeSet<String>)> {
        self.0.iter()
    }

    /// As the function is told.
    pub(crate) fn to_json(&self) -> String {
        json!(self.0).to_string()
    }

    /// What a live function was told; none if that is something else.
    pub fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    /// Whether something that matches it is there for an action.
    fn allows(&self, action: &str, resource: &str, place: &Place<'_>) -> bool {
        let allowed = self.0.get(action).into_iter().flatten();
        allowed.map(|allowed| Text::of(allowed).at(place)).any(|allowed| fits(&allowed, resource))
    }

    /// What of a definition's calls isn't allowed, as lines of a Cargo.toml that would allow it; one for each action.
    pub fn missing<'c>(
        &self,
        calls: impl IntoIterator<Item = &'c CallFacts>,
        place: &Place<'_>,
    ) -> Vec<String> {
        let mut missing = Self::default();
        for call in calls {
            let Some(action) = call.permission() else { continue };
            let resources = match call.resources() {
                Some(resources) => resources,
                None if self.0.contains_key(action) => continue,
                None => vec![call.example().to_owned()],
            };
            let is_missing = |resource: &String| !self.allows(action, &Text::of(resource).at(place), place);
            let resources: Vec<String> = resources.into_iter().filter(is_missing).collect();
            if !resources.is_empty() {
                missing.0.entry(action.to_owned()).or_default().extend(resources);
            }
        }
        missing.0.iter().map(|(action, resources)| lines(action, resources)).collect()
    }
}

/// A pattern of IAM, with `*` for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(before) else { return false };
    let mut from = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    from.any(|at| text.get(at..).is_some_and(|text| fits(rest, text)))
}

fn lines(action: &str, resources: &BTreeSet<String>) -> String {
    let resources: Vec<&String> = resources.iter().collect();
    format!("[[package.metadata.stepladder.invoke]]\nactions = [{action:?}]\nresources = {resources:?}")
}

impl Facts {
    /// Whether some state calls what is no step, or may: then the stack has the function `invoke`.
    pub(crate) fn needs_invoke(&self) -> bool {
        self.workflows.iter().any(|workflow| !workflow.calls.is_empty())
            || self.packages.iter().any(|package| !package.invoke.is_empty())
    }

    /// Calls of what only the data says, for which nothing is allowed yet.
    pub(crate) fn unnamed_calls(&self) -> Vec<SettingError> {
        let mut told = BTreeSet::new();
        let mut faults = Vec::new();
        for workflow in &self.workflows {
            for call in workflow.calls.iter().filter(|call| call.resources().is_none()) {
                let Some(action) = call.permission() else { continue };
                let is_allowed = self.packages.iter().flat_map(|package| &package.invoke);
                let is_allowed =
                    is_allowed.flat_map(|policy| &policy.actions).any(|allowed| allowed == action);
                if is_allowed || !told.insert(action) {
                    continue;
                }
                let lines = lines(action, &BTreeSet::from([call.example().to_owned()]));
                faults.push(SettingError {
                    message: format!(
                        "the state {:?} of workflow {} does {action} on what its definition doesn't name; say in the Cargo.toml of a package of functions/* what that may be:\n{lines}",
                        call.state, workflow.name
                    ),
                });
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{PackageFacts, PolicyFacts, WorkflowFacts};

    fn call(service: &str, action: &str, target: Option<&str>) -> CallFacts {
        CallFacts {
            state: "S".into(),
            service: service.into(),
            action: action.into(),
            target: target.map(str::to_owned),
        }
    }

    #[track_caller]
    fn check(service: &str, action: &str, target: &str, expected: Option<&[&str]>) {
        let resources = call(service, action, Some(target)).resources();
        assert_eq!(
            resources.as_deref().map(|all| all.iter().map(String::as_str).collect::<Vec<_>>()),
            expected.map(<[_]>::to_vec)
        );
    }

    #[test]
    fn names_become_arns() {
        let here = "arn:${Partition}:lambda:${Region}:${Account}:function:f";
        check("lambda", "invoke", "f", Some(&[here, &format!("{here}:*")]));
        check("lambda", "invoke", "f:live", Some(&[here, &format!("{here}:*")]));
        let whole = "arn:aws:lambda:eu-west-1:123456789012:function:f";
        check("lambda", "invoke", &format!("{whole}:7"), Some(&[whole, &format!("{whole}:*")]));
        let other = "arn:${Partition}:lambda:${Region}:123456789012:function:f";
        check("lambda", "invoke", "123456789012:function:f", Some(&[other, &format!("{other}:*")]));
        check("lambda", "invoke", "*", None);
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo";
        check("sqs", "sendMessage", url, Some(&["arn:${Partition}:sqs:eu-west-1:123456789012:orders.fifo"]));
        let local = "http://127.0.0.1:7700/000000000000/q";
        check("sqs", "sendMessage", local, Some(&["arn:${Partition}:sqs:${Region}:000000000000:q"]));
        for wrong in ["orders", "https://q", "https://sqs.eu-west-1.amazonaws.com/1/*"] {
            check("sqs", "sendMessage", wrong, None);
        }
        check("sns", "publish", "arn:aws:sns:eu-west-1:1:t", Some(&["arn:aws:sns:eu-west-1:1:t"]));
        check("sns", "publish", "t", None);
        let bus = "arn:${Partition}:events:${Region}:${Account}:event-bus/default";
        check("events", "putEvents", "default", Some(&[bus]));
        let table = "arn:${Partition}:dynamodb:${Region}:${Account}:table/t";
        check("dynamodb", "getItem", "t", Some(&[table]));
        check("dynamodb", "getItem", "*", None);
    }

    #[test]
    fn what_a_live_stack_may_not_do_is_told_as_the_lines_to_add() {
        let place = Place { region: "eu-west-1", account: "123456789012", ..Place::default() };
        let live = Permissions::read(
            r#"{"dynamodb:GetItem": ["arn:aws:dynamodb:eu-west-1:123456789012:table/a*"], "sns:Publish": ["arn:t"]}"#,
        )
        .unwrap();
        let missing = |call: CallFacts| live.missing([&call], &place);
        assert_eq!(missing(call("dynamodb", "getItem", Some("all"))), Vec::<String>::new());
        assert_eq!(missing(call("sns", "publish", None)), Vec::<String>::new());
        assert_eq!(
            missing(call("dynamodb", "getItem", Some("b"))),
            ["[[package.metadata.stepladder.invoke]]\nactions = [\"dynamodb:GetItem\"]\nresources = \
                 [\"arn:${Partition}:dynamodb:${Region}:${Account}:table/b\"]"]
        );
        assert_eq!(missing(call("dynamodb", "putItem", Some("all"))).len(), 1);
        assert_eq!(missing(call("sqs", "sendMessage", None)).len(), 1);
        assert!(Permissions::read("[]").is_none());
    }

    #[test]
    fn a_pattern_fits_what_it_stands_for() {
        for (pattern, text) in [("a", "a"), ("a*", "a"), ("a*c", "abcc"), ("*", ""), ("a*b*", "axxb")] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*c", "ab"), ("*a", "b"), ("", "a")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn what_the_data_says_has_to_be_allowed_by_hand() {
        let unnamed = call("sqs", "sendMessage", None);
        let workflow =
            WorkflowFacts { name: "order".into(), calls: [unnamed].into(), ..WorkflowFacts::default() };
        let mut facts = Facts { workflows: vec![workflow], ..Facts::default() };
        let faults = facts.unnamed_calls();
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        assert!(fault.message.contains("[[package.metadata.stepladder.invoke]]"), "{fault}");
        assert!(fault.message.contains("arn:${Partition}:sqs:${Region}:${Account}:NAME"), "{fault}");
        let policy = PolicyFacts { actions: vec!["sqs:SendMessage".into()], resources: vec!["arn:q".into()] };
        facts.packages = vec![PackageFacts { invoke: vec![policy], ..PackageFacts::default() }];
        assert_eq!(facts.unnamed_calls(), []);
        assert!(facts.needs_invoke());
    }
}
