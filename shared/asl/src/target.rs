//! What of a service a state calls: which queue, which table.

use serde_json::{Map, Value};

/// One thing that a call is for, as far as the definition tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A function, a queue's URL, a topic, a bus or a table, as written.
    Named(String),
    /// It is taken from the data, or a deployment has yet to say it.
    Computed,
}

/// The targets of a call with these parameters, as written. Of a service that isn't run here there are none.
pub(crate) fn targets(service: &str, parameters: Option<&Value>) -> Vec<Target> {
    let member = match service {
        "lambda" => "FunctionName",
        "sqs" => "QueueUrl",
        "dynamodb" => "TableName",
        "sns" | "events" => "",
        _ => return Vec::new(),
    };
    // Without parameters the state's input is taken.
    let Some(parameters) = parameters.and_then(Value::as_object) else { return vec![Target::Computed] };
    match service {
        "sns" => {
            let named = ["TopicArn", "TargetArn"].into_iter().find_map(|name| target(parameters, name));
            // A telephone's number is nothing that a permission could name.
            vec![named.unwrap_or(Target::Computed)]
        }
        "events" => buses(parameters),
        _ => vec![target(parameters, member).unwrap_or(Target::Computed)],
    }
}

fn buses(parameters: &Map<String, Value>) -> Vec<Target> {
    let Some(entries) = parameters.get("Entries").and_then(Value::as_array) else {
        return vec![Target::Computed];
    };
    let bus = |entry: &Value| match entry.as_object() {
        Some(entry) => target(entry, "EventBusName").unwrap_or_else(|| Target::Named("default".into())),
        None => Target::Computed,
    };
    let mut buses: Vec<Target> = entries.iter().map(bus).collect();
    buses.sort();
    buses.dedup();
    buses
}

fn target(parameters: &Map<String, Value>, name: &str) -> Option<Target> {
    if parameters.contains_key(&format!("{name}.$")) {
        return Some(Target::Computed);
    }
    Some(match parameters.get(name)? {
        Value::String(text) if !text.starts_with("{%") && !text.contains("${") => Target::Named(text.clone()),
        _ => Target::Computed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(service: &str, parameters: Value, expected: &[Option<&str>]) {
        let found = targets(service, Some(&parameters));
        let found: Vec<Option<&str>> = found
            .iter()
            .map(|target| match target {
                Target::Named(name) => Some(name.as_str()),
                Target::Computed => None,
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn constants_are_targets_and_the_rest_is_computed() {
        check("sqs", json!({"QueueUrl": "https://q"}), &[Some("https://q")]);
        check("sqs", json!({"QueueUrl.$": "$.q"}), &[None]);
        check("sqs", json!({"QueueUrl": "{% $states.input.q %}"}), &[None]);
        check("sqs", json!({"QueueUrl": "${QueueUrl}"}), &[None]);
        check("sqs", json!("{% $states.input %}"), &[None]);
        check("lambda", json!({"FunctionName": "f"}), &[Some("f")]);
        check("dynamodb", json!({"TableName": "t"}), &[Some("t")]);
        check("dynamodb", json!({}), &[None]);
        check("sns", json!({"TargetArn": "arn:t"}), &[Some("arn:t")]);
        check("sns", json!({"PhoneNumber": "+49"}), &[None]);
        check("glue", json!({"JobName": "j"}), &[]);
        assert_eq!(targets("sqs", None), [Target::Computed]);
    }

    #[test]
    fn each_entry_has_a_bus() {
        let entries =
            json!({"Entries": [{"EventBusName": "b"}, {}, {"EventBusName": "b"}, {"EventBusName.$": "$.x"}]});
        check("events", entries, &[Some("b"), Some("default"), None]);
        check("events", json!({"Entries.$": "$.entries"}), &[None]);
        check("events", json!({"Entries": ["{% $x %}"]}), &[None]);
    }
}
