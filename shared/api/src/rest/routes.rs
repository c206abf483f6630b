//! All routes: what they take, and what they answer.

use super::again::{Redriven, Rerun};
use super::shapes::{
    Answered, DeadLetters, Document, Events, NewRun, Paused, ProblemPage, Queues, RunDetails, Runs, Stopped,
    TimerKind, Timers, WorkflowDetails, WorkflowGraph, Workflows,
};
use crate::limits::{
    KEPT_MESSAGES, KEPT_MESSAGES_MAX, PAGE_RESULTS, PAGE_RESULTS_MAX, REST_ANSWER_SECONDS, REST_RUNS,
    REST_RUNS_MAX, REST_TIMER_RUNS, REST_TIMER_RUNS_MAX,
};
use http::Method;
use std::collections::BTreeSet;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

/// One route.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// Parameters of the path in braces.
    pub(super) path: &'static str,
    pub(super) operation: Operation,
    /// The operation's name in the document.
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) query: &'static [Parameter],
    /// Of a body.
    pub(super) body: Option<fn(&mut Schemas) -> String>,
    pub(super) answer: fn(&mut Schemas) -> String,
}

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    ListRuns,
    GetRun,
    StartRun,
    StopRun,
    RedriveRun,
    RerunRun,
    PauseRun,
    ResumeRun,
    PauseWorkflow,
    ResumeWorkflow,
    GetRunHistory,
    ListTimers,
    ListWorkflows,
    GetWorkflow,
    GetWorkflowGraph,
    ListQueues,
    ListDeadLetters,
    GetProblem,
    GetDocument,
}

impl Route {
    /// The statuses that it refuses with.
    pub(super) fn refusals(&self) -> BTreeSet<u16> {
        let has = |name: &str| self.query.iter().any(|parameter| parameter.name == name);
        let mut statuses = BTreeSet::from([400, 403, 500]);
        if self.path.contains('{') || has("workflow") {
            statuses.insert(404);
        }
        if self.method == Method::POST {
            statuses.extend([408, 409, 413, 415]);
        }
        if self.operation == Operation::StartRun {
            statuses.insert(422);
        }
        match self.operation {
            Operation::GetProblem | Operation::GetDocument => {}
            _ => statuses.extend([429, 503]),
        }
        if matches!(self.operation, Operation::ListQueues | Operation::ListDeadLetters) {
            statuses.insert(501);
        }
        statuses
    }
}

/// What a status tells.
pub(super) const REFUSALS: [(u16, &str); 12] = [
    (400, "A parameter, a cursor or the body is not what it should be."),
    (403, "A page of another origin has asked."),
    (404, "It is not there."),
    (408, "The body does not arrive."),
    (409, "The run has ended, its name is taken by one with another input, or too much is paused."),
    (413, "The body is too large."),
    (415, "The body is no JSON by its content type."),
    (422, "The run did not succeed."),
    (429, "The stack has too much to do: try again."),
    (500, "The stack answered with an error."),
    (501, "This server does not look into queues."),
    (503, "The stack can't be reached: try again."),
];

/// A parameter of a query.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    pub(super) about: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    Text {
        chars_max: usize,
    },
    /// 1 to `max`.
    Number {
        usual: u64,
        max: u64,
    },
    /// `1s` to `300s`.
    Seconds {
        usual: u64,
    },
    OneOf(&'static [&'static str]),
    /// It may stand several times.
    Several(&'static [&'static str]),
    /// RFC 3339.
    Time,
    Flag {
        usual: bool,
    },
}

/// Schemas by name.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// Adds the schema of a shape, and of all that is in it; its name.
fn schema<T: ToSchema>(schemas: &mut Schemas) -> String {
    T::schemas(schemas);
    let name = T::name().into_owned();
    schemas.push((name.clone(), T::schema()));
    name
}

const STATUSES: [&str; 5] = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];
/// The queues of messages that nobody could handle.
const KEPT: [&str; 2] = ["parked", "dead-letter"];
const NAME_CHARS_MAX: usize = 80;

const CURSOR: Parameter = Parameter {
    name: "cursor",
    takes: Takes::Text { chars_max: 3_096 },
    about: "Where the page begins: `next` of the one before. It is good for a day, and for the same other parameters.",
};

const WORKFLOW: Parameter = Parameter {
    name: "workflow",
    takes: Takes::Text { chars_max: NAME_CHARS_MAX },
    about: "Only runs of this workflow.",
};

const DEFINITION: Parameter = Parameter {
    name: "definition",
    takes: Takes::Text { chars_max: 64 },
    about: "The hash of a definition that the workflow has or had, as a run tells it; unless given, the one that new runs take.",
};

const fn limit(usual: u64, max: u64) -> Parameter {
    Parameter { name: "limit", takes: Takes::Number { usual, max }, about: "How many at most." }
}

const fn data(about: &'static str) -> Parameter {
    Parameter { name: "data", takes: Takes::Flag { usual: false }, about }
}

pub(super) static ROUTES: [Route; 19] = [
    Route {
        method: Method::GET,
        path: "/api/v1/runs",
        operation: Operation::ListRuns,
        name: "listRuns",
        summary: "The runs, newest first",
        description: "Of one workflow, or of all together where there are not more than 50. A filter by status has to look at \
                      each run: after 1,000 the page ends, with fewer runs than asked for or none, and says how many it looked \
                      at. A query reads the shortest list that holds all that fits: that of a search attribute's value, else of the \
                      runs that ended so, which come by their end. A run of the last moment may be missing.",
        query: &[
            WORKFLOW,
            Parameter {
                name: "where",
                takes: Takes::Text { chars_max: 1_024 },
                about: "Only runs that fit all terms of a query, like `status=failed state=Charge error=Timeout since=2h`; also by the \
                        search attributes of the workflows.",
            },
            Parameter {
                name: "status",
                takes: Takes::Several(&STATUSES),
                about: "Only runs with one of these statuses; it may stand several times.",
            },
            limit(REST_RUNS, REST_RUNS_MAX),
            CURSOR,
        ],
        body: None,
        answer: schema::<Runs>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/runs/{workflow}/{run}",
        operation: Operation::GetRun,
        name: "getRun",
        summary: "One run",
        description: "How it went, or where it is.",
        query: &[
            data("Also its input and its output."),
            Parameter {
                name: "waits",
                takes: Takes::Flag { usual: true },
                about: "Of a run that still goes: what its branches wait for. All of its records are read for it.",
            },
        ],
        body: None,
        answer: schema::<RunDetails>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/runs/{workflow}/{run}/history",
        operation: Operation::GetRunHistory,
        name: "getRunHistory",
        summary: "The events of a run, page by page",
        description: "AWS's events, with their details as JSON. A page may have fewer than asked for where their data are large.",
        query: &[
            Parameter {
                name: "order",
                takes: Takes::OneOf(&["oldest", "newest"]),
                about: "Which come first; unless given the oldest.",
            },
            data("Also the inputs, outputs, parameters and variables."),
            limit(PAGE_RESULTS as u64, PAGE_RESULTS_MAX as u64),
            CURSOR,
        ],
        body: None,
        answer: schema::<Events>,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/runs/{workflow}/{run}/stop",
        operation: Operation::StopRun,
        name: "stopRun",
        summary: "End a run ABORTED",
        description: "At most one more step runs per branch, if its message was already under way. To repeat it is safe. With \
                      `compensate` the run goes on to a state that undoes, and ends as its definition says.",
        query: &[],
        body: Some(schema::<super::shapes::Stop>),
        answer: schema::<Stopped>,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/runs/{workflow}/{run}/redrive",
        operation: Operation::RedriveRun,
        name: "redriveRun",
        summary: "Send a run on that ended badly",
        description: "The same run goes on, and its history is appended to: from where it ended, or from a state that is chosen; with the \
                      data that the state saw, or others; by its own definition, or another. 202: it was busy, and goes on within \
                      minutes.",
        query: &[],
        body: Some(schema::<super::again::Redrive>),
        answer: schema::<Redriven>,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/runs/{workflow}/{run}/rerun",
        operation: Operation::RerunRun,
        name: "rerunRun",
        summary: "Do a run again that has ended",
        description: "A new run begins where the old one did, or at a state of it with what that saw, and points to the old one, which \
                      stays as it is. It answers with 202 as soon as the run is started.",
        query: &[],
        body: Some(schema::<super::again::NewRerun>),
        answer: schema::<Rerun>,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/runs/{workflow}/{run}/pause",
        operation: Operation::PauseRun,
        name: "pauseRun",
        summary: "Pause a run",
        description: "Within five seconds none of its steps' code begins any more; what has begun ends, and time goes on. To repeat it \
                      is safe and answers the same. The answer also tells whether the run's workflow is paused.",
        query: &[],
        body: Some(schema::<super::shapes::Nothing>),
        answer: schema::<Paused>,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/runs/{workflow}/{run}/resume",
        operation: Operation::ResumeRun,
        name: "resumeRun",
        summary: "End the pause of a run",
        description: "It goes on within moments, unless its workflow is paused too. To repeat it is safe and answers the same.",
        query: &[],
        body: Some(schema::<super::shapes::Nothing>),
        answer: schema::<Paused>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/timers",
        operation: Operation::ListTimers,
        name: "listTimers",
        summary: "What runs wait for, and until when",
        description: "No index holds these times: it walks the list of runs, newest first, and reads each one that goes on with all \
                      of its records. So a page is sorted, and the whole is not. It ends after `limit` running runs, 1,000 runs \
                      in all, 10,000 records or 1,000 timers, perhaps with nothing found.",
        query: &[
            WORKFLOW,
            Parameter {
                name: "kind",
                takes: Takes::Several(&TimerKind::NAMES),
                about: "Only timers of one of these kinds; it may stand several times.",
            },
            Parameter {
                name: "before",
                takes: Takes::Time,
                about: "Only timers that are due before this time.",
            },
            Parameter {
                name: "limit",
                takes: Takes::Number { usual: REST_TIMER_RUNS, max: REST_TIMER_RUNS_MAX },
                about: "How many running runs are read at most.",
            },
            CURSOR,
        ],
        body: None,
        answer: schema::<Timers>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/workflows",
        operation: Operation::ListWorkflows,
        name: "listWorkflows",
        summary: "The workflows, by name",
        description: "Those that have a current definition.",
        query: &[limit(PAGE_RESULTS as u64, PAGE_RESULTS_MAX as u64), CURSOR],
        body: None,
        answer: schema::<Workflows>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/workflows/{workflow}",
        operation: Operation::GetWorkflow,
        name: "getWorkflow",
        summary: "One workflow, with its definition",
        description: "The definition is the same JSON as was given, without its white space.",
        query: &[DEFINITION],
        body: None,
        answer: schema::<WorkflowDetails>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/workflows/{workflow}/graph",
        operation: Operation::GetWorkflowGraph,
        name: "getWorkflowGraph",
        summary: "A definition as nodes and edges",
        description: "What `stepladder graph --format json` writes: edges name nodes by their place in the group, and what stands \
                      inside a Parallel or a Map state is a group of its node.",
        query: &[DEFINITION],
        body: None,
        answer: schema::<WorkflowGraph>,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/workflows/{workflow}/pause",
        operation: Operation::PauseWorkflow,
        name: "pauseWorkflow",
        summary: "Pause a workflow with all of its runs",
        description: "Within five seconds no code of a step of its runs begins any more. Starts are accepted, and their first steps wait. \
                      To repeat it is safe and answers the same.",
        query: &[],
        body: Some(schema::<super::shapes::Nothing>),
        answer: schema::<Paused>,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/workflows/{workflow}/resume",
        operation: Operation::ResumeWorkflow,
        name: "resumeWorkflow",
        summary: "End the pause of a workflow",
        description: "Its runs go on, 50 a second; those that are paused by themselves stay paused. To repeat it is safe and answers the \
                      same.",
        query: &[],
        body: Some(schema::<super::shapes::Nothing>),
        answer: schema::<Paused>,
    },
    Route {
        method: Method::POST,
        path: "/api/v1/workflows/{workflow}/runs",
        operation: Operation::StartRun,
        name: "startRun",
        summary: "Start a run, and perhaps wait for what it gives",
        description: "Without `answer` it is 202 as soon as the run is started. With a state's name it answers as soon as that state \
                      has done its work for the first time, and the rest goes on; with `end`, at the run's end; with 202 when the \
                      time is over. A run that fails first is a problem of status 422. To repeat it with the same name and input is \
                      safe, waits for the same run and gives the same. An answer takes at most ten read units of the table.",
        query: &[
            Parameter {
                name: "answer",
                takes: Takes::Text { chars_max: NAME_CHARS_MAX },
                about: "A state of the definition's top level, or `end`.",
            },
            Parameter {
                name: "timeout",
                takes: Takes::Seconds { usual: REST_ANSWER_SECONDS },
                about: "How long to wait: `1s` to `300s`.",
            },
        ],
        body: Some(schema::<NewRun>),
        answer: schema::<Answered>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/queues",
        operation: Operation::ListQueues,
        name: "listQueues",
        summary: "The queues, and how many messages each holds",
        description: "The system's queues, and those of the functions that the current definitions of the first 1,000 workflows \
                      call, as far as they are there. The counts are SQS's, and lag behind by up to a minute.",
        query: &[limit(PAGE_RESULTS as u64, 200), CURSOR],
        body: None,
        answer: schema::<Queues>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/dead-letters",
        operation: Operation::ListDeadLetters,
        name: "listDeadLetters",
        summary: "Messages that nobody could handle",
        description: "A look holds each message for a moment and lets go of it at its end: each counts as received once more, and \
                      two looks at once see a part each. So ask seldom. The oldest of those that were seen comes first.",
        query: &[
            Parameter {
                name: "queue",
                takes: Takes::OneOf(&KEPT),
                about: "`parked`, unless given: what nobody can handle; `dead-letter`: what the queues gave up, and the function \
                        dead-letter goes on trying.",
            },
            data("Also what they carry, up to 64 KiB each."),
            limit(KEPT_MESSAGES, KEPT_MESSAGES_MAX),
        ],
        body: None,
        answer: schema::<DeadLetters>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/problems/{code}",
        operation: Operation::GetProblem,
        name: "getProblem",
        summary: "What a problem's code means, and what to do",
        description: "The `type` of a problem leads here. `stepladder explain` shows the same.",
        query: &[],
        body: None,
        answer: schema::<ProblemPage>,
    },
    Route {
        method: Method::GET,
        path: "/api/v1/openapi.json",
        operation: Operation::GetDocument,
        name: "getDocument",
        summary: "This document",
        description: "OpenAPI 3.1.",
        query: &[],
        body: None,
        answer: schema::<Document>,
    },
];
