//! What a Task state calls.

use serde_json::Value;

/// The `Resource` of a Task state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A function named by its own ARN; it gets the effective input, and its answer is the result.
    Lambda {
        /// The short name, without version or alias.
        function: String,
        arn: String,
    },
    /// `arn:aws:states:::lambda:invoke`: the result is the response of Invoke, with the answer in `Payload`.
    LambdaInvoke {
        /// The short name in the constant `FunctionName` of `Parameters`; none where it is taken from the data.
        function: Option<String>,
        arn: String,
    },
    /// Every other integration, with `.sync` and `.waitForTaskToken`, activities, and a placeholder `${Name}` that a
    /// deployment has yet to replace.
    Other { arn: String },
}

impl Resource {
    pub fn arn(&self) -> &str {
        match self {
            Resource::Lambda { arn, .. } | Resource::LambdaInvoke { arn, .. } | Resource::Other { arn } => {
                arn
            }
        }
    }

    /// The name of the Lambda function it calls, where the definition says it.
    pub fn function(&self) -> Option<&str> {
        match self {
            Resource::Lambda { function, .. } => Some(function),
            Resource::LambdaInvoke { function, .. } => function.as_deref(),
            Resource::Other { .. } => None,
        }
    }

    /// Reads an ARN; `parameters` are the state's, as written. The error says what is wrong with the ARN.
    pub fn parse(arn: &str, parameters: Option<&Value>) -> Result<Resource, String> {
        if is_placeholder(arn) {
            return Ok(Resource::Other { arn: arn.to_string() });
        }
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts.as_slice() else {
            return Err(format!("`{arn}` is no ARN"));
        };
        if partition.is_empty() || service.is_empty() || resource.is_empty() {
            return Err(format!("`{arn}` is no ARN"));
        }
        match (*service, *region, *account) {
            ("lambda", ..) => {
                let qualified = resource.strip_prefix("function:").ok_or_else(|| {
                    "the ARN of a function reads arn:aws:lambda:<region>:<account>:function:<name>"
                        .to_string()
                })?;
                let function = short_name(qualified).ok_or_else(|| {
                    format!("`{qualified}` is no name of a function, nor one with a version or alias")
                })?;
                Ok(Resource::Lambda { function: function.to_string(), arn: arn.to_string() })
            }
            ("states", "", "") => integration(arn, resource, parameters),
            _ => Ok(Resource::Other { arn: arn.to_string() }),
        }
    }
}

/// `${Name}`, as CloudFormation's DefinitionSubstitutions has it.
fn is_placeholder(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && !name.contains(['$', '{', '}']))
}

fn integration(arn: &str, resource: &str, parameters: Option<&Value>) -> Result<Resource, String> {
    if resource == "lambda:invoke" {
        let name = parameters.and_then(|parameters| parameters.get("FunctionName")).and_then(Value::as_str);
        return Ok(Resource::LambdaInvoke {
            function: name.and_then(function_name).map(str::to_string),
            arn: arn.to_string(),
        });
    }
    let (service, action) = resource.split_once(':').ok_or_else(|| {
        format!("`{arn}` names no action: an integration reads arn:aws:states:::<service>:<action>")
    })?;
    let base = action.split('.').next().unwrap_or(action);
    match actions(service) {
        Some(known) if !known.contains(&base) => Err(format!(
            "`{service}:{base}` is no integration of Step Functions; `{service}` has {}",
            known.join(", ")
        )),
        _ => Ok(Resource::Other { arn: arn.to_string() }),
    }
}

/// The actions of the optimised integrations whose list is short and settled; `None` for every other service.
///
/// Source: <https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html>.
fn actions(service: &str) -> Option<&'static [&'static str]> {
    Some(match service {
        "apigateway" | "http" | "lambda" => &["invoke"],
        "batch" => &["submitJob"],
        "dynamodb" => &["getItem", "putItem", "updateItem", "deleteItem"],
        "ecs" => &["runTask"],
        "events" => &["putEvents"],
        "mediaconvert" => &["createJob"],
        "sns" => &["publish"],
        "sqs" => &["sendMessage"],
        "states" => &["startExecution"],
        _ => return None,
    })
}

/// The short name in a `FunctionName`: a name, a partial ARN or an ARN, each with or without a version or alias.
fn function_name(text: &str) -> Option<&str> {
    match text.split_once("function:") {
        Some((_, qualified)) => short_name(qualified),
        None => short_name(text),
    }
}

/// `name` or `name:alias`, without the alias.
fn short_name(qualified: &str) -> Option<&str> {
    let (name, alias) = match qualified.split_once(':') {
        Some((name, alias)) => (name, Some(alias)),
        None => (qualified, None),
    };
    let is_word = |text: &str| {
        !text.is_empty()
            && text.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '_')
    };
    let alias_fits = alias.is_none_or(|alias| alias == "$LATEST" || is_word(alias));
    (is_word(name) && alias_fits).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(arn: &str, parameters: Value, expected: Option<&str>) {
        let resource = Resource::parse(arn, Some(&parameters)).unwrap();
        assert_eq!((resource.arn(), resource.function()), (arn, expected));
    }

    #[test]
    fn a_function_is_known_by_its_short_name() {
        check(
            "arn:aws:lambda:eu-west-1:123456789012:function:charge-payment",
            json!({}),
            Some("charge-payment"),
        );
        check("arn:aws:lambda:eu-west-1:123456789012:function:charge:$LATEST", json!({}), Some("charge"));
        check("arn:aws:lambda:::function:charge_2:live", json!({}), Some("charge_2"));
    }

    #[test]
    fn lambda_invoke_takes_the_name_from_its_parameters() {
        let arn = "arn:aws:states:::lambda:invoke";
        check(arn, json!({"FunctionName": "charge"}), Some("charge"));
        check(arn, json!({"FunctionName": "charge:live"}), Some("charge"));
        check(arn, json!({"FunctionName": "123456789012:function:charge"}), Some("charge"));
        check(
            arn,
            json!({"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:charge:7"}),
            Some("charge"),
        );
        check(arn, json!({"FunctionName.$": "$.name"}), None);
        check("arn:aws:states:::lambda:invoke.waitForTaskToken", json!({"FunctionName": "charge"}), None);
    }

    #[test]
    fn other_integrations_are_kept_as_they_are() {
        for arn in [
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "arn:aws:states:::states:startExecution.sync:2",
            "arn:aws:states:::aws-sdk:s3:listBuckets",
            "arn:aws:states:eu-west-1:123456789012:activity:pack",
            "arn:aws:swf:us-east-1:123456789012:task:X",
            "${ChargePaymentArn}",
        ] {
            assert_eq!(Resource::parse(arn, None), Ok(Resource::Other { arn: arn.into() }));
        }
    }

    #[test]
    fn what_is_no_resource_is_refused() {
        for arn in [
            "",
            "foo:bar",
            "${lambdaArn",
            "arn:aws:lambda:region-1:1234567890:function:NAME:",
            "arn:aws:lambda:region-1:1234567890:function:NAME:$*#$7485",
            "arn:aws:lambda:region-1:1234567890:layer:x",
            "arn:aws:states:::dynamodb:query",
            "arn:aws:states:::dynamodb",
        ] {
            assert!(Resource::parse(arn, None).is_err(), "{arn}");
        }
    }
}
