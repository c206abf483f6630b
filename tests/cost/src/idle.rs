//! What a stack costs that nobody uses: computed from its template.

use crate::{
    bill::invocation_ms,
    limits::{IDLE_POLLERS, LONG_POLL_SECONDS, MEMORY_MB, MONTH_SECONDS},
    prices::Prices,
    proxy::Seen,
};
use serde_json::Value;

/// What of a template has a price although nothing runs, with all of its parameters as they are unless set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Template {
    /// Queues that a mapping polls.
    pub(crate) polled_queues: u32,
    /// Metrics that alarms look at; an alarm over an expression is billed for each of its metrics.
    pub(crate) alarm_metrics: u32,
    pub(crate) composite_alarms: u32,
    pub(crate) dashboards: u32,
    /// Invocations of all schedules, a month.
    pub(crate) scheduled_a_month: f64,
    /// Those of them that ask for the hourly look.
    pub(crate) sweeps_a_month: f64,
    /// Keys of the stack's own.
    pub(crate) kms_keys: u32,
}

/// A month of an idle stack, line by line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Month {
    pub(crate) lines: Vec<MonthLine>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MonthLine {
    pub(crate) what: &'static str,
    pub(crate) amount: f64,
    /// How much of that is free each month for every account.
    pub(crate) free: f64,
    /// US dollars at the list price, as if nothing were free.
    pub(crate) list_dollars: f64,
    /// US dollars after what is free, in an account that has nothing but this stack.
    pub(crate) dollars: f64,
}

impl Template {
    /// Reads a SAM or CloudFormation template with long-form intrinsics.
    pub(crate) fn read(yaml: &str) -> Result<Self, String> {
        let template: Value =
            serde_saphyr::from_str(yaml).map_err(|error| format!("it is no YAML: {error}"))?;
        let resources = template.get("Resources").and_then(Value::as_object).ok_or("it has no Resources")?;
        let mut found = Self::default();
        for (name, resource) in resources {
            let condition = resource.get("Condition").and_then(Value::as_str);
            let is_there = condition.is_none_or(|condition| holds(&template, condition).unwrap_or(true));
            if is_there {
                found.add(resource).map_err(|error| format!("{name}: {error}"))?;
            }
        }
        Ok(found)
    }

    fn add(&mut self, resource: &Value) -> Result<(), String> {
        let kind = resource.get("Type").and_then(Value::as_str).ok_or("it has no Type")?;
        let property = |name: &str| resource.get("Properties").and_then(|properties| properties.get(name));
        match kind {
            "AWS::Lambda::EventSourceMapping" => self.polled_queues += 1,
            "AWS::Serverless::Function" => {
                let events = property("Events").and_then(Value::as_object);
                let is_queue = |event: &&Value| event.get("Type").and_then(Value::as_str) == Some("SQS");
                let queues = events.map_or(0, |events| events.values().filter(is_queue).count());
                self.polled_queues += u32::try_from(queues).map_err(|error| error.to_string())?;
            }
            "AWS::CloudWatch::Alarm" => self.alarm_metrics += metrics(property("Metrics"))?,
            "AWS::CloudWatch::CompositeAlarm" => self.composite_alarms += 1,
            "AWS::CloudWatch::Dashboard" => self.dashboards += 1,
            "AWS::KMS::Key" => self.kms_keys += 1,
            "AWS::Scheduler::Schedule" => {
                let expression = property("ScheduleExpression").and_then(Value::as_str);
                let times = times_a_month(expression.ok_or("it has no ScheduleExpression")?)?;
                self.scheduled_a_month += times;
                if property("Target").is_some_and(|target| target.to_string().contains("sweep")) {
                    self.sweeps_a_month += times;
                }
            }
            // A template within the template would hide what it holds.
            "AWS::CloudFormation::Stack" | "AWS::Serverless::Application" => {
                return Err(format!("{kind} is a template of its own: give that one too"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a condition of the template holds with the parameters' defaults; nothing if it asks for something else.
fn holds(template: &Value, condition: &str) -> Option<bool> {
    is_true(template, template.get("Conditions")?.get(condition)?)
}

fn is_true(template: &Value, expression: &Value) -> Option<bool> {
    let (function, of) = expression.as_object()?.iter().next()?;
    let of_list = || of.as_array().map(Vec::as_slice).unwrap_or_default();
    match (function.as_str(), of_list()) {
        ("Fn::Equals", [left, right]) => Some(default_of(template, left)? == default_of(template, right)?),
        ("Fn::Not", [one]) => is_true(template, one).map(|is_true| !is_true),
        ("Fn::And", all) => {
            all.iter().map(|one| is_true(template, one)).try_fold(true, |so_far, one| Some(so_far && one?))
        }
        ("Fn::Or", any) => {
            any.iter().map(|one| is_true(template, one)).try_fold(false, |so_far, one| Some(so_far || one?))
        }
        ("Condition", _) => holds(template, of.as_str()?),
        _ => None,
    }
}

/// A text as it is, a parameter by its default. CloudFormation compares texts.
fn default_of(template: &Value, value: &Value) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    match value.get("Ref").and_then(Value::as_str) {
        Some(parameter) => text(template.get("Parameters")?.get(parameter)?.get("Default")?),
        None => text(value),
    }
}

/// The metrics of an alarm that are no expressions; an alarm without the list has one.
fn metrics(list: Option<&Value>) -> Result<u32, String> {
    let Some(list) = list else { return Ok(1) };
    let list = list.as_array().ok_or("its Metrics are no list")?;
    u32::try_from(list.iter().filter(|metric| metric.get("MetricStat").is_some()).count())
        .map_err(|error| error.to_string())
}

/// How often an expression comes true in a month: a rate exactly; a cron expression at most once a minute, which is what
/// is taken.
fn times_a_month(expression: &str) -> Result<f64, String> {
    let inner = |kind: &str| expression.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
    if inner("cron").is_some() {
        return Ok(MONTH_SECONDS / 60.0);
    }
    let unknown = || format!("the schedule {expression:?} is neither a rate nor cron");
    let (number, unit) = inner("rate").and_then(|rate| rate.split_once(' ')).ok_or_else(unknown)?;
    let number: f64 = number.parse().map_err(|_| unknown())?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60.0,
        "hour" => 3_600.0,
        "day" => 86_400.0,
        _ => return Err(unknown()),
    };
    Ok(MONTH_SECONDS / (number * seconds))
}

impl Month {
    /// `sweep` is what one look at a stack without runs asks of the table and the queues.
    pub(crate) fn of(template: &Template, sweep: &Seen, prices: &Prices) -> Self {
        let sweeps = template.sweeps_a_month;
        let receives = f64::from(template.polled_queues) * IDLE_POLLERS * MONTH_SECONDS / LONG_POLL_SECONDS;
        let read_units: f64 = sweep.values().map(|calls| calls.capacity_units).sum();
        let asked: u64 = sweep.values().map(|calls| calls.billed_requests).sum();
        let cloudwatch = &prices.cloudwatch;
        let free = &prices.free;
        let gb_seconds = sweeps * invocation_ms(1.0) / 1e3 * MEMORY_MB / 1024.0;
        let lines = vec![
            // Each sweep's message is sent, received and deleted.
            MonthLine::new(
                "SQS: empty receives",
                receives,
                free.sqs_requests,
                prices.sqs.requests_per_million / 1e6,
            ),
            MonthLine::new(
                "SQS: sweeps",
                sweeps * (3.0 + asked as f64),
                0.0,
                prices.sqs.requests_per_million / 1e6,
            ),
            MonthLine::new(
                "DynamoDB reads: sweeps",
                sweeps * read_units,
                0.0,
                prices.dynamodb.read_units_per_million / 1e6,
            ),
            MonthLine::new(
                "Lambda requests: sweeps",
                sweeps,
                free.lambda_requests,
                prices.lambda.requests_per_million / 1e6,
            ),
            MonthLine::new("Lambda GB-seconds: sweeps", gb_seconds, 0.0, prices.lambda.gb_second),
            MonthLine::new(
                "Scheduler invocations",
                template.scheduled_a_month,
                free.schedule_invocations,
                prices.scheduler.invocations_per_million / 1e6,
            ),
            MonthLine::new(
                "Alarms, by their metrics",
                f64::from(template.alarm_metrics),
                free.alarm_metrics,
                cloudwatch.alarm_metric_month,
            ),
            MonthLine::new(
                "Composite alarms",
                f64::from(template.composite_alarms),
                0.0,
                cloudwatch.composite_alarm_month,
            ),
            MonthLine::new(
                "Dashboards",
                f64::from(template.dashboards),
                free.dashboards,
                cloudwatch.dashboard_month,
            ),
            // Billed by the hour in which there was a value: an idle stack writes none.
            MonthLine::new("Custom metrics", 0.0, free.custom_metrics, cloudwatch.custom_metric_month),
            MonthLine::new("KMS keys", f64::from(template.kms_keys), 0.0, prices.kms.key_month),
        ];
        Self { lines }
    }

    pub(crate) fn dollars(&self) -> f64 {
        self.lines.iter().map(|line| line.dollars).sum()
    }

    pub(crate) fn list_dollars(&self) -> f64 {
        self.lines.iter().map(|line| line.list_dollars).sum()
    }
}

impl MonthLine {
    fn new(what: &'static str, amount: f64, free: f64, price: f64) -> Self {
        // A sum of nothing is minus zero.
        let amount = amount.max(0.0);
        let dollars = (amount - free).max(0.0) * price;
        Self { what, amount, free, list_dollars: amount * price, dollars }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
Resources:
  Queue:
    Type: AWS::SQS::Queue
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
  Step:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Own: {Type: SQS}
        Web: {Type: Api}
  Parked:
    Type: AWS::CloudWatch::Alarm
    Properties: {MetricName: ApproximateNumberOfMessagesVisible}
  Stuck:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - {Id: e, Expression: IF(v > 0 AND f == 0, 1, 0)}
        - {Id: v, MetricStat: {Stat: Minimum}}
        - {Id: f, MetricStat: {Stat: Maximum}}
  Sweep:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(1 hour)
      Target: {Input: '{\"sweep\": true}'}
  Nightly:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(1 day)
      Target: {Input: '{}'}
";

    #[test]
    fn a_template_is_read_by_what_has_a_price() {
        let expected = Template {
            polled_queues: 2,
            alarm_metrics: 3,
            scheduled_a_month: 750.0,
            sweeps_a_month: 720.0,
            ..Template::default()
        };
        assert_eq!(Template::read(TEMPLATE), Ok(expected));
    }

    #[test]
    fn what_a_parameter_leaves_out_is_not_counted() {
        let with = |default: &str| {
            let yaml = format!(
                "
Parameters: {{Alarms: {{Default: '{default}'}}}}
Conditions:
  All: {{'Fn::Equals': [{{Ref: Alarms}}, all]}}
  Any: {{'Fn::Or': [{{Condition: All}}, {{'Fn::Not': [{{'Fn::Equals': [{{Ref: Alarms}}, none]}}]}}]}}
Resources:
  Of all: {{Type: AWS::CloudWatch::Alarm, Condition: All}}
  Of any: {{Type: AWS::CloudWatch::Alarm, Condition: Any}}
"
            );
            Template::read(&yaml).unwrap().alarm_metrics
        };
        assert_eq!((with("all"), with("some"), with("none")), (2, 1, 0));
    }

    #[test]
    fn a_queue_is_polled_two_thirds_of_a_million_times_a_month() {
        let template = Template { polled_queues: 8, ..Template::default() };
        let month = Month::of(&template, &Seen::new(), &Prices::list().unwrap());
        assert_eq!(month.lines[0].amount, 8.0 * 648_000.0);
        assert!((month.list_dollars() - 2.0736).abs() < 1e-9, "{month:?}");
        assert!((month.dollars() - 1.6736).abs() < 1e-9, "{month:?}");
    }

    #[test]
    fn what_is_beyond_the_free_part_is_paid() {
        let template = Template { alarm_metrics: 12, dashboards: 1, ..Template::default() };
        let month = Month::of(&template, &Seen::new(), &Prices::list().unwrap());
        assert!((month.dollars() - 0.2).abs() < 1e-9, "{month:?}");
        assert!((month.list_dollars() - 4.2).abs() < 1e-9, "{month:?}");
    }

    #[test]
    fn what_can_not_be_counted_is_refused() {
        let nested = "Resources: {More: {Type: AWS::CloudFormation::Stack}}";
        assert!(Template::read(nested).unwrap_err().starts_with("More: AWS::CloudFormation::Stack"));
        let odd =
            "Resources: {Odd: {Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: at(noon)}}}";
        assert!(Template::read(odd).unwrap_err().contains("neither a rate nor cron"));
        assert!(Template::read("[").is_err());
    }
}
