//! `stepladder test-state`.

use crate::stepladder;

macro_rules! snapshot {
    ($name:ident, $args:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(stepladder(&[&["test-state"], &$args[..]].concat()).transcript());
        }
    };
}

const ORDER: &str = "try/order.asl.json";

snapshot!(short_help, ["-h"]);
snapshot!(a_choice, [ORDER, "-s", "Enough stock?", "-i", "{\"total\": 1200}"]);
snapshot!(a_task, [ORDER, "-s", "Charge", "-i", "try/order.json", "--mock-result", "{\"paid\": true}"]);
snapshot!(
    the_way_of_the_data,
    [
        ORDER,
        "-s",
        "Pack",
        "-i",
        "\"cup\"",
        "--mock-result",
        "{\"Payload\": 1}",
        "--inspection-level",
        "DEBUG"
    ]
);
snapshot!(
    an_error_that_is_caught,
    [
        ORDER,
        "-s",
        "Charge",
        "--mock-error",
        "CardDeclined:the bank: no",
        "--inspection-level",
        "debug",
        "-o",
        "json"
    ]
);
snapshot!(
    an_error_that_is_retried,
    [ORDER, "-s", "Charge", "--mock-error", "PaymentTimeout", "--retry-count", "1"]
);
snapshot!(
    an_error_whose_retries_are_used_up,
    [ORDER, "-s", "Charge", "--mock-error", "PaymentTimeout", "--retry-count", "3"]
);
snapshot!(a_map, [ORDER, "-s", "Pack each item", "-i", "try/order.json", "--mock-result", "[1, 2, 3]"]);
snapshot!(
    a_state_alone,
    ["try/state.json", "-i", "{\"a\": 5}", "--variables", "{\"b\": 2}", "--inspection-level", "TRACE"]
);
snapshot!(a_task_needs_a_mock, [ORDER, "-s", "Charge"]);
snapshot!(a_state_has_to_be_named, [ORDER]);
snapshot!(a_name_that_is_nearly_right, [ORDER, "-s", "Chrage"]);
snapshot!(
    a_result_that_does_not_fit,
    [ORDER, "-s", "Pack each item", "-i", "try/order.json", "--mock-result", "{}"]
);
snapshot!(
    a_result_and_an_error_exclude_each_other,
    [ORDER, "-s", "Ship", "--mock-result", "1", "--mock-error", "E"]
);
