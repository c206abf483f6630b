//! Delivery and recovery: how a transition happens exactly once although messages arrive twice, late or never, and
//! although whoever handles one may die at any point.
//!
//! Generic over [`Host`], with no AWS in it. Names nothing of a queue's or a database's own interface.

mod activities;
mod aliases;
mod answer;
mod backlog;
mod batch;
mod branch_ends;
mod child;
mod compensate;
mod dead_letter;
mod definitions;
mod deliver;
mod effects;
mod execute;
mod fan_out;
mod fan_outs;
mod glance;
mod heap;
mod integration;
mod item;
mod items;
pub mod json;
mod lease;
pub mod limits;
mod line;
mod log;
mod map_runs;
mod message;
mod metrics;
mod objects;
mod pace;
mod park;
mod pause;
mod payload;
mod planted;
mod publish;
mod query;
mod read;
mod redrive;
mod repair;
mod rerun;
mod schedule;
mod search;
mod settings;
mod start;
mod status;
mod stop;
mod sweep;
mod tags;
mod task;
mod tasks;
mod tenant;
mod together;
mod traits;
mod uploads;
mod versions;
mod waits;
mod walk;
mod workflows;

pub use activities::{Activities, ActivityItem};
pub use aliases::{AliasChange, AliasWritten};
pub use answer::{Answer, AskError, Asked, Awaited};
pub use backlog::{Backlog, Depths, Go, Kept, KeptMessage, Letter, LookEnd, Looked};
pub use batch::{Delivery, Disposition, Invocation, StepFailure, StepFunction, StepRequest};
pub use branch_ends::BranchEnding;
pub use dead_letter::{Solo, SoloAnswer, SoloDelivery};
pub use definitions::Current;
pub use execute::error_cause;

pub use fan_outs::{
    Ended, EndedHow, FanOuts, Node, Part, PartKey, PartReport, Partition, Progress, Tally, TallyKey,
};
pub use glance::Glance;
pub use heap::on_heap;
pub use integration::{IntegrationCall, Integrations};
pub use item::{
    Close, Ending, ITEM_VERSION, ParentTask, Record, RecordKey, Redefined, Redrive, RedriveItem, RerunOf,
    RunId, RunItem, RunKey, WorkflowItem,
};
pub use items::Items;
pub use lease::{Lease, LeaseTaken, Leases};
pub use map_runs::{
    ChildPage, ChildStatus, ChildrenAsked, Counts, MapRunChild, MapRunChildData, MapRunCounts, MapRunEnd,
    MapRunFound, MapRunItem, MapRunKey, MapRunNow, MapRunSettings, MapRunStatus, MapRunUpdated, MapRuns,
};
pub use message::{Ask, Enclosing, Given, Lock, MESSAGE_VERSION, Message, StatusChange, Unreadable};
pub use metrics::{Metric, Metrics};
pub use objects::{Chunk, Formats, ListPage, Listed, Listing, ObjectError, ObjectName, Objects};
pub use pace::{Pace, Paces, Rate, Slots, SlotsAsked};
pub use park::Parked;
pub use pause::{Controls, HeldMessage, Pausable, PauseDone, PauseWritten, PausedBy, Pauses};
pub use payload::{BlobRef, Payload};
pub use planted::PlantedBug;
pub use publish::VersionDeleted;
pub use query::{Candidate, Judged, Place, Plan, Query, QueryError, Source, Walk};
pub use read::{Bounded, RecordPages, Recording, RunView};
pub use redrive::{Choice, RedrivePreview, Unplaced};
pub use repair::Repaired;
pub use rerun::{RerunError, RerunPreview, RerunRequest};
pub use search::{FoundRun, SearchItem, SearchKey, SearchPath, SearchPaths, Searches};
pub use settings::{Flow, Settings, StatusEvents, WorkflowSettings};
pub use start::{StartError, StartRequest, Started, body_to_resend, check_name};
pub use stepladder_asl::WorkflowType;
pub use stop::Requested;
pub use sweep::Swept;
pub use tags::TagsChanged;
pub use task::{TaskDone, TaskError, TaskTaken};
pub use tasks::{EndTask, TaskAnswer, TaskItem, TaskState, Tasks};
pub use tenant::{TenantPath, tenant_of_body};
pub use together::{BatchCall, BatchFunction, panicked};
pub use traits::{
    Absent, Blobs, Clock, CreateRun, DataSlot, Events, Functions, Host, Invoked, ListedRun, ListedWorkflow,
    Outgoing, PutRecord, Queue, QueueName, Retry, Schedule, Scheduled, Schedules, SendError, StatusEvent,
    Store, WorkflowBefore, WorldError, WorldResult,
};
pub use uploads::UploadRule;
pub use versions::{AliasItem, Beside, Qualifier, Route, Tagged, TagsItem, VersionItem, Versions};
pub use waits::{Timer, TimerKind, Wait};
pub use workflows::{MadeWith, NewVersion, WorkflowChange, WorkflowChanged, WorkflowCreated, uuid};

/// The delivery protocol over a world.
#[derive(Debug)]
pub struct Protocol<H> {
    host: H,
    definitions: definitions::Definitions,
    metrics: Metrics,
    controls: pause::Known,
    /// Files whose rows lie in groups are read one at a time: a group takes much memory.
    group: futures::lock::Mutex<()>,
}

impl<H: Host> Protocol<H> {
    pub fn new(host: H) -> Self {
        let (definitions, metrics) = (definitions::Definitions::default(), Metrics::default());
        let controls = pause::Known::default();
        Self { host, definitions, metrics, controls, group: futures::lock::Mutex::new(()) }
    }

    pub fn host(&self) -> &H {
        &self.host
    }

    /// What this process has counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn planted(&self, bug: PlantedBug) -> bool {
        self.host.planted() == Some(bug)
    }
}
