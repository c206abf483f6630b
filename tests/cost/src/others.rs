//! The same chain elsewhere, at list prices: so that a reader can weigh.

use crate::{
    bill::Bill,
    chain::STEPS,
    limits::{EXPRESS_MEMORY_MB, EXPRESS_ROUND_MS, EXPRESS_STATE_MS, GB, MEMORY_MB, STEP_MS},
    prices::Prices,
};

/// What a million steps cost with another service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Other {
    pub(crate) name: &'static str,
    /// US dollars per million steps: the service's own price.
    pub(crate) service: f64,
    /// The step's function: its invocation, and its time without any call of ours.
    pub(crate) lambda: f64,
    pub(crate) note: &'static str,
}

impl Other {
    pub(crate) fn dollars(&self) -> f64 {
        self.service + self.lambda
    }
}

/// `bill` is ours with one message to a batch: from it comes the size of the data.
pub(crate) fn others(bill: &Bill, prices: &Prices) -> [Other; 3] {
    let steps = STEPS as f64;
    let seconds = |ms: f64| ms / 1e3;
    let gb_second = prices.lambda.gb_second * 1e6;
    let lambda = prices.lambda.requests_per_million + seconds(STEP_MS) * MEMORY_MB / 1024.0 * gb_second;

    let express_ms = steps * (STEP_MS + EXPRESS_STATE_MS);
    let express_ms = (express_ms / EXPRESS_ROUND_MS).ceil() * EXPRESS_ROUND_MS;
    let express_gb_seconds = seconds(express_ms) * EXPRESS_MEMORY_MB / 1024.0;
    let express =
        (prices.express.requests_per_million + express_gb_seconds * prices.express.gb_second * 1e6) / steps;

    let data_gb = bill.message_bytes * 1e6 / GB;
    let durable = &prices.durable;
    let data = data_gb * (durable.written_per_gb + durable.retained_per_gb_month);
    // One function runs the whole chain, unless something in it waits.
    [
        Other {
            name: "Step Functions Standard",
            service: prices.standard.transitions_per_million,
            lambda,
            note: "a transition per step; history of 90 days included",
        },
        Other {
            name: "Step Functions Express",
            service: express,
            lambda,
            note: "at least once, 5 minutes at most, no history but logs, which are not counted here",
        },
        Other {
            name: "Lambda durable functions",
            service: durable.operations_per_million + data,
            lambda: lambda / steps,
            note: "an operation per step; data written and kept a month; one invocation per run if nothing waits",
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_its_list_price_and_the_functions() {
        let bill = Bill {
            requests: Vec::new(),
            rest: Vec::new(),
            write_units_per_step: 1.6,
            invocation_ms: 32.0,
            cpu_ms_per_step: 0.14,
            message_bytes: 1_073.741_824,
            sqs_requests_per_step: 0.0,
            write_calls_per_run: 0.0,
        };
        let [standard, express, durable] = others(&bill, &Prices::list().unwrap());
        // 1 ms of 256 MB, and an invocation.
        let lambda = 0.2 + 0.001 * 0.25 * 13.3334;
        assert!((standard.dollars() - (25.0 + lambda)).abs() < 1e-9, "{standard:?}");
        // 55 ms are billed as 100 ms of 64 MB, once for five steps.
        assert!((express.service - (1.0 + 0.1 * 0.0625 * 16.67) / 5.0).abs() < 1e-9, "{express:?}");
        assert!((durable.service - (8.0 + 0.25 + 0.15)).abs() < 1e-9, "{durable:?}");
        assert!((durable.lambda - lambda / 5.0).abs() < 1e-9, "{durable:?}");
    }
}
