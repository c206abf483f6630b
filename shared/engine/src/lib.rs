//! The state machine as a pure function: definition, run, position and outcome give a transition.
//!
//! Nothing in here is async, reads a clock, does I/O or draws randomness: time and seed come in as arguments. So the
//! same outcome gives the same transition wherever and however often it is computed, and a run's history, its pending
//! positions and the effects of its last transition can all be computed again from what was recorded ([`replay`]).
//!
//! ```
//! use stepladder_asl::Definition;
//! use stepladder_engine::{advance, start, Next, Outcome, Phase, Run, Status};
//! use serde_json::json;
//!
//! let definition = Definition::parse(r#"{
//!     "StartAt": "Charge",
//!     "States": { "Charge": {
//!         "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:charge", "End": true
//!     } }
//! }"#).unwrap();
//! let run = Run::for_test("order", "order-17");
//!
//! let Next::Wait(position) = start(&definition, &run, json!({"total": 12}), 0).next else { panic!() };
//! assert_eq!(position.state, "Charge");
//!
//! let paid = Outcome::Succeeded { output: json!({"paid": true}) };
//! let Next::End(end) = advance(&definition, &run, &position, &paid, 40).next else { panic!() };
//! assert_eq!((end.status, end.output), (Status::Succeeded, Some(json!({"paid": true}))));
//! ```

mod advance;
mod call;
mod checkpoint;
mod chosen;
mod event;
mod fan_out;
mod history;
mod inspect;
pub mod limits;
mod merge;
mod outcome;
mod position;
mod present;
mod redrive;
mod rehearsal;
mod replay;
mod run;
mod size;
mod test_state;
mod token;
mod tour;
mod trace;
mod transition;
mod update;

pub use advance::{advance, start, start_branch};
pub use call::{
    CalledService, Callee, StepCall, callee, function_of, resource_of, service_call, step_call,
    waits_for_answer,
};
pub use chosen::{Beginning, Chosen, Definitions, RunDefinitions, Skipped};
pub use event::{Event, HistoryEvent, Integration};
pub use fan_out::{
    BranchInput, Children, Inputs, ItemRow, Made, Manifest, MapRun, MapRunLimits, ObjectFormat, Place,
    Source, SourceObject, Transformation, Writing, branch_inputs, map_run, map_run_limits, source, writing,
};
pub use history::{History, HistoryOrder, Needed, RecordsPart};
pub use inspect::{ErrorDetails, Inspection};
pub use outcome::{Limit, Outcome, Phase};
pub use position::{Awaiting, Branch, Child, FanOut, Fork, MapItem, Opening, Position, Reading};
pub use present::present;
pub use redrive::{Around, ChosenBranch, GoesOn, Kept, Left, Plan, PlanAt, Resumes, Resumption};
pub use rehearsal::{Rehearsal, RehearsalError, Waiting};
pub use replay::{BranchReplay, Follower, Recorded, Records, Replay, ReplayError, replay};
pub use run::{MAP_RUN_DIGITS, Run, map_run_digits};
pub use test_state::{
    LONE_STATE, Mock, StateTest, StateTestError, StateTested, TestStatus, machine_of, test_state,
};
pub use token::{TOKEN_CHARS_MAX, TaskKey, TaskToken};
pub use transition::{Effect, End, Next, Status, Target, Transition};
pub use update::{PastFailure, Update, Updated, Wish};

/// The number of the rules by which this engine computes. A record keeps it: a later engine replays an old run by the
/// old rules.
pub const SEMANTICS: u32 = 1;
