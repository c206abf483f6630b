//! The services, and their names: AWS has several for each.

use crate::environment::Endpoints;

/// A service that a state may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Lambda,
    Sqs,
    Sns,
    Events,
    DynamoDb,
}

impl Service {
    /// As the ARN of an integration has it.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "lambda" => Self::Lambda,
            "sqs" => Self::Sqs,
            "sns" => Self::Sns,
            "events" => Self::Events,
            "dynamodb" => Self::DynamoDb,
            _ => return None,
        })
    }

    /// What the names of its errors start with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Lambda => "Lambda",
            Self::Sqs => "SQS",
            Self::Sns => "SNS",
            Self::Events => "EventBridge",
            Self::DynamoDb => "DynamoDB",
        }
    }

    /// As the causes of its errors name it.
    pub(super) fn in_causes(self) -> &'static str {
        match self {
            Self::Lambda => "AWSLambda",
            Self::Sqs => "AmazonSQS",
            Self::Sns => "AmazonSNS",
            Self::Events => "AmazonEventBridge",
            Self::DynamoDb => "AmazonDynamoDBv2",
        }
    }

    /// The error that stands for all that its API doesn't list.
    pub(super) fn any_exception(self) -> &'static str {
        match self {
            Self::Lambda => "AWSLambdaException",
            Self::Sqs => "AmazonSQSException",
            Self::Sns => "AmazonSNSException",
            Self::Events => "AmazonEventBridgeException",
            Self::DynamoDb => "AmazonDynamoDBException",
        }
    }

    /// In its host's name, and in signatures.
    pub(super) fn host(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::Events => "events",
            Self::DynamoDb => "dynamodb",
        }
    }

    /// Without a slash at its end.
    pub(super) fn endpoint(self, endpoints: &Endpoints, region: &str) -> String {
        let own = match self {
            Self::Lambda => &endpoints.lambda,
            Self::Sqs => &endpoints.sqs,
            Self::Sns => &endpoints.sns,
            Self::Events => &endpoints.eventbridge,
            Self::DynamoDb => &endpoints.dynamodb,
        };
        match own.as_ref().or(endpoints.all.as_ref()) {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{}.{region}.{}", self.host(), dns_suffix(region)),
        }
    }
}

/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
fn dns_suffix(region: &str) -> &'static str {
    match region {
        china if china.starts_with("cn-") => "amazonaws.com.cn",
        secret if secret.starts_with("us-iso-") => "c2s.ic.gov",
        secret if secret.starts_with("us-isob-") => "sc2s.sgov.gov",
        europe if europe.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_where_the_variables_say_or_at_aws() {
        let endpoints = Endpoints { sns: Some("http://127.0.0.1:9911/".into()), ..Endpoints::default() };
        assert_eq!(Service::Sns.endpoint(&endpoints, "eu-west-1"), "http://127.0.0.1:9911");
        assert_eq!(Service::Sqs.endpoint(&endpoints, "eu-west-1"), "https://sqs.eu-west-1.amazonaws.com");
        assert_eq!(
            Service::DynamoDb.endpoint(&endpoints, "cn-north-1"),
            "https://dynamodb.cn-north-1.amazonaws.com.cn"
        );
        let all = Endpoints { all: Some("http://localhost:4566".into()), ..endpoints };
        assert_eq!(Service::Lambda.endpoint(&all, "eu-west-1"), "http://localhost:4566");
        assert_eq!(Service::Sns.endpoint(&all, "eu-west-1"), "http://127.0.0.1:9911");
    }
}
