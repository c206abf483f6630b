//! Whether each role may do what its template says: asked of IAM's own simulator, not read out of policies.

use super::{DEPLOY, Facts, Finding};
use crate::limits;
use serde_json::{Value, json};
use stepladder_infra::{Place, Role, Stack, Statement};

/// One question to the simulator: may this role do all of these actions on all of these resources?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub role: String,
    /// The role's ARN, as its functions have it.
    pub role_arn: String,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    /// What a real request would bring along, by context key.
    pub context: Vec<(String, Vec<String>)>,
}

/// What the simulator is asked about a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    pub asked: Vec<Question>,
    /// Statements of which no live function tells whose they are, or about what.
    pub untold: usize,
}

/// The variables of the timer function that tell the Scheduler role's ARN and the bus.
const SCHEDULE_ROLE: &str = "STEPLADDER_SCHEDULE_ROLE_ARN";
const EVENT_BUS: &str = "STEPLADDER_EVENT_BUS";
/// The one role that no function has: it is handed on to Scheduler.
const SCHEDULER: &str = "scheduler";

/// What the simulator is asked about a stack. Statements about a customer's own key are in the roles of a stack that has one.
pub fn questions(model: &Stack, facts: &Facts) -> Questions {
    let mut questions = Questions::default();
    let has_key = key_arn(facts).is_some();
    // The API is there only where somebody has switched it on.
    let api = model.api.as_ref().filter(|api| facts.functions.contains_key(&api.function.name));
    for role in model.roles.iter().chain(api.map(|api| &api.role)) {
        let functions = model.functions.iter().chain(api.map(|api| &api.function));
        let of_role = functions.filter(|function| function.role == role.name);
        let live = of_role.filter_map(|function| facts.functions.get(&function.name)).next();
        let role_arn = match role.name.as_str() {
            SCHEDULER => of_timer(facts, SCHEDULE_ROLE),
            _ => live.map(|live| live.role_arn.as_str()),
        };
        for statement in role.statements.iter().filter(|statement| has_key || !statement.needs_key) {
            let asked = match role_arn.filter(|arn| !arn.is_empty()) {
                Some(role_arn) => of_statement(role, role_arn, statement, facts),
                None => Vec::new(),
            };
            questions.untold += usize::from(asked.is_empty());
            questions.asked.extend(asked);
        }
    }
    questions
}

/// The key that the stack was given, as its queues have it.
fn key_arn(facts: &Facts) -> Option<&str> {
    let mut keys = facts.queues.values().filter_map(|queue| queue.kms_key.as_deref());
    // A name of AWS's own key would be none.
    keys.find(|key| key.starts_with("arn:"))
}

/// What the timer function is told: what a deployment chose, and no other function knows.
fn of_timer<'f>(facts: &'f Facts, variable: &str) -> Option<&'f str> {
    facts.functions.get("timer")?.environment.get(variable).map(String::as_str)
}

fn of_statement(role: &Role, role_arn: &str, statement: &Statement, facts: &Facts) -> Vec<Question> {
    let bus = of_timer(facts, EVENT_BUS).unwrap_or("default");
    let schedule_role = of_timer(facts, SCHEDULE_ROLE).unwrap_or_default();
    let key = key_arn(facts).unwrap_or_default();
    let place = Place {
        stack: &facts.stack,
        region: &facts.region,
        account: &facts.account,
        partition: facts.partition(),
        named: &[("EventBusName", bus), (SCHEDULER, schedule_role), ("KmsKeyArn", key)],
    };
    let example = |text: &stepladder_infra::Text| {
        let text = text.at(&place);
        // What a pattern stands for; a resource that is nothing but a pattern stays one.
        if text == "*" { text } else { text.replace('*', "x") }
    };
    let resources: Vec<String> =
        statement.resources.iter().map(example).filter(|resource| !resource.is_empty()).collect();
    if resources.is_empty() {
        return Vec::new();
    }
    let context: Vec<(String, Vec<String>)> = statement
        .conditions
        .iter()
        // That a key is there at all follows from the other condition on it.
        .filter(|condition| condition.operator != "Null")
        .map(|condition| (condition.key.to_owned(), condition.values.iter().map(example).collect()))
        .collect();
    statement
        .actions
        .chunks(limits::SIMULATED_ACTIONS_MAX)
        .map(|actions| Question {
            role: role.name.clone(),
            role_arn: role_arn.to_owned(),
            actions: actions.to_vec(),
            resources: resources.clone(),
            context: context.clone(),
        })
        .collect()
}

impl Question {
    /// The context as the AWS CLI takes it.
    pub fn context_json(&self) -> String {
        let entry = |(key, values): &(String, Vec<String>)| {
            let kind = if values.len() > 1 { "stringList" } else { "string" };
            json!({ "ContextKeyName": key, "ContextKeyType": kind, "ContextKeyValues": values })
        };
        Value::Array(self.context.iter().map(entry).collect()).to_string()
    }

    /// What is found by the simulator's answer to it, an object with EvaluationResults. `Err`: it is no answer.
    pub fn judge(&self, answer: &Value) -> Result<Vec<Finding>, String> {
        let all =
            |of: &Value, name: &str| of.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let text =
            |of: &Value, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let results = all(answer, "EvaluationResults");
        if results.is_empty() {
            return Err("IAM's simulator answered nothing".to_owned());
        }
        let denied = |result: &Value| {
            // Of several resources each may have a decision of its own.
            let own = all(result, "ResourceSpecificResults");
            let own = own.iter().map(|of_resource| text(of_resource, "EvalResourceDecision"));
            let mut decisions = std::iter::once(text(result, "EvalDecision")).chain(own);
            let decision = decisions.find(|decision| decision != "allowed")?;
            Some(self.denied(&text(result, "EvalActionName"), &decision))
        };
        Ok(results.iter().filter_map(denied).collect())
    }

    /// What is found where the simulator says no to an action.
    fn denied(&self, action: &str, decision: &str) -> Finding {
        let resources = self.resources.first().map_or("", String::as_str);
        let more = self.resources.len().checked_sub(1).filter(|more| *more > 0);
        let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
        Finding::wrong(
            "permissions",
            &self.role,
            format!("it may not {action} on {resources}{more}: {decision}"),
            "its functions fail with AccessDenied, and their messages go to the dead-letter queue",
            DEPLOY,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepladder_aws::{LiveFunction, LiveQueue};
    use stepladder_infra::{Condition, Text};

    #[test]
    fn a_pattern_is_asked_about_by_an_example() {
        let statement = Statement {
            sid: "Table".into(),
            reason: None,
            actions: vec!["dynamodb:PutItem".into(), "dynamodb:GetItem".into()],
            resources: vec![Text::of("arn:${Partition}:dynamodb:${Region}:${Account}:table/${Stack}")],
            conditions: vec![
                Condition {
                    operator: "ForAllValues:StringLike",
                    key: "dynamodb:LeadingKeys",
                    values: vec![Text::literal("R#order/*")],
                },
                Condition {
                    operator: "Null",
                    key: "dynamodb:LeadingKeys",
                    values: vec![Text::literal("false")],
                },
            ],
            needs_key: false,
        };
        let role = Role { name: "order".into(), service: "lambda", source_arn: None, statements: vec![] };
        let facts = Facts {
            stack: "shop".into(),
            region: "eu-west-1".into(),
            account: "123456789012".into(),
            ..Facts::default()
        };
        let asked = of_statement(&role, "arn:role", &statement, &facts);
        let [question] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(question.resources, ["arn:aws:dynamodb:eu-west-1:123456789012:table/shop"]);
        let expected = [("dynamodb:LeadingKeys".to_owned(), vec!["R#order/x".to_owned()])];
        assert_eq!(question.context, expected);
        assert!(question.context_json().contains(r#""ContextKeyType":"string""#));
        assert_eq!(question.denied("dynamodb:PutItem", "implicitDeny").subject, "order");
        // Nobody tells which role is meant.
        let of_role = Statement { resources: vec![Text::role_arn("scheduler")], ..statement };
        assert_eq!(of_statement(&role, "arn:role", &of_role, &facts), []);
    }

    #[test]
    fn the_timer_function_tells_the_bus_and_the_schedulers_role() {
        let told = [
            (SCHEDULE_ROLE.to_owned(), "arn:aws-cn:iam::123456789012:role/s".to_owned()),
            (EVENT_BUS.to_owned(), "ours".to_owned()),
        ];
        let timer = LiveFunction {
            role_arn: "arn:aws-cn:iam::123456789012:role/timer".into(),
            environment: told.into(),
            ..LiveFunction::default()
        };
        let facts = Facts {
            stack: "shop".into(),
            region: "cn-north-1".into(),
            account: "123456789012".into(),
            functions: [("timer".to_owned(), timer)].into(),
            ..Facts::default()
        };
        let statement = Statement {
            sid: "TellEnds".into(),
            reason: None,
            actions: vec!["events:PutEvents".into()],
            resources: vec![Text::of(
                "arn:${Partition}:events:${Region}:${Account}:event-bus/${EventBusName}",
            )],
            conditions: vec![],
            needs_key: false,
        };
        let role = |name: &str| Role {
            name: name.into(),
            service: "lambda",
            source_arn: None,
            statements: vec![statement.clone()],
        };
        let asked = of_statement(&role("timer"), "arn:role", &statement, &facts);
        assert_eq!(asked[0].resources, ["arn:aws-cn:events:cn-north-1:123456789012:event-bus/ours"]);
        let model = Stack {
            parameters: vec![],
            tables: vec![],
            queues: vec![],
            functions: vec![],
            mappings: vec![],
            api: None,
            roles: vec![role("scheduler"), role("unknown")],
            triggers: vec![],
            uploads: vec![],
            alarms: vec![],
            dashboard: Value::Null,
            workflows: Default::default(),
        };
        let questions = questions(&model, &facts);
        let roles: Vec<_> = questions.asked.iter().map(|question| question.role_arn.as_str()).collect();
        assert_eq!(roles, ["arn:aws-cn:iam::123456789012:role/s"]);
        assert_eq!(questions.untold, 1, "nobody tells which role `unknown` is");
    }

    #[test]
    fn a_key_of_the_stack_is_asked_about_where_it_has_one() {
        let role = Role {
            name: "order".into(),
            service: "lambda",
            source_arn: None,
            statements: vec![Statement {
                sid: "Key".into(),
                reason: None,
                actions: vec!["kms:Decrypt".into()],
                resources: vec![Text::of("${KmsKeyArn}")],
                conditions: vec![],
                needs_key: true,
            }],
        };
        let key = "arn:aws:kms:eu-west-1:123456789012:key/k";
        let queue = |key: &str| LiveQueue { kms_key: Some(key.into()), ..LiveQueue::default() };
        let facts = |key| Facts { queues: [("start".to_owned(), queue(key))].into(), ..Facts::default() };
        assert_eq!(key_arn(&facts(key)), Some(key));
        assert_eq!((key_arn(&facts("alias/aws/sqs")), key_arn(&Facts::default())), (None, None));
        let asked = of_statement(&role, "arn:role", &role.statements[0], &facts(key));
        assert_eq!((asked.len(), asked[0].resources.as_slice()), (1, &[key.to_owned()][..]));
    }

    fn question() -> Question {
        Question {
            role: "order".into(),
            role_arn: "arn:aws:iam::123456789012:role/order".into(),
            actions: vec!["sqs:SendMessage".into(), "sqs:ReceiveMessage".into()],
            resources: vec!["arn:aws:sqs:eu-west-1:123456789012:shop-charge".into()],
            context: vec![],
        }
    }

    /// As `aws iam simulate-principal-policy` prints it; statements that matched are left out.
    #[test]
    fn what_iam_denies_is_found_action_by_action() {
        let queue = "arn:aws:sqs:eu-west-1:123456789012:shop-charge";
        let result = |action: &str, decision: &str| {
            json!({ "EvalActionName": action, "EvalResourceName": queue, "EvalDecision": decision,
                "MatchedStatements": [], "MissingContextValues": [] })
        };
        let answer = |results: Vec<Value>| json!({ "EvaluationResults": results, "IsTruncated": false });
        let well =
            answer(vec![result("sqs:SendMessage", "allowed"), result("sqs:ReceiveMessage", "allowed")]);
        assert_eq!(question().judge(&well), Ok(vec![]));
        let ill = answer(vec![
            result("sqs:SendMessage", "implicitDeny"),
            result("sqs:ReceiveMessage", "allowed"),
            result("sqs:DeleteMessage", "explicitDeny"),
        ]);
        let found = question().judge(&ill).unwrap();
        let what: Vec<_> = found.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            what,
            [
                "it may not sqs:SendMessage on arn:aws:sqs:eu-west-1:123456789012:shop-charge: implicitDeny",
                "it may not sqs:DeleteMessage on arn:aws:sqs:eu-west-1:123456789012:shop-charge: explicitDeny",
            ]
        );
        assert!(found.iter().all(|finding| finding.check == "permissions" && finding.subject == "order"));
    }

    #[test]
    fn one_resource_of_several_is_enough_for_a_no_and_no_answer_is_none() {
        let own = |decision: &str| json!({ "EvalResourceName": "arn:x", "EvalResourceDecision": decision });
        let answer = json!({ "EvaluationResults": [{
            "EvalActionName": "sqs:SendMessage", "EvalResourceName": "*", "EvalDecision": "allowed",
            "ResourceSpecificResults": [own("allowed"), own("implicitDeny")],
        }] });
        assert_eq!(question().judge(&answer).unwrap().len(), 1);
        for nothing in [json!({}), json!({ "EvaluationResults": [] }), Value::Null] {
            assert!(question().judge(&nothing).is_err(), "{nothing}");
        }
    }
}
