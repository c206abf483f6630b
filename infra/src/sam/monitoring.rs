//! Alarms and the dashboard.

use super::words::{Scope, only_if, reference};
use crate::{
    model::{Alarm, Metric, Stack, logical},
    text::Text,
    tree::Map,
};

pub(super) fn resources(resources: &mut Vec<(String, Map)>, stack: &Stack, scope: Scope) {
    resources.extend(stack.alarms.iter().map(|alarm| self::alarm(alarm, scope)));
    let body = Text::of(stack.dashboard.to_string());
    // Dashboards are an account's, and not a region's.
    let properties = Map::new()
        .with("DashboardName", scope.text(&Text::of("${Stack}-${Region}")))
        .with("DashboardBody", scope.text(&body));
    let dashboard = Map::new().with("Type", "AWS::CloudWatch::Dashboard").with("Properties", properties);
    resources.push(("Dashboard".to_owned(), dashboard));
}

fn alarm(alarm: &Alarm, scope: Scope) -> (String, Map) {
    let mut properties = Map::new()
        .with("AlarmName", scope.named(&alarm.name))
        .with("AlarmDescription", alarm.description.as_str());
    match (&alarm.expression, alarm.metrics.first()) {
        (None, Some(metric)) => {
            properties = properties
                .with("Namespace", metric.namespace)
                .with("MetricName", metric.name)
                .with("Dimensions", vec![dimension(metric, scope)])
                .with("Statistic", metric.statistic)
                .with("Period", metric.period_seconds);
        }
        (expression, _) => {
            let result = Map::new()
                .with("Id", "result")
                .with("Expression", expression.clone().unwrap_or_default())
                .with("Label", alarm.name.as_str())
                .with("ReturnData", true);
            let metrics = alarm.metrics.iter().map(|metric| self::metric(metric, scope));
            let all: Vec<Map> = std::iter::once(result).chain(metrics).collect();
            properties = properties.with("Metrics", all);
        }
    }
    let topic = only_if("HasAlarmTopic", vec![reference("AlarmTopicArn")]);
    properties = properties
        .with("ComparisonOperator", "GreaterThanThreshold")
        .with("Threshold", alarm.threshold)
        .with("EvaluationPeriods", alarm.periods)
        .maybe("DatapointsToAlarm", (alarm.datapoints < alarm.periods).then_some(alarm.datapoints))
        .with("TreatMissingData", "notBreaching")
        .with("AlarmActions", topic.clone())
        .with("OKActions", topic);
    let condition = alarm.queue_alarms.map(|kind| match kind {
        "age" => "HasAgeAlarms",
        _ => "HasStuckAlarms",
    });
    let resource = Map::new()
        .with("Type", "AWS::CloudWatch::Alarm")
        .maybe("Condition", condition)
        .with("Properties", properties);
    (format!("{}Alarm", logical(&alarm.name)), resource)
}

fn metric(metric: &Metric, scope: Scope) -> Map {
    let shape = Map::new()
        .with("Namespace", metric.namespace)
        .with("MetricName", metric.name)
        .with("Dimensions", vec![dimension(metric, scope)]);
    let stat =
        Map::new().with("Metric", shape).with("Stat", metric.statistic).with("Period", metric.period_seconds);
    Map::new().with("Id", metric.id.as_str()).with("MetricStat", stat).with("ReturnData", false)
}

fn dimension(metric: &Metric, scope: Scope) -> Map {
    let (name, value) = &metric.dimension;
    Map::new().with("Name", *name).with("Value", scope.text(value))
}
