//! What goes wrong, and how often.

use crate::{
    nested::{FanOuts, Handling},
    updates::Updates,
};

/// Probabilities of faults. Those without a unit are per opportunity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// A process dies at an await.
    pub crash: f64,
    /// A process freezes at an await, also for longer than its visibility timeout.
    pub stall: f64,
    /// A message is delivered twice at once.
    pub duplicate: f64,
    /// An acknowledgement is lost: the message comes again.
    pub lost_acknowledgement: f64,
    /// An operation is throttled: it has no effect, and says so.
    pub throttle: f64,
    /// An operation took effect, but its answer was lost.
    pub lost_answer: f64,
    /// A step fails with an error of its own.
    pub fail: f64,
    /// A step kills its process, whenever this attempt is run.
    pub poison: f64,
    /// A step never answers.
    pub hang: f64,
    /// A step panics.
    pub panic: f64,
    /// The steps answer differently on each delivery.
    pub fickle: bool,
    /// A user stops a run.
    pub stop: f64,
    /// A user redrives a run that ended badly.
    pub redrive: f64,
    /// With this probability a redrive is from a chosen place, with chosen data, or by another definition.
    pub choose: f64,
    /// A user has a run done again that has ended.
    pub rerun: f64,
    /// A user stops a run that goes on to a state which undoes.
    pub compensate: f64,
    /// Nothing fails any more once a run has been redriven twice, and less before. Then a run that has succeeded must have
    /// ended as if nothing had ever failed.
    pub heals: bool,
    /// A user repairs a run that is well.
    pub repair: f64,
    /// A user updates a Map Run of a run that goes on.
    pub update: f64,
    pub updates: Updates,
    /// A user pauses a workflow or a run, or resumes it.
    pub pause: f64,
    /// All queues are purged once.
    pub purge: f64,
    /// Starts come from a caller that may die and doesn't repeat them.
    pub careless_start: bool,
    /// The clocks differ by up to so many milliseconds.
    pub skew_ms: i64,
}

impl Faults {
    pub(crate) const NONE: Faults = NONE;
}

const NONE: Faults = Faults {
    crash: 0.0,
    stall: 0.0,
    duplicate: 0.0,
    lost_acknowledgement: 0.0,
    throttle: 0.0,
    lost_answer: 0.0,
    fail: 0.0,
    poison: 0.0,
    hang: 0.0,
    panic: 0.0,
    fickle: false,
    stop: 0.0,
    redrive: 0.0,
    choose: 0.0,
    rerun: 0.0,
    compensate: 0.0,
    heals: false,
    repair: 0.0,
    update: 0.0,
    updates: Updates::None,
    pause: 0.0,
    purge: 0.0,
    careless_start: false,
    skew_ms: 0,
};

pub(crate) const COMMON: Faults = Faults {
    crash: 0.015,
    stall: 0.01,
    duplicate: 0.12,
    lost_acknowledgement: 0.05,
    throttle: 0.01,
    lost_answer: 0.01,
    fail: 0.08,
    poison: 0.01,
    hang: 0.01,
    panic: 0.02,
    skew_ms: 3_000,
    ..NONE
};

pub(crate) const HEAVY: Faults = Faults {
    crash: 0.03,
    stall: 0.02,
    duplicate: 0.3,
    lost_acknowledgement: 0.2,
    throttle: 0.03,
    lost_answer: 0.03,
    stop: 0.01,
    redrive: 0.05,
    repair: 0.01,
    ..COMMON
};

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    pub name: &'static str,
    pub faults: Faults,
    /// So many runs at once.
    pub runs: usize,
    /// The states of each workflow, without those within its fan-outs.
    pub states: usize,
    /// Whether the workflows fan out.
    pub fan_outs: Option<FanOuts>,
    /// Whether somebody else answers some of the tasks.
    pub holders: bool,
}

/// All kinds of trouble. Seed n of a campaign takes scenario n mod their number.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "no faults", faults: NONE, runs: 3, states: 5, fan_outs: None, holders: false },
    Scenario { name: "faults", faults: COMMON, runs: 3, states: 5, fan_outs: None, holders: false },
    Scenario {
        name: "stop",
        faults: Faults { stop: 0.03, ..COMMON },
        runs: 2,
        states: 5,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "redrive",
        faults: Faults { fail: 0.2, redrive: 0.05, ..COMMON },
        runs: 2,
        states: 4,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "stop and redrive",
        faults: Faults { stop: 0.03, fail: 0.15, redrive: 0.08, ..COMMON },
        runs: 2,
        states: 4,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "repair in flight",
        faults: Faults { repair: 0.05, fail: 0.12, redrive: 0.05, ..COMMON },
        runs: 2,
        states: 5,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "purge",
        faults: Faults { purge: 0.02, ..COMMON },
        runs: 3,
        states: 5,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "careless starts",
        faults: Faults { careless_start: true, crash: 0.03, ..COMMON },
        runs: 3,
        states: 3,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "fickle steps",
        faults: Faults { fickle: true, fail: 0.3, ..COMMON },
        runs: 3,
        states: 5,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "poison",
        faults: Faults { poison: 0.1, ..COMMON },
        runs: 10,
        states: 2,
        fan_outs: None,
        holders: false,
    },
    Scenario { name: "heavy", faults: HEAVY, runs: 2, states: 5, fan_outs: None, holders: false },
    Scenario {
        name: "heavy, failing",
        faults: Faults { fail: 0.3, fickle: true, ..HEAVY },
        runs: 2,
        states: 4,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "hasty stop and redrive",
        faults: Faults { stop: 0.3, redrive: 0.9, stall: 0.04, ..COMMON },
        runs: 1,
        states: 3,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "hasty repair and redrive",
        faults: Faults { fail: 0.5, redrive: 0.9, repair: 0.9, stall: 0.06, fickle: true, ..COMMON },
        runs: 1,
        states: 2,
        fan_outs: None,
        holders: false,
    },
    Scenario {
        name: "short runs, hasty redrive",
        faults: Faults { fail: 0.5, redrive: 0.9, stall: 0.06, duplicate: 0.4, fickle: true, ..COMMON },
        runs: 2,
        states: 2,
        fan_outs: None,
        holders: false,
    },
];

const HEALING: Faults = Faults { fail: 0.15, redrive: 0.1, heals: true, ..COMMON };

pub(crate) const NESTED: Option<FanOuts> =
    Some(FanOuts { depth_max: 2, branches_max: 12, handling: Handling::Any, map_runs: false });
const WIDE: Option<FanOuts> =
    Some(FanOuts { depth_max: 1, branches_max: 200, handling: Handling::Any, map_runs: false });
const DEEP: Option<FanOuts> =
    Some(FanOuts { depth_max: 3, branches_max: 3, handling: Handling::Any, map_runs: false });
const PLAIN: Option<FanOuts> =
    Some(FanOuts { depth_max: 2, branches_max: 12, handling: Handling::None, map_runs: false });
const PLAIN_WIDE: Option<FanOuts> =
    Some(FanOuts { depth_max: 1, branches_max: 200, handling: Handling::None, map_runs: false });
const PLAIN_DEEP: Option<FanOuts> =
    Some(FanOuts { depth_max: 3, branches_max: 3, handling: Handling::None, map_runs: false });

/// All kinds of trouble with workflows that fan out. Seed n of a campaign takes scenario n mod their number.
pub const FAN_OUT_SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "fan-outs, no faults",
        faults: NONE,
        runs: 2,
        states: 2,
        fan_outs: NESTED,
        holders: false,
    },
    Scenario {
        name: "fan-outs, faults",
        faults: COMMON,
        runs: 1,
        states: 2,
        fan_outs: NESTED,
        holders: false,
    },
    Scenario { name: "wide fan-outs", faults: COMMON, runs: 1, states: 1, fan_outs: WIDE, holders: false },
    Scenario {
        name: "wide fan-outs, heavy, stop",
        faults: Faults { stop: 0.02, ..HEAVY },
        runs: 1,
        states: 1,
        fan_outs: WIDE,
        holders: false,
    },
    Scenario { name: "deep fan-outs", faults: COMMON, runs: 1, states: 1, fan_outs: DEEP, holders: false },
    Scenario {
        name: "fan-outs, stop",
        faults: Faults { stop: 0.03, ..COMMON },
        runs: 1,
        states: 2,
        fan_outs: NESTED,
        holders: false,
    },
    Scenario {
        name: "fan-outs, stop and redrive",
        faults: Faults { stop: 0.02, fail: 0.15, redrive: 0.1, ..COMMON },
        runs: 1,
        states: 2,
        fan_outs: NESTED,
        holders: false,
    },
    Scenario {
        name: "fan-outs, repair in flight",
        faults: Faults { repair: 0.05, fail: 0.12, redrive: 0.05, ..COMMON },
        runs: 1,
        states: 2,
        fan_outs: NESTED,
        holders: false,
    },
    Scenario {
        name: "fan-outs, purge",
        faults: Faults { purge: 0.02, ..COMMON },
        runs: 1,
        states: 2,
        fan_outs: NESTED,
        holders: false,
    },
    Scenario {
        name: "fan-outs, fickle steps",
        faults: Faults { fickle: true, fail: 0.2, ..COMMON },
        runs: 1,
        states: 2,
        fan_outs: NESTED,
        holders: false,
    },
    Scenario {
        name: "fan-outs, poison",
        faults: Faults { poison: 0.1, ..COMMON },
        runs: 2,
        states: 1,
        fan_outs: NESTED,
        holders: false,
    },
    Scenario {
        name: "fan-outs, slow duplicates",
        faults: Faults { fail: 0.4, fickle: true, duplicate: 0.6, crash: 0.05, stall: 0.08, ..COMMON },
        runs: 1,
        states: 1,
        fan_outs: NESTED,
        holders: false,
    },
    Scenario { name: "fan-outs, heavy", faults: HEAVY, runs: 1, states: 2, fan_outs: NESTED, holders: false },
    Scenario {
        name: "fan-outs, heavy, failing",
        faults: Faults { fail: 0.3, fickle: true, ..HEAVY },
        runs: 1,
        states: 2,
        fan_outs: NESTED,
        holders: false,
    },
];

/// All kinds of trouble with tasks that somebody else answers. Seed n of a campaign takes scenario n mod their number.
pub const TASK_SCENARIOS: &[Scenario] = &[
    Scenario { name: "tasks, no faults", faults: NONE, runs: 2, states: 4, fan_outs: None, holders: true },
    Scenario { name: "tasks, faults", faults: COMMON, runs: 2, states: 4, fan_outs: None, holders: true },
    Scenario {
        name: "tasks, fickle steps",
        faults: Faults { fickle: true, fail: 0.3, ..COMMON },
        runs: 2,
        states: 4,
        fan_outs: None,
        holders: true,
    },
    Scenario {
        name: "tasks, stop",
        faults: Faults { stop: 0.03, ..COMMON },
        runs: 2,
        states: 4,
        fan_outs: None,
        holders: true,
    },
    Scenario {
        name: "tasks, stop and redrive",
        faults: Faults { stop: 0.03, fail: 0.15, redrive: 0.08, ..COMMON },
        runs: 2,
        states: 3,
        fan_outs: None,
        holders: true,
    },
    Scenario {
        name: "tasks, repair in flight",
        faults: Faults { repair: 0.05, fail: 0.12, redrive: 0.05, ..COMMON },
        runs: 2,
        states: 4,
        fan_outs: None,
        holders: true,
    },
    Scenario {
        name: "tasks, purge",
        faults: Faults { purge: 0.02, ..COMMON },
        runs: 2,
        states: 4,
        fan_outs: None,
        holders: true,
    },
    Scenario {
        name: "tasks, poison",
        faults: Faults { poison: 0.1, ..COMMON },
        runs: 4,
        states: 2,
        fan_outs: None,
        holders: true,
    },
    Scenario {
        name: "tasks, heavy",
        faults: Faults { fickle: true, ..HEAVY },
        runs: 2,
        states: 3,
        fan_outs: None,
        holders: true,
    },
    Scenario {
        name: "tasks in fan-outs",
        faults: COMMON,
        runs: 1,
        states: 1,
        fan_outs: NESTED,
        holders: true,
    },
    Scenario {
        name: "tasks in fan-outs, stop",
        faults: Faults { stop: 0.03, fail: 0.1, ..COMMON },
        runs: 1,
        states: 1,
        fan_outs: NESTED,
        holders: true,
    },
    Scenario { name: "redrive heals", faults: HEALING, runs: 1, states: 2, fan_outs: PLAIN, holders: false },
    Scenario {
        name: "redrive heals, stop",
        faults: Faults { stop: 0.03, ..HEALING },
        runs: 1,
        states: 2,
        fan_outs: PLAIN,
        holders: false,
    },
    Scenario {
        name: "redrive heals, wide",
        faults: Faults { fail: 0.02, poison: 0.002, hang: 0.002, panic: 0.005, stop: 0.01, ..HEALING },
        runs: 1,
        states: 1,
        fan_outs: PLAIN_WIDE,
        holders: false,
    },
    Scenario {
        name: "redrive heals, deep",
        faults: Faults { stop: 0.03, ..HEALING },
        runs: 1,
        states: 1,
        fan_outs: PLAIN_DEEP,
        holders: false,
    },
    Scenario {
        name: "redrive heals, repair",
        faults: Faults { repair: 0.05, stop: 0.02, ..HEALING },
        runs: 1,
        states: 2,
        fan_outs: PLAIN,
        holders: false,
    },
    Scenario {
        name: "redrive heals, purge",
        faults: Faults { purge: 0.02, ..HEALING },
        runs: 1,
        states: 2,
        fan_outs: PLAIN,
        holders: false,
    },
    Scenario {
        name: "redrive heals, heavy",
        faults: Faults { fail: 0.2, redrive: 0.9, heals: true, stop: 0.05, ..HEAVY },
        runs: 1,
        states: 2,
        fan_outs: PLAIN,
        holders: false,
    },
];

const MAP_RUNS: Option<FanOuts> =
    Some(FanOuts { depth_max: 1, branches_max: 12, handling: Handling::Any, map_runs: true });
const MAP_RUNS_WIDE: Option<FanOuts> =
    Some(FanOuts { depth_max: 1, branches_max: 80, handling: Handling::Any, map_runs: true });
const MAP_RUNS_NESTED: Option<FanOuts> =
    Some(FanOuts { depth_max: 2, branches_max: 5, handling: Handling::Any, map_runs: true });
const MAP_RUNS_PLAIN: Option<FanOuts> =
    Some(FanOuts { depth_max: 1, branches_max: 12, handling: Handling::None, map_runs: true });

const UPDATING: Faults = Faults { update: 0.3, updates: Updates::Concurrency, ..COMMON };
const UPDATING_ALL: Faults = Faults { updates: Updates::Any, fail: 0.2, ..UPDATING };

const fn updates(name: &'static str, faults: Faults, fan_outs: Option<FanOuts>) -> Scenario {
    Scenario { name, faults, runs: 1, states: 1, fan_outs, holders: false }
}

/// All kinds of trouble with Map Runs that are updated. Seed n of a campaign takes scenario n mod their number.
pub const UPDATE_SCENARIOS: &[Scenario] = &[
    updates("updates, no faults", Faults { update: 0.3, updates: Updates::Concurrency, ..NONE }, MAP_RUNS),
    updates("updates, faults", UPDATING, MAP_RUNS),
    updates("updates, wide", UPDATING, MAP_RUNS_WIDE),
    updates("updates, nested", UPDATING, MAP_RUNS_NESTED),
    updates("updates, hasty", Faults { update: 0.9, ..UPDATING }, MAP_RUNS),
    updates("updates of thresholds", UPDATING_ALL, MAP_RUNS),
    updates("updates of thresholds, wide", UPDATING_ALL, MAP_RUNS_WIDE),
    updates("updates of thresholds, nested", UPDATING_ALL, MAP_RUNS_NESTED),
    updates("updates, stop", Faults { stop: 0.03, ..UPDATING_ALL }, MAP_RUNS),
    updates("updates, stop and redrive", Faults { stop: 0.02, redrive: 0.1, ..UPDATING_ALL }, MAP_RUNS),
    updates(
        "updates, stop and redrive, nested",
        Faults { stop: 0.02, redrive: 0.1, ..UPDATING_ALL },
        MAP_RUNS_NESTED,
    ),
    updates("updates, repair", Faults { repair: 0.05, redrive: 0.05, ..UPDATING_ALL }, MAP_RUNS),
    updates("updates, purge", Faults { purge: 0.02, ..UPDATING_ALL }, MAP_RUNS),
    updates("updates, fickle steps", Faults { fickle: true, ..UPDATING_ALL }, MAP_RUNS),
    updates("updates, heavy", Faults { update: 0.3, updates: Updates::Any, ..HEAVY }, MAP_RUNS),
    updates(
        "updates, healing",
        Faults { update: 0.3, updates: Updates::Concurrency, ..HEALING },
        MAP_RUNS_PLAIN,
    ),
];

const WISHING: Faults = Faults { fail: 0.2, redrive: 0.3, choose: 0.8, rerun: 0.1, ..COMMON };

const fn wishes(name: &'static str, faults: Faults, states: usize, fan_outs: Option<FanOuts>) -> Scenario {
    Scenario { name, faults, runs: 1, states, fan_outs, holders: false }
}

/// All kinds of trouble with runs that go on, or are done again, as somebody has chosen.
pub const WISH_SCENARIOS: &[Scenario] = &[
    wishes("wishes, no faults", Faults { fail: 0.3, redrive: 0.3, choose: 0.8, rerun: 0.1, ..NONE }, 4, None),
    wishes("wishes, faults", WISHING, 4, None),
    wishes("wishes, fan-outs", WISHING, 2, PLAIN),
    wishes("wishes, fan-outs, no faults", Faults { fail: 0.3, redrive: 0.3, choose: 0.8, ..NONE }, 2, PLAIN),
    wishes("wishes, deep", WISHING, 2, DEEP),
    wishes("wishes, stop", Faults { stop: 0.05, ..WISHING }, 2, PLAIN),
    wishes("wishes, Map Runs", WISHING, 1, MAP_RUNS),
    wishes("wishes, repair", Faults { repair: 0.05, ..WISHING }, 2, PLAIN),
    wishes("wishes, purge", Faults { purge: 0.02, ..WISHING }, 2, PLAIN),
    wishes("wishes, heavy", Faults { fail: 0.2, redrive: 0.3, choose: 0.8, rerun: 0.05, ..HEAVY }, 3, PLAIN),
    wishes("compensation, no faults", Faults { compensate: 0.1, ..NONE }, 4, None),
    wishes("compensation", Faults { compensate: 0.05, ..COMMON }, 4, None),
    wishes("compensation, fan-outs", Faults { compensate: 0.05, ..COMMON }, 2, PLAIN),
    wishes("compensation, stop and redrive", Faults { compensate: 0.05, stop: 0.02, ..WISHING }, 2, PLAIN),
    wishes("compensation, heavy", Faults { compensate: 0.05, ..HEAVY }, 3, PLAIN),
];

const PAUSING: Faults = Faults { pause: 0.15, ..COMMON };

const fn pauses(name: &'static str, faults: Faults, runs: usize, fan_outs: Option<FanOuts>) -> Scenario {
    let states = if fan_outs.is_some() { 2 } else { 4 };
    Scenario { name, faults, runs, states, fan_outs, holders: false }
}

/// All kinds of trouble with workflows and runs that are paused and resumed. Seed n of a campaign takes scenario n mod their number.
pub const PAUSE_SCENARIOS: &[Scenario] = &[
    pauses("pauses, no faults", Faults { pause: 0.15, ..NONE }, 3, None),
    pauses("pauses, faults", PAUSING, 3, None),
    // Where each look at the control item succeeds, nothing begins late.
    pauses("pauses, no throttles", Faults { throttle: 0.0, lost_answer: 0.0, ..PAUSING }, 3, None),
    pauses("pauses, hasty", Faults { pause: 0.6, throttle: 0.0, lost_answer: 0.0, ..PAUSING }, 2, None),
    pauses("pauses, twice", Faults { duplicate: 0.5, ..PAUSING }, 2, None),
    pauses("pauses, poison", Faults { poison: 0.1, ..PAUSING }, 5, None),
    pauses("pauses, fickle steps", Faults { fickle: true, fail: 0.3, ..PAUSING }, 3, None),
    pauses("pauses, stop", Faults { stop: 0.03, ..PAUSING }, 2, None),
    pauses("pauses, redrive", Faults { fail: 0.2, redrive: 0.05, ..PAUSING }, 2, None),
    pauses("pauses, repair", Faults { repair: 0.05, ..PAUSING }, 2, None),
    pauses("pauses, purge", Faults { purge: 0.02, ..PAUSING }, 3, None),
    pauses("pauses, heavy", Faults { pause: 0.15, ..HEAVY }, 2, None),
    pauses("pauses in fan-outs", PAUSING, 1, NESTED),
    pauses("pauses in wide fan-outs", PAUSING, 1, WIDE),
    pauses("pauses in fan-outs, stop", Faults { stop: 0.03, ..PAUSING }, 1, NESTED),
    Scenario { name: "pauses, tasks", faults: PAUSING, runs: 2, states: 4, fan_outs: None, holders: true },
    Scenario {
        name: "pauses, tasks, heavy",
        faults: Faults { pause: 0.15, ..HEAVY },
        runs: 2,
        states: 3,
        fan_outs: None,
        holders: true,
    },
];

/// A long chain of steps, each slower than the visibility timeout.
pub(crate) const SLOW_CHAIN: Scenario = Scenario {
    name: "slow chain",
    faults: Faults { crash: 0.003, stall: 0.002, duplicate: 0.15, lost_acknowledgement: 0.08, ..NONE },
    runs: 1,
    states: 24,
    fan_outs: None,
    holders: false,
};

/// A wide Map of steps that fail only where they are to.
pub(crate) const TREES: Scenario = Scenario {
    name: "trees",
    faults: Faults { fail: 0.0, poison: 0.0, hang: 0.0, panic: 0.0, stall: 0.004, ..COMMON },
    runs: 1,
    states: 1,
    fan_outs: None,
    holders: false,
};
