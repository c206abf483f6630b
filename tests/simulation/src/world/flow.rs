//! The functions of steps that have a rate or are exclusive.

use super::{Environment, FUNCTION_TIMEOUT_MS, World, play::play};
use crate::{
    Report,
    flow::{FlowScenario, FlowWatch},
    host::MemoryHost,
};
use futures::FutureExt;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use stepladder_protocol::{Delivery, Flow, PlantedBug, Protocol, QueueName, Rate, StepFunction, limits};

/// Runs one seed of a scenario to its end.
pub fn simulate_flow(seed: u64, of: &FlowScenario, planted: Option<PlantedBug>) -> Report {
    play(World::new(seed, &of.scenario, planted).with_flow(of), &of.scenario)
}

/// What is different about them.
#[derive(Debug, Clone)]
pub(super) struct Flowing {
    environments: BTreeMap<String, Vec<Environment>>,
    pub(super) watch: FlowWatch,
}

impl Flowing {
    /// The environments of a step's function.
    pub(super) fn environments(&self, queue: &QueueName) -> Option<&Vec<Environment>> {
        self.environments.get(queue.short())
    }

    /// A step's code, watched.
    pub(super) fn watched(&self, host: &MemoryHost, step: StepFunction, is_paced: bool) -> StepFunction {
        let (watch, host) = (self.watch.clone(), host.clone());
        Arc::new(move |request| {
            let (watch, host, step) = (watch.clone(), host.clone(), step.clone());
            async move {
                let _running = watch.begin(&host, &request, is_paced);
                step(request).await
            }
            .boxed()
        })
    }
}

/// Whether all messages of a batch wait for slots: one that was received too often doesn't.
pub(super) fn is_paced(queue: &QueueName, deliveries: &[Delivery]) -> bool {
    let waits = |delivery: &Delivery| {
        let body: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
        let before = body["pace"]["receives"].as_u64().unwrap_or(0);
        body.is_object() && before + u64::from(delivery.receive_count) < u64::from(limits::RECEIVES_MAX)
    };
    *queue == QueueName::Step("step0".to_owned()) && deliveries.iter().all(waits)
}

impl World {
    /// When Lambda kills a function that is called now: by its own clock, at the deadline. It is killed before any lease ends
    /// that it took, by any clock.
    pub(super) fn dies_ms(&self, queue: &QueueName, now_ms: i64) -> i64 {
        let late_ms = self.faults.skew_ms + 1_000;
        match queue {
            _ if self.flow.is_none() => i64::MAX,
            QueueName::Step(_) => now_ms + FUNCTION_TIMEOUT_MS + late_ms,
            // It has to outlive the function that it calls.
            QueueName::DeadLetter => now_ms + FUNCTION_TIMEOUT_MS + late_ms + 3_000,
            _ => i64::MAX,
        }
    }

    fn with_flow(mut self, of: &FlowScenario) -> Self {
        let environments = |rate: Option<Rate>| -> Vec<Environment> {
            let environment = |environment: &Environment| {
                let flow = Flow { rate, is_exclusive: of.exclusive };
                let host = environment.host().clone().with_settings(|settings| settings.flow = flow);
                Arc::new(Protocol::new(host))
            };
            self.environments.iter().map(environment).collect()
        };
        let rate = of.rate_per_second.map(|rate| Rate::per_second(rate).unwrap());
        let environments =
            [("step0".to_owned(), environments(rate)), ("step1".to_owned(), environments(None))].into();
        self.flow = Some(Flowing { environments, watch: FlowWatch::new(of) });
        let invoke = self.invoke();
        self.host.state().invoke = Some(invoke);
        self
    }
}
