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

/// What the simulator is asked about a stack. Roles of which no live function tells the ARN are left out.
pub fn questions(model: &Stack, facts: &Facts) -> Vec<Question> {
    let mut questions = Vec::new();
    for role in &model.roles {
        let of_role = model.functions.iter().filter(|function| function.role == role.name);
        let live = of_role.filter_map(|function| facts.functions.get(&function.name)).next();
        let Some(role_arn) = live.map(|live| live.role_arn.clone()).filter(|arn| !arn.is_empty()) else {
            continue;
        };
        let statements = role.statements.iter().filter(|statement| !statement.needs_key);
        for statement in statements {
            questions.extend(of_statement(role, &role_arn, statement, facts));
        }
    }
    questions
}

fn of_statement(role: &Role, role_arn: &str, statement: &Statement, facts: &Facts) -> Vec<Question> {
    // The one role that another may hand on; the timer function is told its ARN.
    let timer = facts.functions.get("timer");
    let schedule_role = timer.and_then(|timer| timer.environment.get("STEPLADDER_SCHEDULE_ROLE_ARN"));
    let schedule_role = schedule_role.map(String::as_str);
    let place = Place {
        stack: &facts.stack,
        region: &facts.region,
        account: &facts.account,
        named: &[("EventBusName", "default"), ("scheduler", schedule_role.unwrap_or_default())],
        ..Place::default()
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

    /// What is found where the simulator says no to an action.
    pub fn denied(&self, action: &str, decision: &str) -> Finding {
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
}
