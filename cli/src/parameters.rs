//! The template's parameters: those that a deployment is given, and the one that follows from others.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
};
use std::collections::BTreeMap;
use stepladder_infra::{Parameter, limits};

/// Values by name.
pub type Parameters = BTreeMap<String, String>;

/// After how many days a payload is deleted.
pub const PAYLOAD_DAYS: &str = "PayloadDays";
/// For how many days a run's items are kept where its workflow says nothing.
const RETENTION_DAYS: &str = "RetentionDays";

/// A value of [`PAYLOAD_DAYS`] that a deployment sets without being told: a stack keeps the one that it was made with, and the
/// default of a template is read for a new stack alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    pub from: u32,
    pub to: u32,
}

/// One of the command line, `NAME=VALUE`.
pub fn parse(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Ok(text.to_owned())
        }
        _ => Err("NAME=VALUE is expected, like PointInTimeRecovery=false".to_owned()),
    }
}

/// The parameters that are given: those of the command line go before those of `stepladder.toml`.
pub fn given(of_command: &[String], of_env: &Parameters) -> Parameters {
    let mut all = of_env.clone();
    let pairs = of_command.iter().filter_map(|pair| pair.split_once('='));
    all.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    all
}

/// The least that [`PAYLOAD_DAYS`] may be, where runs are kept for so many days unless a workflow says otherwise.
pub fn payload_days_least(retention_days: u32, of_workflows: impl IntoIterator<Item = u32>) -> u32 {
    of_workflows.into_iter().fold(retention_days, u32::max).saturating_add(limits::PAYLOAD_DAYS_BEYOND)
}

/// What [`PAYLOAD_DAYS`] has to become, if anything; an error if it is given and too low. What counts is what is given, else what
/// is `deployed`, else the template's own.
pub fn raised(
    given: &Parameters,
    deployed: &Parameters,
    of_template: &[Parameter],
    of_workflows: impl IntoIterator<Item = u32>,
) -> Outcome<Option<Raised>> {
    let days = |name: &str| {
        let default = of_template.iter().find(|parameter| parameter.name == name);
        let value = given.get(name).or_else(|| deployed.get(name));
        value.or(default.map(|parameter| &parameter.default))?.parse::<u32>().ok()
    };
    // What is no number is CloudFormation's to refuse.
    let (Some(retention), Some(from)) = (days(RETENTION_DAYS), days(PAYLOAD_DAYS)) else {
        return Ok(None);
    };
    let to = payload_days_least(retention, of_workflows);
    if from >= to {
        return Ok(None);
    }
    if !given.contains_key(PAYLOAD_DAYS) {
        return Ok(Some(Raised { from, to }));
    }
    let message = format!("{PAYLOAD_DAYS} is given as {from}, and payloads have to be kept for {to} days");
    Err(Failure::new(Exit::Usage, Code::InvalidOption, message)
        .detail(format!(
            "runs are kept for {} days at the longest, and a run may go for a year before: its items are renewed meanwhile, its payloads are not",
            to.saturating_sub(limits::PAYLOAD_DAYS_BEYOND)
        ))
        .hint(format!(
            "give {to} or more, by --parameter or in stepladder.toml; or none, and it is raised by itself"
        )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepladder_infra::ParameterKind;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// What comes of parameters that are given and deployed, where workflows keep their runs for so long.
    fn check(
        given: &[(&str, &str)],
        deployed: &[(&str, &str)],
        of_workflows: &[u32],
    ) -> Outcome<Option<Raised>> {
        let parameter = |name, default: &str| Parameter {
            name,
            kind: ParameterKind::Number(1, 10_000),
            default: default.to_owned(),
            description: "",
        };
        let least = payload_days_least(30, of_workflows.iter().copied()).to_string();
        let of_template = [parameter(RETENTION_DAYS, "30"), parameter(PAYLOAD_DAYS, &least)];
        raised(&parameters(given), &parameters(deployed), &of_template, of_workflows.iter().copied())
    }

    #[test]
    fn a_parameter_has_a_name_and_a_value() {
        assert!(parse("KmsKeyArn=").is_ok() && parse("A=b=c").is_ok());
        assert!(parse("KmsKeyArn").is_err() && parse("=x").is_err() && parse("a b=c").is_err());
    }

    #[test]
    fn a_parameter_that_is_given_goes_before_the_environments() {
        let of_env = parameters(&[("A", "1"), ("B", "2")]);
        assert_eq!(given(&["B=3=4".to_owned()], &of_env), parameters(&[("A", "1"), ("B", "3=4")]));
    }

    #[test]
    fn payloads_follow_a_retention_that_grows_in_a_stack_that_is_there() {
        let deployed = [("RetentionDays", "30"), ("PayloadDays", "400")];
        assert_eq!(check(&[], &deployed, &[7]), Ok(None));
        assert_eq!(check(&[], &deployed, &[7, 3_650]), Ok(Some(Raised { from: 400, to: 4_020 })));
        // Never lowered by itself: objects that are there count by it.
        let long = [("RetentionDays", "30"), ("PayloadDays", "4020")];
        assert_eq!(check(&[], &long, &[7]), Ok(None));
        // The stack's own retention counts, as it is deployed and as it is given.
        let kept = [("RetentionDays", "90"), ("PayloadDays", "400")];
        assert_eq!(check(&[], &kept, &[]), Ok(Some(Raised { from: 400, to: 460 })));
        let given = [("RetentionDays", "60")];
        assert_eq!(check(&given, &kept, &[]), Ok(Some(Raised { from: 400, to: 430 })));
    }

    #[test]
    fn a_new_stack_has_what_its_template_says_unless_it_is_to_keep_runs_longer() {
        assert_eq!(check(&[], &[], &[3_650]), Ok(None));
        assert_eq!(check(&[("RetentionDays", "90")], &[], &[]), Ok(Some(Raised { from: 400, to: 460 })));
    }

    #[test]
    fn a_value_that_is_given_and_too_low_is_refused_with_the_number_that_is_needed() {
        let failure = check(&[("PayloadDays", "400")], &[], &[3_650]).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(
            failure.message,
            "PayloadDays is given as 400, and payloads have to be kept for 4020 days"
        );
        assert!(failure.details[0].contains("kept for 3650 days at the longest"), "{failure:?}");
        assert_eq!(check(&[("PayloadDays", "4020")], &[], &[3_650]), Ok(None));
        // Less than the default is enough where runs are kept for less.
        assert_eq!(check(&[("RetentionDays", "5"), ("PayloadDays", "377")], &[], &[7]), Ok(None));
        assert_eq!(check(&[("PayloadDays", "soon")], &[], &[3_650]), Ok(None));
    }
}
