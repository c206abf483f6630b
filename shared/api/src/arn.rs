//! The ARNs that requests name state machines and executions by.

use crate::error::{ApiError, Kind};
use stepladder_protocol::{Qualifier, RunId, Settings, Tagged};

/// What an ARN of Step Functions names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Resource<'a> {
    /// The name of a state machine, with the label of a Map state, or a version or an alias.
    StateMachine {
        name: &'a str,
        label: Option<&'a str>,
        qualifier: Option<&'a str>,
    },
    Execution {
        workflow: &'a str,
        name: &'a str,
    },
    /// Of any other kind: what stands behind it.
    Other {
        kind: &'a str,
        name: &'a str,
    },
}

impl<'a> Resource<'a> {
    fn kind(&self) -> &'a str {
        match self {
            Resource::StateMachine { .. } => "stateMachine",
            Resource::Execution { .. } => "execution",
            Resource::Other { kind, .. } => kind,
        }
    }
}

/// A state machine's ARN, in AWS's form.
pub(crate) fn state_machine(settings: &Settings, workflow: &str) -> String {
    format!("arn:aws:states:{}:{}:stateMachine:{workflow}", settings.region, settings.account)
}

/// The ARN of a version.
pub(crate) fn version(settings: &Settings, workflow: &str, number: u32) -> String {
    format!("{}:{number}", state_machine(settings, workflow))
}

/// The ARN of an alias.
pub(crate) fn alias(settings: &Settings, workflow: &str, name: &str) -> String {
    format!("{}:{name}", state_machine(settings, workflow))
}

/// The workflow that a state machine's ARN names.
///
/// # Errors
///
/// As of [`qualified`]; and StateMachineDoesNotExist where it names a version or an alias.
pub(crate) fn workflow<'a>(settings: &Settings, arn: &'a str) -> Result<&'a str, ApiError> {
    match qualified(settings, arn)? {
        (name, None) => Ok(name),
        (_, Some(_)) => Err(ApiError::no_state_machine(arn)),
    }
}

/// The workflow that a state machine's ARN names, and the version or the alias, where it names one.
///
/// # Errors
///
/// InvalidArn where it is none; ValidationException where it names a Map state; StateMachineDoesNotExist where it names one
/// of another region or account, or a version of a number that no version has.
pub(crate) fn qualified<'a>(
    settings: &Settings,
    arn: &'a str,
) -> Result<(&'a str, Option<Qualifier>), ApiError> {
    let (is_here, resource) = parse(settings, arn)?;
    match resource {
        Resource::StateMachine { label: Some(_), .. } => {
            Err(ApiError::validation("This operation does not support labeled state machine ARNs")
                .with("reason", "API_DOES_NOT_SUPPORT_LABELED_ARNS"))
        }
        Resource::StateMachine { name, qualifier: None, .. } if is_here => Ok((name, None)),
        Resource::StateMachine { name, qualifier: Some(text), .. } if is_here => match qualifier(text) {
            Some(qualifier) => Ok((name, Some(qualifier))),
            None => Err(ApiError::no_state_machine(arn)),
        },
        Resource::StateMachine { .. } => Err(ApiError::no_state_machine(arn)),
        other => Err(wrong_type(other.kind())),
    }
}

/// A number names a version, and all else an alias. `None`: no version has such a number.
fn qualifier(text: &str) -> Option<Qualifier> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match is_number {
        true if text.starts_with('0') => None,
        true => text.parse().ok().map(Qualifier::Version),
        false => Some(Qualifier::Alias(text.to_owned())),
    }
}

/// What an ARN names that may have tags: a state machine or an activity.
///
/// # Errors
///
/// InvalidArn where it is none; ResourceNotFound where it names what has no tags, or is not here.
pub(crate) fn tagged<'a>(settings: &Settings, arn: &'a str) -> Result<Tagged<'a>, ApiError> {
    let (is_here, resource) = parse(settings, arn)?;
    match resource {
        Resource::StateMachine { name, label: None, qualifier: None } if is_here => {
            Ok(Tagged::Workflow(name))
        }
        Resource::Other { kind: "activity", name } if is_here => Ok(Tagged::Activity(name)),
        Resource::StateMachine { .. } | Resource::Other { kind: "activity", .. } => {
            Err(ApiError::no_resource(arn))
        }
        other => Err(wrong_type(other.kind())),
    }
}

pub(crate) fn invalid(arn: &str) -> ApiError {
    ApiError::new(Kind::InvalidArn, format!("Invalid Arn: 'Invalid ARN: {arn}'"))
}

/// The run that an execution's ARN names.
///
/// # Errors
///
/// InvalidArn where it is none; ExecutionDoesNotExist where it is one of another region or account.
pub(crate) fn execution(settings: &Settings, arn: &str) -> Result<RunId, ApiError> {
    let (is_here, resource) = parse(settings, arn)?;
    match resource {
        Resource::Execution { workflow, name } if is_here => Ok(RunId::new(workflow, name)),
        Resource::Execution { .. } => Err(ApiError::no_execution(arn)),
        other => Err(wrong_type(other.kind())),
    }
}

/// What belongs to a Map Run by the label of its state: it itself, or one of its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Labeled<'a> {
    pub(crate) workflow: &'a str,
    pub(crate) label: &'a str,
    /// Its id, or the child's name.
    pub(crate) name: &'a str,
}

/// The Map Run that an ARN names, `…:mapRun:<state machine>/<label>:<id>`; none where it is one of another region or account.
///
/// # Errors
///
/// InvalidArn where it is none.
pub(crate) fn map_run<'a>(settings: &Settings, arn: &'a str) -> Result<Option<Labeled<'a>>, ApiError> {
    let (is_here, resource) = parse(settings, arn)?;
    match resource {
        Resource::Other { kind: "mapRun", name } => {
            let is_word = |word: &str| !word.is_empty() && !word.contains(['/', ':']);
            let parts =
                name.split_once('/').and_then(|(machine, rest)| Some((machine, rest.split_once(':')?)));
            let is_it =
                parts.is_some_and(|(machine, (label, id))| [machine, label, id].into_iter().all(is_word));
            match parts.filter(|_| is_it) {
                Some((workflow, (label, name))) => Ok(is_here.then_some(Labeled { workflow, label, name })),
                None => Err(invalid(arn)),
            }
        }
        other => Err(wrong_type(other.kind())),
    }
}

/// The child of a Map Run that an execution's ARN names, `…:execution:<state machine>/<label>:<name>`; none where it names
/// anything else, or is none.
pub(crate) fn child<'a>(settings: &Settings, arn: &'a str) -> Option<Labeled<'a>> {
    match parse(settings, arn) {
        Ok((true, Resource::Execution { workflow, name })) => {
            let (workflow, label) = workflow.split_once('/')?;
            Some(Labeled { workflow, label, name })
        }
        _ => None,
    }
}

/// An activity's ARN, in AWS's form.
pub(crate) fn activity(settings: &Settings, name: &str) -> String {
    format!("arn:aws:states:{}:{}:activity:{name}", settings.region, settings.account)
}

/// The name of the activity that an ARN names; none where it is one of another region or account.
///
/// # Errors
///
/// InvalidArn where it is none.
pub(crate) fn activity_name<'a>(settings: &Settings, arn: &'a str) -> Result<Option<&'a str>, ApiError> {
    let (is_here, resource) = parse(settings, arn)?;
    match resource {
        Resource::Other { kind: "activity", name } => Ok(is_here.then_some(name)),
        other => Err(wrong_type(other.kind())),
    }
}

/// Whether a text is the ARN of a role.
pub(crate) fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, "iam", "", account, resource] => {
            partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
        }
        _ => false,
    }
}

/// Whether it belongs to this region and account, and what it names.
fn parse<'a>(settings: &Settings, arn: &'a str) -> Result<(bool, Resource<'a>), ApiError> {
    let invalid = |why: String| ApiError::new(Kind::InvalidArn, format!("Invalid Arn: '{why}'"));
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let (partition, service, region, account, kind, rest) = match parts[..] {
        ["arn", partition, service, region, account, kind, rest] => {
            (partition, service, region, account, kind, rest)
        }
        ["arn", ..] => return Err(invalid(format!("Invalid ARN: {arn}"))),
        _ => return Err(invalid(format!("Invalid ARN prefix: {arn}"))),
    };
    if !partition.starts_with("aws") {
        return Err(invalid(format!("Invalid ARN prefix: {arn}")));
    }
    if service != "states" {
        return Err(invalid(format!("Invalid service in ARN: {service}")));
    }
    let resource = match kind {
        "stateMachine" => {
            let (name, qualifier) =
                rest.split_once(':').map_or((rest, None), |(name, qualifier)| (name, Some(qualifier)));
            let (name, label) =
                name.split_once('/').map_or((name, None), |(name, label)| (name, Some(label)));
            Resource::StateMachine { name, label, qualifier }
        }
        "execution" => match rest.split_once(':') {
            Some((workflow, name)) if !workflow.is_empty() && !name.is_empty() && !name.contains(':') => {
                Resource::Execution { workflow, name }
            }
            _ => return Err(invalid(format!("Invalid ARN: {arn}"))),
        },
        kind => Resource::Other { kind, name: rest },
    };
    let is_empty =
        matches!(resource, Resource::StateMachine { name: "", .. } | Resource::Other { name: "", .. });
    if is_empty {
        return Err(invalid(format!("Invalid ARN: {arn}")));
    }
    Ok((region == settings.region && account == settings.account, resource))
}

fn wrong_type(kind: &str) -> ApiError {
    ApiError::new(Kind::InvalidArn, format!("Invalid Arn: 'Resource type not valid in this context: {kind}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "arn:aws:states:us-east-1:000000000000";

    fn settings() -> Settings {
        Settings::new("s", "us-east-1", "000000000000")
    }

    #[track_caller]
    fn check_workflow(arn: &str, expected: Result<&str, (Kind, &str)>) {
        let error = workflow(&settings(), arn).map_err(|error| (error.kind, error.message));
        assert_eq!(error.as_ref().map_err(|(kind, message)| (*kind, message.as_str())).copied(), expected);
    }

    #[test]
    fn a_state_machine_is_found_by_its_arn_or_refused_with_the_reason() {
        check_workflow(&format!("{HERE}:stateMachine:order.v2"), Ok("order.v2"));
        check_workflow("x", Err((Kind::InvalidArn, "Invalid Arn: 'Invalid ARN prefix: x'")));
        check_workflow("arn:aws", Err((Kind::InvalidArn, "Invalid Arn: 'Invalid ARN: arn:aws'")));
        check_workflow(
            "arn:aws:sqs:us-east-1:000000000000:queue:q",
            Err((Kind::InvalidArn, "Invalid Arn: 'Invalid service in ARN: sqs'")),
        );
        check_workflow(
            &format!("{HERE}:execution:order:1"),
            Err((Kind::InvalidArn, "Invalid Arn: 'Resource type not valid in this context: execution'")),
        );
        check_workflow(
            "arn:aws:states:eu-west-1:000000000000:stateMachine:w",
            Err((
                Kind::StateMachineDoesNotExist,
                "State Machine Does Not Exist: 'arn:aws:states:eu-west-1:000000000000:stateMachine:w'",
            )),
        );
        let versioned = format!("{HERE}:stateMachine:w:1");
        let none = format!("State Machine Does Not Exist: '{versioned}'");
        check_workflow(&versioned, Err((Kind::StateMachineDoesNotExist, none.as_str())));
        let labeled = workflow(&settings(), "arn:aws:states:us-east-1:000000000000:stateMachine:w/label");
        assert_eq!(labeled.unwrap_err().more, [("reason", "API_DOES_NOT_SUPPORT_LABELED_ARNS".to_owned())]);
        let empty = workflow(&settings(), "arn:aws:states:us-east-1:000000000000:stateMachine:");
        assert_eq!(empty.unwrap_err().kind, Kind::InvalidArn);
    }

    #[test]
    fn a_number_behind_a_name_is_a_version_and_all_else_an_alias() {
        let arn = |qualifier: &str| format!("{HERE}:stateMachine:w:{qualifier}");
        let named = |text: &str| qualified(&settings(), &arn(text)).map(|(_, qualifier)| qualifier);
        assert_eq!(named("3"), Ok(Some(Qualifier::Version(3))));
        assert_eq!(arn("3"), version(&settings(), "w", 3));
        for text in ["PROD", "3a", "-3", ""] {
            assert_eq!(named(text), Ok(Some(Qualifier::Alias(text.to_owned()))));
            assert_eq!(arn(text), alias(&settings(), "w", text));
        }
        for text in ["0", "03", "4294967296"] {
            assert_eq!(named(text), Err(ApiError::no_state_machine(&arn(text))));
        }
        assert_eq!(qualified(&settings(), &format!("{HERE}:stateMachine:w")), Ok(("w", None)));
    }

    #[test]
    fn state_machines_and_activities_have_tags_and_nothing_else() {
        assert_eq!(tagged(&settings(), &format!("{HERE}:stateMachine:w")), Ok(Tagged::Workflow("w")));
        assert_eq!(tagged(&settings(), &format!("{HERE}:activity:a")), Ok(Tagged::Activity("a")));
        let elsewhere = "arn:aws:states:eu-west-1:000000000000:activity:a";
        assert_eq!(tagged(&settings(), elsewhere), Err(ApiError::no_resource(elsewhere)));
        for (resource, kind) in [
            ("stateMachine:w:1", Kind::ResourceNotFound),
            ("stateMachine:w/label", Kind::ResourceNotFound),
            ("activity:", Kind::InvalidArn),
            ("execution:w:1", Kind::InvalidArn),
            ("mapRun:w", Kind::InvalidArn),
        ] {
            assert_eq!(
                tagged(&settings(), &format!("{HERE}:{resource}")).unwrap_err().kind,
                kind,
                "{resource}"
            );
        }
    }

    #[test]
    fn an_execution_is_found_by_its_arn() {
        let run = execution(&settings(), &format!("{HERE}:execution:order:17"));
        assert_eq!(run.unwrap(), RunId::new("order", "17"));
        for (arn, kind) in [
            (format!("{HERE}:execution:order"), Kind::InvalidArn),
            (format!("{HERE}:execution:order:"), Kind::InvalidArn),
            (format!("{HERE}:express:order:17:1"), Kind::InvalidArn),
            (format!("{HERE}:stateMachine:order"), Kind::InvalidArn),
            (
                "arn:aws:states:us-east-1:111111111111:execution:order:17".to_owned(),
                Kind::ExecutionDoesNotExist,
            ),
        ] {
            assert_eq!(execution(&settings(), &arn).unwrap_err().kind, kind, "{arn}");
        }
    }

    #[test]
    fn a_role_is_told_from_what_is_none() {
        assert!(is_role("arn:aws:iam::012345678901:role/service-role/x"));
        for arn in [
            "",
            "role",
            "arn:aws:iam::1:role/x",
            "arn:aws:iam::012345678901:user/x",
            "arn:aws:iam::012345678901:role/",
        ] {
            assert!(!is_role(arn), "{arn}");
        }
    }
}
