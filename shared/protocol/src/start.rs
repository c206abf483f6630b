//! Starting a run: idempotent by its name.

use crate::{
    Protocol,
    batch::{Delivery, Disposition, Invocation},
    definitions::Current,
    deliver::{Handled, plain_bytes_max},
    effects::finished,
    item::{ITEM_VERSION, ParentTask, RecordKey, RerunOf, RunId, RunItem},
    json, limits,
    line::{Before, Line},
    message::{Ask, Message},
    metrics::Metric,
    payload::{self, Payload, hex},
    publish::Pin,
    traits::{Clock, CreateRun, DataSlot, Host, Store, WorldError},
    uploads::{self, UploadRule, Uploads},
    versions::Qualifier,
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use stepladder_asl::Definition;
use stepladder_engine::{Beginning, Branch, Run, Status, Transition, start};

/// What is asked for: a run of this workflow, by this name, with this input.
#[derive(Debug, Clone, PartialEq)]
pub struct StartRequest {
    pub workflow: String,
    pub name: String,
    pub input: Value,
}

/// What a start has beside what it asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StartWith<'a> {
    pub(crate) qualifier: Option<&'a Qualifier>,
    /// The task that waits for the run's end.
    pub(crate) parent: Option<&'a ParentTask>,
    /// The tenant of the run that starts it, which it has too unless its own input names one.
    pub(crate) tenant: Option<&'a str>,
}

/// How a start went.
#[derive(Debug, Clone, PartialEq)]
pub enum Started {
    Created(RunItem),
    /// The same name with the same input is there: whoever asked twice gets the same run.
    Repeated(RunItem),
    /// The name is taken by a run with another input.
    Conflict(RunItem),
}

/// Why a run could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    #[error("'{name}' can't name a run: {why}")]
    InvalidName { name: String, why: &'static str },
    /// Or it has no such version or alias.
    #[error("there is no workflow '{workflow}'")]
    UnknownWorkflow { workflow: String },
    #[error("the input has {bytes} bytes; {bytes_max} is the most (payload_bytes_max)")]
    InputTooLarge { bytes: usize, bytes_max: usize },
    #[error("the input is nested more than {depth_max} levels deep")]
    InputTooDeep { depth_max: usize },
    /// The states before the first stop make more of the input than can be carried on.
    #[error("the input leads to too much data: {why}")]
    FirstDataTooLarge { why: String },
    #[error(transparent)]
    World(#[from] WorldError),
}

/// A message of the start queue. Without a name the queue's own message id names the run, so that a message delivered
/// twice starts one run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartMessage {
    workflow: String,
    name: Option<String>,
    #[serde(default = "empty_object")]
    input: Value,
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

impl<H: Host> Protocol<H> {
    /// Starts a run, or finds that it is there. Repeating it is safe: the name makes it idempotent, as with
    /// StartExecution (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>).
    pub async fn start(&self, request: StartRequest) -> Result<Started, StartError> {
        self.start_for(request, StartWith::default()).await
    }

    /// Starts a run with a version of its workflow, or with the one that an alias leads to. A run of the name that is there
    /// stays what it is, whatever it was started with.
    pub async fn start_with(
        &self,
        request: StartRequest,
        qualifier: &Qualifier,
    ) -> Result<Started, StartError> {
        self.start_for(request, StartWith { qualifier: Some(qualifier), ..StartWith::default() }).await
    }

    /// [`Protocol::start`], by somebody of whom there is more to know.
    pub(crate) async fn start_for(
        &self,
        request: StartRequest,
        with: StartWith<'_>,
    ) -> Result<Started, StartError> {
        let (started, handled) = self.prepare_start(request, with).await?;
        self.send_now(handled.sendings).await?;
        Ok(started)
    }

    /// A batch of the start queue. Each message is its own success or failure.
    pub async fn handle_starts(&self, invocation: &Invocation, deliveries: &[Delivery]) -> Vec<String> {
        self.handle_with(invocation, deliveries, |delivery| self.start_delivery(invocation, delivery)).await
    }

    /// One message of the start queue, from there or from the dead-letter queue.
    ///
    /// One that tells of several uploads starts a run for each. What of it could not be done leaves the message, and is done
    /// when it comes again: those that are there already are found by their names.
    pub(crate) async fn start_delivery(&self, invocation: &Invocation, delivery: &Delivery) -> Handled {
        let Uploads { starts, mut refused } = match read(delivery, &self.host.settings().uploads) {
            Ok(asked) => asked,
            Err(why) => {
                // Why stands beside the message: it may quote it.
                tracing::warn!(message_id = delivery.message_id, "a message is no start");
                return self.park(invocation, delivery, None, &why).await;
            }
        };
        let mut sendings = Vec::new();
        let mut failed = None;
        for request in starts {
            let id = RunId::new(&request.workflow, &request.name);
            match self.prepare_start(request, StartWith::default()).await {
                Ok((Started::Created(_) | Started::Repeated(_), handled)) => {
                    sendings.extend(handled.sendings);
                }
                Ok((Started::Conflict(_), _)) => {
                    let why = format!("the run {id} is there already, with another input");
                    refused = refused.or(Some(why));
                }
                Err(StartError::World(error)) => {
                    failed = Some(self.failed(invocation, delivery, None, error).await);
                }
                Err(error) => refused = refused.or(Some(error.to_string())),
            }
        }
        let mut handled = match (failed, refused) {
            (Some(failed), _) => failed,
            (None, Some(why)) => {
                tracing::warn!(message_id = delivery.message_id, why, "a run was not started");
                self.park(invocation, delivery, None, &why).await
            }
            (None, None) => Handled::done(),
        };
        handled.sendings.extend(sendings);
        handled
    }

    /// Writes the run item; what has to be sent is left to the caller.
    async fn prepare_start(
        &self,
        request: StartRequest,
        with: StartWith<'_>,
    ) -> Result<(Started, Handled), StartError> {
        let StartRequest { workflow, name, input } = request;
        check_name(&name)?;
        let Some(Pin { current, version, alias }) = self.pin(&workflow, with.qualifier).await? else {
            return Err(StartError::UnknownWorkflow { workflow });
        };
        let Current { hash, definition, role_arn } = current;
        let new = New { definition: hash, role_arn, version, alias, ..New::default() };
        let new = New { parent: with.parent.cloned(), tenant: with.tenant.map(str::to_owned), ..new };
        self.prepare_run(RunId::new(workflow, name), new, &definition, input.into()).await
    }

    /// The same for a run of which all is known that it begins with.
    pub(crate) async fn prepare_run(
        &self,
        id: RunId,
        new: New,
        definition: &Definition,
        beginning: Beginning,
    ) -> Result<(Started, Handled), StartError> {
        let encoded = |value: serde_json::Result<Vec<u8>>| {
            value.map_err(|error| payload::unreadable("encode an input", &error.to_string()))
        };
        let json = encoded(serde_json::to_vec(&beginning.input))?;
        let bytes_max = self.host.settings().payload_bytes_max;
        if json.len() > bytes_max {
            return Err(StartError::InputTooLarge { bytes: json.len(), bytes_max });
        }
        if json::is_too_deep(&beginning.input) {
            return Err(StartError::InputTooDeep { depth_max: limits::JSON_DEPTH_MAX });
        }
        let now_ms = self.host.clock().now_ms();
        let New { definition: hash, role_arn, version, alias, parent, tenant, rerun_of } = new;
        let mut item = self.run_item(id, hash, &json, now_ms);
        item.role_arn = role_arn.unwrap_or(item.role_arn);
        (item.workflow_version, item.alias, item.parent) = (version, alias, parent);
        item.tenant = self.host.settings().tenant_of(&item.id.workflow, &beginning.input).or(tenant);
        let chosen =
            beginning.chosen.as_ref().map(|chosen| encoded(serde_json::to_vec(chosen))).transpose()?;
        if rerun_of.is_some() {
            // A rerun is another one if it begins elsewhere, or is of another run.
            let all = encoded(serde_json::to_vec(&(
                &rerun_of,
                &item.definition,
                &beginning.chosen,
                &item.input_digest,
            )))?;
            item.input_digest = digest_of(&all);
        }
        item.rerun_of = rerun_of;
        item.begins_at = beginning.chosen.as_ref().map(|chosen| chosen.state.clone());
        let first = self.first_transition(&item, definition, beginning.clone())?;
        if let Some(why) = self.data_excess(&first.1)? {
            return Err(StartError::FirstDataTooLarge { why });
        }
        // A repeated start is the rarer case, and its large input is put in vain: the item of another nonce expires.
        let large = item.input.is_none().then_some((DataSlot::Input, json));
        for (slot, json) in large.into_iter().chain(chosen.map(|chosen| (DataSlot::Beginning, chosen))) {
            let key = item.key();
            let payload =
                payload::store(self.host.blobs(), &key, json, plain_bytes_max(&key, &Branch::default()))
                    .await?;
            self.host.store().put_data(&key, slot, &payload, item.expires_s).await?;
        }
        match self.host.store().create_run(&item, now_ms).await? {
            CreateRun::Created => {
                self.metrics.count(Metric::RunsStarted);
                // Before the first message: a run that has a record is found by all of its attributes.
                self.put_search_items(&item, &beginning.input).await?;
                let handled = self.first_message(definition, first, Before::Never).await?;
                Ok((Started::Created(item), handled))
            }
            CreateRun::Exists(there) if there.input_digest != item.input_digest => {
                Ok((Started::Conflict(*there), Handled::done()))
            }
            CreateRun::Exists(there) => {
                let handled = self.repeated(&there, beginning).await?;
                Ok((Started::Repeated(*there), handled))
            }
        }
    }

    /// A start that was interrupted after its put is finished by its repetition.
    async fn repeated(&self, there: &RunItem, beginning: Beginning) -> Result<Handled, WorldError> {
        let first = RecordKey { run: there.key(), branch: Default::default(), seq: 0 };
        if there.status != Status::Running || self.host.store().record(&first).await?.is_some() {
            return Ok(Handled::done());
        }
        let definition = self.definition(&there.id.workflow, &there.definition).await?;
        self.put_search_items(there, &beginning.input).await?;
        let first = self.first_transition(there, &definition, beginning)?;
        self.first_message(&definition, first, Before::Perhaps).await
    }

    /// Where the run's input leads, and a message that stands for the run.
    fn first_transition(
        &self,
        item: &RunItem,
        definition: &Definition,
        beginning: Beginning,
    ) -> Result<(Message, Transition), WorldError> {
        let input = definition.mentions_execution_input.then(|| beginning.input.clone());
        let message = Message::new(0, Run { input, ..item.run() }, Ask::Look);
        let transition = start(definition, &self.engine_run(&message), beginning, item.started_ms);
        Ok((message, finished(transition)?))
    }

    async fn first_message(
        &self,
        definition: &Definition,
        (message, transition): (Message, Transition),
        before: Before,
    ) -> Result<Handled, WorldError> {
        let line = Line::root(&message, definition, before);
        Ok(Handled::sending(self.effects(&line, 0, &transition).await?))
    }

    fn run_item(&self, id: RunId, definition: String, input: &[u8], now_ms: i64) -> RunItem {
        let settings = self.host.settings();
        let is_small = input.len() <= limits::RUN_ITEM_PAYLOAD_BYTES_MAX;
        // The run item lives a day longer than its records.
        let expires_s = settings.expires_s(&id.workflow, now_ms, i64::MIN) + limits::RUN_ITEM_EXTRA_S;
        RunItem {
            version: ITEM_VERSION,
            id,
            nonce: format!("{:032x}", self.host.clock().random_u128()),
            definition,
            status: Status::Running,
            redrive_count: 0,
            region: settings.region.clone(),
            account: settings.account.clone(),
            role_arn: settings.role_arn.clone(),
            started_ms: now_ms,
            ended_ms: None,
            input: is_small.then(|| Payload::Json(input.to_vec())),
            input_digest: digest_of(input),
            ending: None,
            ending_item: None,
            error: None,
            state: None,
            by: None,
            redrives: Vec::new(),
            redefined: Vec::new(),
            rerun_of: None,
            begins_at: None,
            parked: None,
            parent: None,
            expires_s,
            workflow_version: None,
            alias: None,
            tenant: None,
        }
    }
}

/// What is known of a run before it begins, beside what it begins with.
#[derive(Debug, Clone, Default)]
pub(crate) struct New {
    /// The definition's hash.
    pub(crate) definition: String,
    /// None: the stack's own.
    pub(crate) role_arn: Option<String>,
    pub(crate) version: Option<u32>,
    pub(crate) alias: Option<String>,
    pub(crate) parent: Option<ParentTask>,
    /// Whose it is, unless its input names somebody.
    pub(crate) tenant: Option<String>,
    pub(crate) rerun_of: Option<RerunOf>,
}

/// The first 32 hex digits of the SHA-256.
fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)).chars().take(32).collect()
}

/// Whether a body asks for runs: how the dead-letter function tells it from a run's message.
pub(crate) fn is_start(body: &str) -> bool {
    serde_json::from_str::<StartMessage>(body).is_ok()
        || serde_json::from_str(body).is_ok_and(|body| uploads::is_notice(&body))
}

/// The workflow and the name of a start; `None` if the body isn't one.
pub(crate) fn named(body: &str) -> Option<(String, Option<String>)> {
    let start: StartMessage = serde_json::from_str(body).ok()?;
    Some((start.workflow, start.name))
}

/// The workflow and the input of a start; `None` if the body isn't one.
pub(crate) fn asked(body: &str) -> Option<(String, Value)> {
    let start: StartMessage = serde_json::from_str(body).ok()?;
    Some((start.workflow, start.input))
}

/// A body as it is sent once more, in a message that has an id of its own. A start without a name gets the one that it has
/// had so far, the id of its message: so a start that is sent back twice is still one.
pub fn body_to_resend(body: &str, message_id: &str) -> String {
    let start: Option<StartMessage> =
        json::parse(body.as_bytes()).ok().and_then(|start| serde_json::from_value(start).ok());
    let named = match start {
        Some(StartMessage { workflow, name: None, input }) => {
            json::to_ascii(&serde_json::json!({ "workflow": workflow, "name": message_id, "input": input }))
        }
        // Also what would not survive being read and written: it is refused as before.
        _ => return body.to_owned(),
    };
    named.unwrap_or_else(|_| body.to_owned())
}

fn read(delivery: &Delivery, rules: &[UploadRule]) -> Result<Uploads, String> {
    let body = json::parse(delivery.body.as_bytes()).map_err(|error| error.to_string())?;
    if uploads::is_notice(&body) {
        return Ok(uploads::read(&body, rules));
    }
    let StartMessage { workflow, name, input } = serde_json::from_value(body)
        .map_err(|error| format!("it is not a start, {{\"workflow\", \"name\"?, \"input\"}}: {error}"))?;
    let request = StartRequest { workflow, name: name.unwrap_or_else(|| delivery.message_id.clone()), input };
    Ok(Uploads { starts: vec![request], refused: None })
}

/// AWS's rules for the name of an execution
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>).
pub fn check_name(name: &str) -> Result<(), StartError> {
    let forbidden = "<>{}[]?*\"#%\\^|~`$&,;:/";
    let why = if name.is_empty() {
        "it is empty"
    } else if name.chars().count() > limits::NAME_CHARS_MAX {
        "it has more than 80 characters"
    } else if name.chars().any(char::is_whitespace) {
        "it has white space in it"
    } else if name.chars().any(|character| {
        character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}' | '\u{10ffff}')
    }) {
        "it has control characters in it"
    } else if name.contains(|character| forbidden.contains(character)) {
        "it has one of < > { } [ ] ? * \" # % \\ ^ | ~ ` $ & , ; : / in it"
    } else {
        return Ok(());
    };
    let name = name.chars().take(limits::NAME_CHARS_MAX + 1).collect();
    Err(StartError::InvalidName { name, why })
}

impl Handled {
    /// Whether it was parked, left or done: for callers without a batch.
    pub(crate) fn is_done(&self) -> bool {
        self.disposition == Disposition::Done
    }
}
