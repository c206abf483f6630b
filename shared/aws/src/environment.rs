//! What the environment variables say.

mod workflows;

use crate::limits::{MEMORY_PER_PAYLOAD, RETENTION_DAYS_MAX, RETENTION_DAYS_MIN, STACK_CHARS_MAX};
use std::str::FromStr;
use stepladder_protocol::{
    Flow, Rate, Settings, StatusEvents,
    limits::{RATE_PER_SECOND_MAX, RATE_PER_SECOND_MIN},
};

/// Everything that [`crate::AwsHost`] takes from outside. Read once, at the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// The stack's name, region and account, and what a deployment may set.
    pub settings: Settings,
    /// The DynamoDB table.
    pub table: String,
    /// The S3 bucket.
    pub bucket: String,
    /// Where the services are.
    pub endpoints: Endpoints,
    /// Credentials are not set and not needed: an emulator on this machine takes any.
    pub placeholder_credentials: bool,
    /// Where long waits are scheduled; without it they are chains of delays.
    pub schedules: Option<SchedulePlace>,
    /// Whether counts are written to stdout in CloudWatch's embedded metric format.
    pub emits_metrics: bool,
}

/// Where EventBridge Scheduler keeps the one-time schedules of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulePlace {
    /// The schedule group's name.
    pub group: String,
    /// What Scheduler assumes to send to the timer queue.
    pub role_arn: String,
}

/// Where the services are, where that isn't AWS itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `AWS_ENDPOINT_URL`.
    pub all: Option<String>,
    /// `AWS_ENDPOINT_URL_DYNAMODB`, and so on: each goes before [`Endpoints::all`].
    pub dynamodb: Option<String>,
    /// `AWS_ENDPOINT_URL_SQS`.
    pub sqs: Option<String>,
    /// `AWS_ENDPOINT_URL_S3`.
    pub s3: Option<String>,
    /// `AWS_ENDPOINT_URL_LAMBDA`.
    pub lambda: Option<String>,
    /// `AWS_ENDPOINT_URL_SCHEDULER`.
    pub scheduler: Option<String>,
    /// `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    pub eventbridge: Option<String>,
    /// `AWS_ENDPOINT_URL_SNS`.
    pub sns: Option<String>,
}

/// What of the environment concerns the AWS SDK alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Connection {
    pub(crate) endpoints: Endpoints,
    /// Whether [`Endpoints::all`] is on this machine.
    pub(crate) is_local: bool,
    /// us-east-1 where nothing is set and nothing is needed.
    pub(crate) region: Option<String>,
    pub(crate) placeholder_credentials: bool,
}

/// The environment is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable has a value that can't be used.
    #[error("{variable} is {value:?}, but must be {expected}")]
    Invalid { variable: &'static str, value: String, expected: String },
    /// A variable is not set, and has no default here.
    #[error("{variable} is not set: {hint}")]
    Missing { variable: &'static str, hint: &'static str },
}

impl Environment {
    /// Reads the process's own variables.
    ///
    /// | variable | meaning | unless set |
    /// |---|---|---|
    /// | `AWS_REGION`, `AWS_DEFAULT_REGION` | the region | `us-east-1` with a local endpoint, else an error |
    /// | `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_DYNAMODB`, `_SQS`, `_S3`, `_LAMBDA`, `_SCHEDULER`, `_EVENTBRIDGE`, `_SNS` | an emulator's address | AWS |
    /// | `STEPLADDER_STACK` | the deployment's name | `stepladder` |
    /// | `STEPLADDER_TABLE` | the table | the stack's name |
    /// | `STEPLADDER_BUCKET` | the bucket | `<stack>-<account>-<region>` |
    /// | `STEPLADDER_ACCOUNT_ID` | twelve digits | `000000000000` with a local endpoint, else an error |
    /// | `STEPLADDER_RETENTION_DAYS` | how many days an item is kept after it was written, 4 to 3,650; those of a run that still goes are renewed | 30 |
    /// | `STEPLADDER_PAYLOAD_BYTES_MAX` | the largest payload; never more than a quarter of the function's memory | 67108864 |
    /// | `STEPLADDER_STATUS_EVENTS` | which ends of runs are told: `off`, `failures`, `all` (or 0 and 1) | off |
    /// | `STEPLADDER_EVENT_BUS` | the EventBridge bus that is told of them | the status queue is |
    /// | `STEPLADDER_LOG_SAMPLE` | which part of the messages that went well are logged, 0 to 1 | 0.05; 1 with a local endpoint |
    /// | `STEPLADDER_WORKFLOWS` | what single workflows set otherwise: `{"order": {"retention_days": 90, "status_events": "failures", "log_sample": 1, "tenant": "$.customer_id", "search": ["$.order_id"]}}`, each optional | none |
    /// | `STEPLADDER_RATE_PER_SECOND` | how often the function's step begins at most, 0.001 to 1,000 times a second | as its messages come |
    /// | `STEPLADDER_EXCLUSIVE` | `true`: the step's code never runs twice at once for the same position | false |
    /// | `STEPLADDER_UPLOADS` | which uploads start runs: `[{"workflow": "order", "bucket": "uploads", "prefix": "incoming/", "suffix": ".csv"}]`, of which prefix and suffix are optional | none |
    /// | `STEPLADDER_METRICS` | `emf`: counts are written to stdout in CloudWatch's embedded metric format | none |
    /// | `STEPLADDER_SCHEDULE_GROUP`, `STEPLADDER_SCHEDULE_ROLE_ARN` | the group of EventBridge Scheduler for waits beyond 15 minutes, and the role that sends to the timer queue | chains of delays |
    pub fn from_env() -> Result<Self, EnvironmentError> {
        Self::read(&|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Reads variables through `lookup`. An empty one counts as not set.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let lookup = &|name: &str| lookup(name).filter(|value| !value.is_empty());
        let Connection { endpoints, is_local: local, region, placeholder_credentials } =
            Connection::read(lookup)?;

        let stack = checked(lookup, "STEPLADDER_STACK", is_stack_name, || {
            format!("1 to {STACK_CHARS_MAX} letters, digits and hyphens")
        })?
        .unwrap_or_else(|| "stepladder".to_owned());
        let region = region.ok_or(EnvironmentError::Missing {
            variable: "AWS_REGION",
            hint: "set it to the stack's AWS region",
        })?;
        let account = checked(lookup, "STEPLADDER_ACCOUNT_ID", is_account, || {
            "an AWS account id: 12 digits".to_owned()
        })?;
        let account = account.or_else(|| local.then(|| "000000000000".to_owned())).ok_or(
            EnvironmentError::Missing {
                variable: "STEPLADDER_ACCOUNT_ID",
                hint: "set it to the 12 digits of the AWS account (aws sts get-caller-identity shows them)",
            },
        )?;
        let table = checked(lookup, "STEPLADDER_TABLE", is_table_name, || {
            "a DynamoDB table name: 3 to 255 letters, digits, dots, hyphens and underscores".to_owned()
        })?
        .unwrap_or_else(|| stack.clone());
        let bucket = checked(lookup, "STEPLADDER_BUCKET", is_bucket_name, || {
            "an S3 bucket name: 3 to 63 lower-case letters, digits, dots and hyphens".to_owned()
        })?
        .unwrap_or_else(|| format!("{}-{account}-{region}", stack.to_lowercase()));

        let mut settings = Settings::new(&stack, &region, &account);
        if let Some(days) =
            number(lookup, "STEPLADDER_RETENTION_DAYS", RETENTION_DAYS_MIN..=RETENTION_DAYS_MAX)?
        {
            settings.retention_days = days;
        }
        if let Some(bytes) = number(lookup, "STEPLADDER_PAYLOAD_BYTES_MAX", 1..=usize::MAX)? {
            settings.payload_bytes_max = bytes;
        }
        if let Some(megabytes) = number(lookup, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 1..=usize::MAX >> 20)? {
            settings.payload_bytes_max =
                settings.payload_bytes_max.min((megabytes << 20) / MEMORY_PER_PAYLOAD);
        }
        let status_events = checked(
            lookup,
            "STEPLADDER_STATUS_EVENTS",
            |value| value.parse::<StatusEvents>().is_ok(),
            || "off, failures or all".to_owned(),
        )?;
        if let Some(Ok(status_events)) = status_events.map(|value| value.parse()) {
            settings.status_events = status_events;
        }
        settings.event_bus = checked(lookup, "STEPLADDER_EVENT_BUS", is_bus_name, || {
            "the name of an event bus: 1 to 256 letters, digits, slashes, dots, hyphens and underscores"
                .to_owned()
        })?;
        if let Some(text) = lookup("STEPLADDER_WORKFLOWS") {
            settings.workflows = workflows::read(&text).map_err(|expected| EnvironmentError::Invalid {
                variable: "STEPLADDER_WORKFLOWS",
                value: text,
                expected,
            })?;
        }
        settings.flow = flow(lookup)?;
        if let Some(text) = lookup("STEPLADDER_UPLOADS") {
            settings.uploads = serde_json::from_str(&text).map_err(|error| EnvironmentError::Invalid {
                variable: "STEPLADDER_UPLOADS",
                expected: format!(
                    "a JSON array such as [{{\"workflow\": \"order\", \"bucket\": \"uploads\", \"prefix\": \"incoming/\"}}]: \
                     {error}"
                ),
                value: text,
            })?;
        }
        let emits_metrics =
            checked(lookup, "STEPLADDER_METRICS", |value| value == "emf", || "emf".to_owned())?.is_some();
        let schedules = SchedulePlace::read(lookup)?;
        let sample = number(lookup, "STEPLADDER_LOG_SAMPLE", 0.0..=1.0)?;
        settings.log_sample = sample.unwrap_or(if local { 1.0 } else { settings.log_sample });
        Ok(Self { settings, table, bucket, endpoints, placeholder_credentials, schedules, emits_metrics })
    }

    /// A stack on an emulator of this machine, whatever the process's variables say.
    pub fn local(endpoint: &str, stack: &str) -> Result<Self, EnvironmentError> {
        Self::read(&|name| match name {
            "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "STEPLADDER_ACCOUNT_ID" => Some("000000000000".to_owned()),
            "STEPLADDER_STACK" => Some(stack.to_owned()),
            _ => None,
        })
    }
}

/// How the function's step may run.
fn flow(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Flow, EnvironmentError> {
    let rate = number(lookup, "STEPLADDER_RATE_PER_SECOND", RATE_PER_SECOND_MIN..=RATE_PER_SECOND_MAX)?;
    let is_switch = |value: &str| matches!(value, "true" | "false");
    let exclusive = checked(lookup, "STEPLADDER_EXCLUSIVE", is_switch, || "true or false".to_owned())?;
    Ok(Flow {
        rate: rate.and_then(Rate::per_second),
        is_exclusive: exclusive.is_some_and(|value| value == "true"),
    })
}

impl SchedulePlace {
    /// One of its variables without the other is a mistake.
    fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, EnvironmentError> {
        let group = checked(lookup, "STEPLADDER_SCHEDULE_GROUP", is_schedule_group, || {
            "a schedule group's name: 1 to 64 letters, digits, dots, hyphens and underscores".to_owned()
        })?;
        let role_arn = checked(
            lookup,
            "STEPLADDER_SCHEDULE_ROLE_ARN",
            |value| value.starts_with("arn:") && value.contains(":role/"),
            || "the ARN of a role: arn:aws:iam::123456789012:role/…".to_owned(),
        )?;
        let missing = |variable, hint| Err(EnvironmentError::Missing { variable, hint });
        match (group, role_arn) {
            (Some(group), Some(role_arn)) => Ok(Some(Self { group, role_arn })),
            (None, None) => Ok(None),
            (Some(_), None) => {
                missing("STEPLADDER_SCHEDULE_ROLE_ARN", "the schedules of STEPLADDER_SCHEDULE_GROUP need it")
            }
            (None, Some(_)) => {
                missing("STEPLADDER_SCHEDULE_GROUP", "STEPLADDER_SCHEDULE_ROLE_ARN is for its schedules")
            }
        }
    }
}

impl Connection {
    /// An empty variable counts as not set.
    pub(crate) fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        const CREDENTIALS: [&str; 5] = [
            "AWS_ACCESS_KEY_ID",
            "AWS_PROFILE",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ];
        let lookup = &|name: &str| lookup(name).filter(|value| !value.is_empty());
        let endpoints = Endpoints::read(lookup)?;
        let is_local = endpoints.all.as_deref().is_some_and(is_local);
        let region = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION"));
        let region = region.or_else(|| is_local.then(|| "us-east-1".to_owned()));
        let has_credentials = CREDENTIALS.into_iter().any(|name| lookup(name).is_some());
        Ok(Self { endpoints, is_local, region, placeholder_credentials: is_local && !has_credentials })
    }
}

impl Endpoints {
    fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let url = |variable| {
            checked(
                lookup,
                variable,
                |value| host(value).is_some(),
                || "a URL that starts with http:// or https://".to_owned(),
            )
        };
        Ok(Self {
            all: url("AWS_ENDPOINT_URL")?,
            dynamodb: url("AWS_ENDPOINT_URL_DYNAMODB")?,
            sqs: url("AWS_ENDPOINT_URL_SQS")?,
            s3: url("AWS_ENDPOINT_URL_S3")?,
            lambda: url("AWS_ENDPOINT_URL_LAMBDA")?,
            scheduler: url("AWS_ENDPOINT_URL_SCHEDULER")?,
            eventbridge: url("AWS_ENDPOINT_URL_EVENTBRIDGE")?,
            sns: url("AWS_ENDPOINT_URL_SNS")?,
        })
    }
}

/// The host of a URL, without its port.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = if authority.starts_with('[') {
        authority.split_inclusive(']').next()?
    } else {
        authority.split(':').next()?
    };
    (!host.is_empty() && !url.contains(char::is_whitespace)).then_some(host)
}

fn is_local(url: &str) -> bool {
    matches!(host(url), Some("127.0.0.1" | "localhost" | "[::1]"))
}

fn is_stack_name(name: &str) -> bool {
    (1..=STACK_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
}

fn is_table_name(name: &str) -> bool {
    (3..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_bucket_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html>
fn is_schedule_group(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html>
fn is_bus_name(name: &str) -> bool {
    (1..=256).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
}

fn checked(
    lookup: &dyn Fn(&str) -> Option<String>,
    variable: &'static str,
    is_valid: impl Fn(&str) -> bool,
    expected: impl Fn() -> String,
) -> Result<Option<String>, EnvironmentError> {
    match lookup(variable) {
        Some(value) if !is_valid(&value) => {
            Err(EnvironmentError::Invalid { variable, value, expected: expected() })
        }
        value => Ok(value),
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    lookup: &dyn Fn(&str) -> Option<String>,
    variable: &'static str,
    range: std::ops::RangeInclusive<T>,
) -> Result<Option<T>, EnvironmentError> {
    let Some(value) = lookup(variable) else {
        return Ok(None);
    };
    match value.parse::<T>() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => {
            let expected = format!("a number from {} to {}", range.start(), range.end());
            Err(EnvironmentError::Invalid { variable, value, expected })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        Environment::read(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const LAMBDA: [(&str, &str); 2] =
        [("AWS_REGION", "eu-central-1"), ("STEPLADDER_ACCOUNT_ID", "123456789012")];

    #[track_caller]
    fn check_refused(variable: &str, value: &str) {
        let mut variables = vec![(variable, value)];
        variables.extend(LAMBDA.iter().filter(|(name, _)| *name != variable));
        let message = read(&variables).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{variable} is {value:?}, but must be ")), "{message}");
    }

    #[test]
    fn a_function_needs_two_variables() {
        let environment = read(&LAMBDA).unwrap();
        assert_eq!(environment.table, "stepladder");
        assert_eq!(environment.bucket, "stepladder-123456789012-eu-central-1");
        assert_eq!(environment.settings, Settings::new("stepladder", "eu-central-1", "123456789012"));
        assert!(!environment.placeholder_credentials);
    }

    #[test]
    fn a_local_endpoint_needs_nothing_else() {
        for url in ["http://127.0.0.1:4566", "http://localhost:4566/", "http://[::1]:4566"] {
            let environment = read(&[("AWS_ENDPOINT_URL", url)]).unwrap();
            assert_eq!(environment.settings.account, "000000000000");
            assert_eq!(environment.settings.region, "us-east-1");
            assert_eq!(environment.settings.log_sample, 1.0);
            assert!(environment.placeholder_credentials);
        }
        let keyed = read(&[("AWS_ENDPOINT_URL", "http://localhost:1"), ("AWS_ACCESS_KEY_ID", "x")]).unwrap();
        assert!(!keyed.placeholder_credentials);
    }

    #[test]
    fn what_cannot_be_guessed_is_asked_for_by_name() {
        let missing = read(&[("AWS_REGION", "us-east-1")]).unwrap_err().to_string();
        assert!(missing.starts_with("STEPLADDER_ACCOUNT_ID is not set: "), "{missing}");
        let missing = read(&[("AWS_ENDPOINT_URL", "http://10.0.0.7:4566")]).unwrap_err().to_string();
        assert!(missing.starts_with("AWS_REGION is not set: "), "{missing}");
    }

    #[test]
    fn a_bad_value_is_named_with_its_variable() {
        check_refused("STEPLADDER_STACK", "my stack");
        check_refused("STEPLADDER_STACK", "a-stack-name-of-more-than-32-chars");
        check_refused("STEPLADDER_TABLE", "t");
        check_refused("STEPLADDER_BUCKET", "Upper");
        check_refused("STEPLADDER_ACCOUNT_ID", "12345");
        check_refused("STEPLADDER_ACCOUNT_ID", "12345678901x");
        check_refused("STEPLADDER_RETENTION_DAYS", "0");
        check_refused("STEPLADDER_RETENTION_DAYS", "3");
        check_refused("STEPLADDER_RETENTION_DAYS", "thirty");
        check_refused("STEPLADDER_PAYLOAD_BYTES_MAX", "64MB");
        check_refused("STEPLADDER_STATUS_EVENTS", "yes");
        check_refused("STEPLADDER_EVENT_BUS", "my bus");
        check_refused("STEPLADDER_WORKFLOWS", "{");
        check_refused("STEPLADDER_RATE_PER_SECOND", "0");
        check_refused("STEPLADDER_RATE_PER_SECOND", "-1");
        check_refused("STEPLADDER_RATE_PER_SECOND", "1001");
        check_refused("STEPLADDER_EXCLUSIVE", "1");
        check_refused("STEPLADDER_METRICS", "statsd");
        check_refused("STEPLADDER_SCHEDULE_GROUP", "a/b");
        check_refused("STEPLADDER_SCHEDULE_ROLE_ARN", "scheduler");
        check_refused("STEPLADDER_LOG_SAMPLE", "1.5");
        check_refused("STEPLADDER_LOG_SAMPLE", "NaN");
        check_refused("AWS_ENDPOINT_URL", "localhost:4566");
        check_refused("AWS_ENDPOINT_URL_S3", "http://");
    }

    #[test]
    fn the_shortest_retention_outlasts_the_daily_look() {
        let with = |days| {
            let mut variables = LAMBDA.to_vec();
            variables.push(("STEPLADDER_RETENTION_DAYS", days));
            read(&variables)
        };
        assert_eq!(with("4").unwrap().settings.retention_days, 4);
        let message = with("3").unwrap_err().to_string();
        assert_eq!(message, "STEPLADDER_RETENTION_DAYS is \"3\", but must be a number from 4 to 3650");
    }

    fn with(more: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        read(&[&LAMBDA, more].concat())
    }

    #[test]
    fn status_events_have_three_names_and_two_numbers() {
        let events = |value| with(&[("STEPLADDER_STATUS_EVENTS", value)]).unwrap().settings.status_events;
        assert_eq!((events("off"), events("0")), (StatusEvents::Off, StatusEvents::Off));
        assert_eq!((events("all"), events("1")), (StatusEvents::All, StatusEvents::All));
        assert_eq!(events("failures"), StatusEvents::Failures);
    }

    #[test]
    fn schedules_need_a_group_and_a_role() {
        let role = ("STEPLADDER_SCHEDULE_ROLE_ARN", "arn:aws:iam::123456789012:role/shop-schedules");
        let group = ("STEPLADDER_SCHEDULE_GROUP", "shop");
        let place = SchedulePlace { group: "shop".to_owned(), role_arn: role.1.to_owned() };
        assert_eq!(with(&[group, role]).unwrap().schedules, Some(place));
        assert_eq!(with(&[]).unwrap().schedules, None);
        let message = with(&[group]).unwrap_err().to_string();
        assert!(message.starts_with("STEPLADDER_SCHEDULE_ROLE_ARN is not set: "), "{message}");
        let message = with(&[role]).unwrap_err().to_string();
        assert!(message.starts_with("STEPLADDER_SCHEDULE_GROUP is not set: "), "{message}");
    }

    #[test]
    fn a_workflow_may_have_settings_of_its_own() {
        let workflows = ("STEPLADDER_WORKFLOWS", r#"{"order": {"retention_days": 90}}"#);
        let settings = with(&[workflows, ("STEPLADDER_EVENT_BUS", "default")]).unwrap().settings;
        assert_eq!((settings.retention_days_of("order"), settings.retention_days_of("other")), (90, 30));
        assert_eq!(settings.event_bus.as_deref(), Some("default"));
    }

    #[test]
    fn a_function_may_say_how_its_step_runs() {
        let flow = |rate, exclusive| {
            let variables = [("STEPLADDER_RATE_PER_SECOND", rate), ("STEPLADDER_EXCLUSIVE", exclusive)];
            with(&variables).unwrap().settings.flow
        };
        assert_eq!(flow("", ""), Flow::default());
        assert_eq!(flow("0.5", "false"), Flow { rate: Rate::per_second(0.5), is_exclusive: false });
        assert_eq!(flow("20", "true"), Flow { rate: Rate::per_second(20.0), is_exclusive: true });
    }

    #[test]
    fn a_payload_takes_at_most_a_quarter_of_the_memory() {
        let with = |memory, bytes| {
            let mut variables = LAMBDA.to_vec();
            variables.push(("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory));
            variables.push(("STEPLADDER_PAYLOAD_BYTES_MAX", bytes));
            read(&variables).unwrap().settings.payload_bytes_max
        };
        assert_eq!(with("128", ""), 32 << 20);
        assert_eq!(with("1024", ""), 64 << 20);
        assert_eq!(with("1024", "1000"), 1000);
        assert_eq!(with("128", "99999999"), 32 << 20);
    }
}
