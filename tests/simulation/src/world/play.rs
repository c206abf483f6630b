//! Whole seeds, from the first start to the verdict.

use super::{Report, VISIBILITY_MS, Wanted, World};
use crate::{
    holders, nested,
    scenario::{SLOW_CHAIN, Scenario},
    workflows,
};
use rand::Rng;
use serde_json::json;
use std::sync::Arc;
use stepladder_protocol::{PlantedBug, RunId};

/// Runs one seed of a scenario to its end.
pub fn simulate(seed: u64, scenario: &Scenario, planted: Option<PlantedBug>) -> Report {
    play(World::new(seed, scenario, planted), scenario)
}

pub(super) fn play(mut world: World, scenario: &Scenario) -> Report {
    let wanted: Vec<Wanted> = (0..scenario.runs)
        .map(|index| {
            let may_time_out = scenario.faults.stop > 0.0 && !scenario.faults.heals;
            let id = RunId::new(format!("w{index}"), format!("run-{index}"));
            let (rng, states) = (&mut world.rng, scenario.states);
            let (definition, input) = match scenario.fan_outs {
                None => (workflows::random(rng, states, may_time_out), json!({ "index": index })),
                Some(shape) => {
                    let definition = nested::random(rng, states, shape, may_time_out);
                    (definition, nested::input(rng, index, shape))
                }
            };
            let definition = match scenario.holders {
                true => holders::hand_out(rng, &definition),
                false => definition,
            };
            Wanted { id, definition: Arc::new(definition), input }
        })
        .collect();
    world.publish(&wanted);
    world.start(&wanted);
    world.run(&wanted);
    world.judge(&wanted);
    // The same names again, once the first runs have expired: other runs, with other seeds.
    if world.rng.random_bool(0.1) && world.is_well() {
        world.forget(&wanted);
        world.start(&wanted);
        world.run(&wanted);
        world.judge(&wanted);
    }
    world.report()
}

/// The messages per position early and late in a chain whose steps are slower than the visibility timeout.
pub fn slow_chain(seed: u64, planted: Option<PlantedBug>) -> (f64, f64, Report) {
    let mut world = World::new(seed, &SLOW_CHAIN, planted);
    let definition = Arc::new(workflows::chain(SLOW_CHAIN.states));
    let wanted = [Wanted { id: RunId::new("chain", "run"), definition, input: json!({}) }];
    {
        let mut state = world.host.state();
        state.lag_ms = 60 * VISIBILITY_MS;
        state.watch.counts_messages = true;
    }
    world.publish(&wanted);
    world.start(&wanted);
    world.run(&wanted);
    world.judge(&wanted);
    let late = SLOW_CHAIN.states as u32;
    let (early, late) = {
        let watch = &world.host.state().watch;
        (watch.messages_per_position(1..7), watch.messages_per_position(late - 6..late))
    };
    (early, late, world.report())
}
