//! Alarms and the dashboard.

use super::words::{named, snake, text};
use crate::{
    hcl::{Body, Value, quoted, raw},
    model::{Alarm, Metric, Stack},
    text::Text,
};

pub(super) fn body(stack: &Stack) -> Body {
    let body = stack.alarms.iter().fold(Body::new(), |body, alarm| {
        body.block(
            format!("resource \"aws_cloudwatch_metric_alarm\" \"{}\"", snake(&alarm.name)),
            self::alarm(alarm),
        )
    });
    let dashboard = Body::new()
        .with("dashboard_name", text(&Text::of("${Stack}-${Region}")))
        .with("dashboard_body", text(&Text::of(stack.dashboard.to_string())));
    body.block("resource \"aws_cloudwatch_dashboard\" \"stack\"", dashboard)
}

fn alarm(alarm: &Alarm) -> Body {
    let mut body = Body::new();
    if let Some(kind) = alarm.queue_alarms {
        body = body.with("count", raw(format!("var.queue_alarms == \"{kind}\" ? 1 : 0")));
    }
    body = body.with("alarm_name", named(&alarm.name)).with("alarm_description", quoted(&alarm.description));
    if let (None, Some(metric)) = (&alarm.expression, alarm.metrics.first()) {
        body = body
            .with("namespace", quoted(metric.namespace))
            .with("metric_name", quoted(metric.name))
            .with("dimensions", dimension(metric))
            .with("statistic", quoted(metric.statistic))
            .with("period", metric.period_seconds);
    }
    body = body
        .with("comparison_operator", quoted("GreaterThanThreshold"))
        .with("threshold", alarm.threshold)
        .with("evaluation_periods", alarm.periods)
        .maybe("datapoints_to_alarm", (alarm.datapoints < alarm.periods).then_some(alarm.datapoints))
        .with("treat_missing_data", quoted("notBreaching"))
        .with("alarm_actions", raw("local.alarm_actions"))
        .with("ok_actions", raw("local.alarm_actions"));
    let Some(expression) = &alarm.expression else { return body };
    let result = Body::new()
        .with("id", quoted("result"))
        .with("expression", quoted(expression))
        .with("label", quoted(&alarm.name))
        .with("return_data", true);
    alarm.metrics.iter().fold(body.block("metric_query", result), |body, metric| {
        let shape = Body::new()
            .with("namespace", quoted(metric.namespace))
            .with("metric_name", quoted(metric.name))
            .with("dimensions", dimension(metric))
            .with("stat", quoted(metric.statistic))
            .with("period", metric.period_seconds);
        body.block("metric_query", Body::new().with("id", quoted(&metric.id)).block("metric", shape))
    })
}

fn dimension(metric: &Metric) -> Value {
    let (name, value) = &metric.dimension;
    Value::Object(vec![((*name).to_owned(), text(value))])
}
