//! What a Task state calls.

use crate::target::{self, Target};
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
    /// `arn:aws:states:::<service>:<action>`, optimised or of an AWS SDK.
    Service(Service),
    /// `arn:aws:states:<region>:<account>:activity:<name>`: a worker asks for it.
    Activity { arn: String },
    /// A placeholder `${Name}` that a deployment has yet to replace, and what is left.
    Other { arn: String },
}

/// An integration with a service
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub arn: String,
    /// `lambda`, `states`, `http`, `aws-sdk:dynamodb`: the history's `resourceType`.
    pub service: String,
    /// `invoke`, `getItem`: without the pattern.
    pub action: String,
    pub pattern: Pattern,
    /// Of `lambda:invoke`, the short name in the constant `FunctionName` of its parameters; none where it is taken from
    /// the data.
    pub function: Option<String>,
    /// What of the service is called, as the definition says it.
    pub targets: Vec<Target>,
}

/// When a service's call is over
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// With its response.
    RequestResponse,
    /// `.sync`: with the end of the job that it starts.
    Sync,
    /// `.sync:2`: the same, with the output as JSON.
    Sync2,
    /// `.waitForTaskToken`: with the answer of whoever has the token.
    WaitForTaskToken,
}

impl Resource {
    pub fn arn(&self) -> &str {
        match self {
            Resource::Lambda { arn, .. } | Resource::Activity { arn } | Resource::Other { arn } => arn,
            Resource::Service(service) => &service.arn,
        }
    }

    /// The name of the Lambda function that answers, where the definition says it.
    pub fn function(&self) -> Option<&str> {
        match self {
            Resource::Lambda { function, .. } => Some(function),
            Resource::Service(service) => service.function.as_deref(),
            Resource::Activity { .. } | Resource::Other { .. } => None,
        }
    }

    /// Whether it is `lambda:invoke`, whose result is the response of Invoke with the answer in `Payload`.
    pub fn is_lambda_invoke(&self) -> bool {
        matches!(self, Resource::Service(service) if service.is_lambda_invoke())
    }

    /// Whether somebody else than the resource gives the answer: whoever has the token, a worker, what was begun.
    pub fn waits(&self) -> bool {
        match self {
            Resource::Activity { .. } => true,
            Resource::Service(service) => service.pattern.waits(),
            Resource::Lambda { .. } | Resource::Other { .. } => false,
        }
    }

    /// Whether there is a token by which somebody else answers.
    pub fn has_token(&self) -> bool {
        self.waits_for_token() || matches!(self, Resource::Activity { .. })
    }

    /// Whether somebody else than the resource answers, and needs the task's token for it.
    pub fn waits_for_token(&self) -> bool {
        matches!(self, Resource::Service(service) if service.pattern == Pattern::WaitForTaskToken)
    }

    /// Whether a state that calls it can be run here: a function, an activity, or one of some services.
    pub fn is_run(&self) -> bool {
        match self {
            Resource::Lambda { .. } | Resource::Activity { .. } => true,
            Resource::Service(service) => service.is_run(),
            Resource::Other { .. } => false,
        }
    }

    /// Whether a deployment has yet to say what it is: `${Name}`.
    pub fn has_placeholder(&self) -> bool {
        self.arn().split_once("${").is_some_and(|(_, rest)| rest.contains('}'))
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
                // A deployment has yet to say which function it is.
                if qualified.split_once("${").is_some_and(|(_, rest)| rest.contains('}')) {
                    return Ok(Resource::Other { arn: arn.to_string() });
                }
                let function = short_name(qualified).ok_or_else(|| {
                    format!("`{qualified}` is no name of a function, nor one with a version or alias")
                })?;
                Ok(Resource::Lambda { function: function.to_string(), arn: arn.to_string() })
            }
            ("states", "", "") => integration(arn, resource, parameters).map(Resource::Service),
            ("states", ..) if resource.starts_with("activity:") => {
                Ok(Resource::Activity { arn: arn.to_string() })
            }
            _ => Ok(Resource::Other { arn: arn.to_string() }),
        }
    }
}

/// `${Name}`, as CloudFormation's DefinitionSubstitutions has it.
fn is_placeholder(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && !name.contains(['$', '{', '}']))
}

impl Service {
    /// `lambda:invoke`, request and response: the function's answer is the call's.
    pub fn is_lambda_invoke(&self) -> bool {
        self.is("lambda", "invoke") && self.pattern == Pattern::RequestResponse
    }

    pub fn is(&self, service: &str, action: &str) -> bool {
        self.service == service && self.action == action
    }

    /// Whether it can be run here.
    pub fn is_run(&self) -> bool {
        matches!(
            (self.service.as_str(), self.action.as_str()),
            ("lambda", "invoke")
                | ("sqs", "sendMessage")
                | ("sns", "publish")
                | ("events", "putEvents")
                | ("dynamodb", "getItem" | "putItem" | "updateItem" | "deleteItem")
                | ("states", "startExecution")
        )
    }

    /// The action with its pattern: the history's `resource`.
    pub fn resource(&self) -> String {
        format!("{}{}", self.action, self.pattern.suffix())
    }
}

impl Pattern {
    const ALL: [Pattern; 4] =
        [Pattern::Sync2, Pattern::Sync, Pattern::WaitForTaskToken, Pattern::RequestResponse];

    /// As an ARN ends with it; empty for request and response.
    pub fn suffix(self) -> &'static str {
        match self {
            Pattern::RequestResponse => "",
            Pattern::Sync => ".sync",
            Pattern::Sync2 => ".sync:2",
            Pattern::WaitForTaskToken => ".waitForTaskToken",
        }
    }

    /// Whether the call's response is only the beginning.
    pub fn waits(self) -> bool {
        self != Pattern::RequestResponse
    }
}

fn integration(arn: &str, resource: &str, parameters: Option<&Value>) -> Result<Service, String> {
    let (call, pattern) = Pattern::ALL
        .into_iter()
        .find_map(|pattern| Some((resource.strip_suffix(pattern.suffix())?, pattern)))
        .unwrap_or((resource, Pattern::RequestResponse));
    let (service, action) = call.rsplit_once(':').ok_or_else(|| {
        format!("`{arn}` names no action: an integration reads arn:aws:states:::<service>:<action>")
    })?;
    let base = action.split('.').next().unwrap_or(action);
    if let Some(known) = actions(service).filter(|known| !known.contains(&base)) {
        return Err(format!(
            "`{service}:{base}` is no integration of Step Functions; `{service}` has {}",
            known.join(", ")
        ));
    }
    if let Some((_, suffix)) = action.split_once('.') {
        return Err(format!(
            "`.{suffix}` is no integration pattern: there are `.sync`, `.sync:2` and `.waitForTaskToken`"
        ));
    }
    let name = parameters.and_then(|parameters| parameters.get("FunctionName")).and_then(Value::as_str);
    Ok(Service {
        arn: arn.to_string(),
        service: service.to_string(),
        action: action.to_string(),
        pattern,
        function: name.filter(|_| call == "lambda:invoke").and_then(function_name).map(str::to_string),
        targets: target::targets(service, parameters),
    })
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
        let waiting = "arn:aws:states:::lambda:invoke.waitForTaskToken";
        check(waiting, json!({"FunctionName": "charge"}), Some("charge"));
    }

    #[track_caller]
    fn service(arn: &str, service: &str, action: &str, pattern: Pattern) {
        let Resource::Service(found) = Resource::parse(arn, None).unwrap() else { panic!("{arn}") };
        assert_eq!(
            (found.service.as_str(), found.action.as_str(), found.pattern),
            (service, action, pattern)
        );
        assert!(arn.ends_with(&found.resource()), "{arn}");
    }

    #[test]
    fn an_integration_is_known_by_service_action_and_pattern() {
        service("arn:aws:states:::lambda:invoke", "lambda", "invoke", Pattern::RequestResponse);
        service(
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "sqs",
            "sendMessage",
            Pattern::WaitForTaskToken,
        );
        service("arn:aws:states:::states:startExecution.sync", "states", "startExecution", Pattern::Sync);
        service("arn:aws:states:::states:startExecution.sync:2", "states", "startExecution", Pattern::Sync2);
        service(
            "arn:aws:states:::aws-sdk:s3:listBuckets",
            "aws-sdk:s3",
            "listBuckets",
            Pattern::RequestResponse,
        );
    }

    #[test]
    fn some_services_are_run_and_others_are_not() {
        let is_run = |arn: &str| Resource::parse(arn, None).unwrap().is_run();
        for arn in [
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "arn:aws:states:::sqs:sendMessage",
            "arn:aws:states:::sns:publish.waitForTaskToken",
            "arn:aws:states:::events:putEvents",
            "arn:aws:states:::dynamodb:updateItem",
            "arn:aws:states:::states:startExecution.sync:2",
            "arn:aws:states:eu-west-1:123456789012:activity:pack",
        ] {
            assert!(is_run(arn), "{arn}");
        }
        for arn in [
            "arn:aws:states:::aws-sdk:dynamodb:getItem",
            "arn:aws:states:::aws-sdk:sfn:startExecution",
            "arn:aws:states:::http:invoke",
            "arn:aws:states:::ecs:runTask.sync",
            "arn:aws:states:::glue:startJobRun",
            "arn:aws:swf:us-east-1:123456789012:task:X",
            "${ChargePaymentArn}",
        ] {
            assert!(!is_run(arn), "{arn}");
        }
    }

    #[test]
    fn activities_and_what_is_not_known_are_kept_as_they_are() {
        let arn = "arn:aws:states:eu-west-1:123456789012:activity:pack";
        assert_eq!(Resource::parse(arn, None), Ok(Resource::Activity { arn: arn.into() }));
        for arn in [
            "arn:aws:swf:us-east-1:123456789012:task:X",
            "${ChargePaymentArn}",
            "arn:aws:lambda:::function:${ChargePayment}",
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
            "arn:aws:states:::sqs:sendMessage.sinc",
        ] {
            assert!(Resource::parse(arn, None).is_err(), "{arn}");
        }
    }
}
