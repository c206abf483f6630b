//! What a Task state calls, and whether the workflow may.

use super::{Parser, fields::Fields};
use crate::{
    definition::WorkflowType,
    fault::FaultCode,
    resource::{Pattern, Resource, Service},
};

impl Parser<'_> {
    pub(super) fn check_integration(&mut self, fields: &Fields, resource: &Resource) {
        let span = fields.span_of("Resource");
        match resource {
            Resource::Service(service) => {
                if !has_pattern(service) {
                    let message = format!(
                        "`{}:{}` cannot be called with `{}`",
                        service.service,
                        service.action,
                        service.pattern.suffix()
                    );
                    self.fault(FaultCode::InvalidResource, span.clone(), message);
                }
                if service.pattern.waits() && self.workflow_type == WorkflowType::Express {
                    let message =
                        format!("an EXPRESS workflow cannot wait for `{}`", service.pattern.suffix());
                    // The space at the end is AWS's.
                    let aws_message = match service.pattern {
                        Pattern::WaitForTaskToken => {
                            "Express state machine does not support '.waitForTaskToken' service integration "
                        }
                        _ => "Express state machine does not support '.sync' service integration",
                    };
                    self.fault_as_aws(FaultCode::NotInExpress, span.clone(), message, aws_message);
                }
                if !service.is_run() {
                    let message = format!("this version cannot call `{}` yet", service.arn);
                    self.fault(FaultCode::NotYetRun, span, message);
                }
            }
            Resource::Activity { .. } => {
                if self.workflow_type == WorkflowType::Express {
                    let message = "an EXPRESS workflow has no activities";
                    let aws_message = "Express state machine does not support Activity ARN";
                    self.fault_as_aws(FaultCode::NotInExpress, span.clone(), message, aws_message);
                }
            }
            Resource::Other { arn } if !resource.has_placeholder() => {
                self.fault(FaultCode::NotYetRun, span, format!("this version cannot call `{arn}` yet"));
            }
            Resource::Lambda { .. } | Resource::Other { .. } => {}
        }
    }
}

/// Whether AWS offers the pattern for this call
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html>). Of a service that isn't listed here
/// nothing is said.
fn has_pattern(service: &Service) -> bool {
    let (request, sync, sync_2, token) =
        (Pattern::RequestResponse, Pattern::Sync, Pattern::Sync2, Pattern::WaitForTaskToken);
    let patterns: &[Pattern] = match (service.service.as_str(), service.action.as_str()) {
        ("lambda", "invoke") | ("sqs", _) | ("sns", _) | ("events", _) | ("apigateway", _) => {
            &[request, token]
        }
        ("dynamodb" | "http", _) => &[request],
        ("states", _) => &[request, sync, sync_2, token],
        ("ecs", _) => &[request, sync, token],
        ("batch", _) => &[request, sync],
        (sdk, _) if sdk.starts_with("aws-sdk:") => &[request, token],
        _ => &[request, sync, token],
    };
    patterns.contains(&service.pattern)
}
