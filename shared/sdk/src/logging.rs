//! Log lines: JSON on stdout, one per line.

use std::env;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The crates below a step that log requests and answers whole at their lower levels: payloads among them.
const NOISY: [&str; 8] = ["aws_", "h2", "hyper", "hyper_util", "lambda_runtime", "rustls", "s3s", "tower"];

/// Installs the subscriber, unless the process has one.
pub(crate) fn init() {
    let (filter, complaint) = filter(&|name| env::var(name).ok());
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok()
        && let Some(complaint) = complaint
    {
        tracing::warn!("{complaint}");
    }
}

/// What is logged, and what is wrong with the setting.
fn filter(lookup: &dyn Fn(&str) -> Option<String>) -> (Targets, Option<String>) {
    let set = |name| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    if let Some(value) = set("STEPLADDER_LOG") {
        return match (value.parse::<LevelFilter>(), value.parse::<Targets>()) {
            (Ok(level), _) => (quiet(level), None),
            (_, Ok(targets)) => {
                let level = targets.default_level().unwrap_or(LevelFilter::INFO);
                (quiet(level).with_targets(targets), None)
            }
            (_, Err(error)) => {
                let complaint = format!("STEPLADDER_LOG is {value:?}, and is not used: {error}");
                (quiet(LevelFilter::INFO), Some(complaint))
            }
        };
    }
    // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    let level = match set("AWS_LAMBDA_LOG_LEVEL").map(|level| level.to_ascii_uppercase()).as_deref() {
        Some("TRACE") => LevelFilter::TRACE,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some("WARN") => LevelFilter::WARN,
        Some("ERROR" | "FATAL") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    (quiet(level), None)
}

/// That level for the step and for Stepladder, and at most warnings of what is below them.
fn quiet(level: LevelFilter) -> Targets {
    let below = level.min(LevelFilter::WARN);
    Targets::new().with_default(level).with_targets(NOISY.map(|target| (target, below)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[track_caller]
    fn check(variables: &[(&str, &str)], target: &str, lowest: Option<Level>) {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let (filter, _) = filter(&lookup);
        let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        let found = levels.into_iter().find(|level| filter.would_enable(target, level));
        assert_eq!(found, lowest, "{variables:?} {target}");
    }

    #[test]
    fn the_level_comes_from_the_environment() {
        check(&[], "charge", Some(Level::INFO));
        check(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")], "charge", Some(Level::DEBUG));
        check(&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")], "charge", Some(Level::ERROR));
        check(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), ("STEPLADDER_LOG", "warn")], "charge", Some(Level::WARN));
        check(&[("STEPLADDER_LOG", "off")], "charge", None);
        check(&[("STEPLADDER_LOG", "charge=trace")], "charge", Some(Level::TRACE));
        check(&[("STEPLADDER_LOG", "charge=trace")], "other", Some(Level::INFO));
        check(&[("STEPLADDER_LOG", "error,charge=debug")], "other", Some(Level::ERROR));
    }

    #[test]
    fn what_would_log_payloads_is_quiet_unless_it_is_named() {
        check(&[("STEPLADDER_LOG", "trace")], "aws_smithy_runtime::client", Some(Level::WARN));
        check(&[("STEPLADDER_LOG", "error")], "aws_smithy_runtime::client", Some(Level::ERROR));
        check(&[("STEPLADDER_LOG", "info,aws_sdk_sqs=debug")], "aws_sdk_sqs::operation", Some(Level::DEBUG));
    }

    #[test]
    fn a_setting_that_can_not_be_read_is_named_and_not_used() {
        let (_, complaint) = filter(&|name| (name == "STEPLADDER_LOG").then(|| "charge=loud".to_owned()));
        assert!(complaint.unwrap().starts_with("STEPLADDER_LOG is \"charge=loud\", and is not used: "));
        check(&[("STEPLADDER_LOG", "charge=loud")], "charge", Some(Level::INFO));
    }
}
