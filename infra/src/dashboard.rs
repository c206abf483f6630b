//! One page of graphs: runs first, then queues, functions, the table.
//!
//! The structure: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>.

use crate::{alarms::NAMESPACE, limits::GRAPH_LINES_MAX, model::Stack};
use serde_json::{Value, json};

/// The body, with the gaps of a [`crate::Text`] in its texts.
pub(crate) fn dashboard(stack: &Stack) -> Value {
    let own = |name: &str| json!([NAMESPACE, name, "Stack", "${Stack}"]);
    let names: Vec<&str> = stack.functions.iter().map(|function| function.name.as_str()).collect();
    let per_queue = |metric: &str, queues: &[&str]| -> Vec<Value> {
        queues
            .iter()
            .map(|name| json!(["AWS/SQS", metric, "QueueName", format!("${{Stack}}-{name}")]))
            .collect()
    };
    let per_function = |metric: &str, functions: &[&str]| -> Vec<Value> {
        let line = |name: &&str| json!(["AWS/Lambda", metric, "FunctionName", format!("${{Stack}}-{name}")]);
        functions.iter().map(line).collect()
    };
    let table = |metric: &str| json!(["AWS/DynamoDB", metric, "TableName", "${Stack}"]);

    let mut page = Page::default();
    page.graph("Runs", "Sum", ["RunsStarted", "RunsSucceeded", "RunsFailed"].map(own).to_vec());
    page.graph("Steps", "Sum", vec![own("Steps")]);
    let trouble = ["Repairs", "Parked", "LeftToQueue", "Throttles"].map(own).to_vec();
    page.graph("Repaired, parked, left to the queue, throttled", "Sum", trouble);
    page.graph(
        "Messages nobody can handle",
        "Maximum",
        per_queue("ApproximateNumberOfMessagesVisible", &["parked", "dead-letter"]),
    );
    for names in names.chunks(GRAPH_LINES_MAX) {
        page.graph("Queues: visible", "Maximum", per_queue("ApproximateNumberOfMessagesVisible", names));
        page.graph("Queues: in flight", "Maximum", per_queue("ApproximateNumberOfMessagesNotVisible", names));
        page.graph(
            "Queues: age of the oldest (s)",
            "Maximum",
            per_queue("ApproximateAgeOfOldestMessage", names),
        );
        page.graph("Functions: duration (ms)", "p99", per_function("Duration", names));
        page.graph("Functions: errors", "Sum", per_function("Errors", names));
        page.graph("Functions: throttles", "Sum", per_function("Throttles", names));
        page.graph("Functions: concurrent", "Maximum", per_function("ConcurrentExecutions", names));
    }
    page.graph(
        "Table: units",
        "Sum",
        ["ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits"].map(table).to_vec(),
    );
    page.graph("Table: throttles", "Sum", ["WriteThrottleEvents", "ReadThrottleEvents"].map(table).to_vec());
    json!({ "widgets": page.widgets })
}

/// Graphs, two to a row.
#[derive(Default)]
struct Page {
    widgets: Vec<Value>,
}

impl Page {
    fn graph(&mut self, title: &str, statistic: &str, metrics: Vec<Value>) {
        const WIDTH: usize = 12;
        const HEIGHT: usize = 6;
        let (row, column) = (self.widgets.len() / 2, self.widgets.len() % 2);
        self.widgets.push(json!({
            "type": "metric",
            "x": column * WIDTH,
            "y": row * HEIGHT,
            "width": WIDTH,
            "height": HEIGHT,
            "properties": {
                "title": title,
                "view": "timeSeries",
                "region": "${Region}",
                "stat": statistic,
                "period": 300,
                "metrics": metrics,
            },
        }));
    }
}
