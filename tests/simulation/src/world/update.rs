//! Users that update Map Runs.

use super::World;
use crate::updates;
use rand::Rng;
use stepladder_protocol::{RunId, RunItem};

impl World {
    /// One of a run's Map Runs is updated, if it has one.
    pub(super) fn update_map_run(&mut self, id: RunId, item: &RunItem) {
        let mut of_run = self.host.state().map_runs.of(&item.key());
        if of_run.is_empty() {
            return;
        }
        let map_run = of_run.swap_remove(self.rng.random_range(0..of_run.len())).id;
        let wish = updates::wish(&mut self.rng, self.faults.updates);
        let protocol = self.environment();
        self.user(async move {
            if let Ok(Some(found)) = protocol.find_map_run(&id.workflow, &map_run).await {
                drop(protocol.update_map_run(&found, wish).await);
            }
        });
    }
}
