//! DynamoDB by the crate dynoxide: the database in this process, without a connection of its own.
//!
//! All of dynoxide is behind this module. The database works one request at a time in any case, so it has one thread,
//! and a write that waits for the disk never stalls a long poll.

use std::path::Path;

use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

use super::config::StartError;
use crate::limits;
use crate::sqs::new_uuid;

#[derive(Debug)]
pub(crate) struct DynamoDb {
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce(&Database) + Send>;

impl DynamoDb {
    /// Opens the database: in memory, or as a file in the folder.
    pub(crate) fn start(data_dir: Option<&Path>) -> Result<Self, StartError> {
        let database = match data_dir {
            None => Database::memory(),
            Some(directory) => Database::new(&directory.join("dynamodb.sqlite").to_string_lossy()),
        };
        let database = database.map_err(|error| StartError::DynamoDb(error.to_string()))?;
        // SQLite then waits for the disk at checkpoints alone and not at each write: what has been answered outlives this
        // process, and after a loss of power the last writes may be missing, with the file whole. The name is of what else it is
        // for: it sets `synchronous = NORMAL`.
        database.disable_bulk_loading().map_err(|error| StartError::DynamoDb(error.to_string()))?;
        let (jobs, mut waiting) = mpsc::channel::<Job>(limits::DATABASE_QUEUE_MAX);
        std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || {
                while let Some(job) = waiting.blocking_recv() {
                    job(&database);
                }
            })
            .map_err(|error| StartError::DynamoDb(error.to_string()))?;
        Ok(Self { jobs })
    }

    /// Answers one request; `operation` is what follows `DynamoDB_20120810.` in X-Amz-Target.
    pub(crate) async fn handle(&self, operation: String, body: Bytes) -> Response<Full<Bytes>> {
        let answer = self.run(move |database| call(database, &operation, &body)).await;
        let (status, body) = match answer {
            Some(Ok(body)) => (StatusCode::OK, body),
            Some(Err(error)) => {
                let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
                (status, error.to_json().into_bytes())
            }
            None => {
                let error = DynoxideError::InternalServerError("The database has stopped.".to_owned());
                (StatusCode::INTERNAL_SERVER_ERROR, error.to_json().into_bytes())
            }
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        if let Ok(id) = HeaderValue::try_from(new_uuid()) {
            headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
        }
        response
    }

    pub(crate) async fn sweep_ttl(&self) -> Result<usize, String> {
        match self.run(Database::sweep_ttl).await {
            Some(swept) => swept.map_err(|error| error.to_string()),
            None => Err("the database has stopped".to_owned()),
        }
    }

    /// `None` only if the database's thread has ended, by a panic within it.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Database) -> T + Send + 'static) -> Option<T> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |database| {
            // A panic in the database must end neither its thread nor this process: the caller's `done` is dropped.
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(database)));
            if let Ok(result) = result {
                let _ = done.send(result);
            }
        });
        self.jobs.send(job).await.ok()?;
        answer.await.ok()
    }
}

fn call(database: &Database, operation: &str, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
    let result = match operation {
        // The hot ones first.
        "PutItem" => read(body).and_then(|request| database.put_item(request)).and_then(|r| write(&r)),
        "GetItem" => read(body).and_then(|request| database.get_item(request)).and_then(|r| write(&r)),
        "UpdateItem" => read(body).and_then(|request| database.update_item(request)).and_then(|r| write(&r)),
        "DeleteItem" => read(body).and_then(|request| database.delete_item(request)).and_then(|r| write(&r)),
        "Query" => read(body).and_then(|request| database.query(request)).and_then(|r| write(&r)),
        "Scan" => read(body).and_then(|request| database.scan(request)).and_then(|r| write(&r)),
        "TransactWriteItems" => {
            read(body).and_then(|request| database.transact_write_items(request)).and_then(|r| write(&r))
        }
        "TransactGetItems" => {
            read(body).and_then(|request| database.transact_get_items(request)).and_then(|r| write(&r))
        }
        "BatchGetItem" => {
            read(body).and_then(|request| database.batch_get_item(request)).and_then(|r| write(&r))
        }
        "BatchWriteItem" => {
            read(body).and_then(|request| database.batch_write_item(request)).and_then(|r| write(&r))
        }
        "CreateTable" => {
            read(body).and_then(|request| database.create_table(request)).and_then(|r| write(&r))
        }
        "DeleteTable" => {
            read(body).and_then(|request| database.delete_table(request)).and_then(|r| write(&r))
        }
        "DescribeTable" => {
            read(body).and_then(|request| database.describe_table(request)).and_then(|r| write(&r))
        }
        "UpdateTable" => {
            read(body).and_then(|request| database.update_table(request)).and_then(|r| write(&r))
        }
        "ListTables" => read(body).and_then(|request| database.list_tables(request)).and_then(|r| write(&r)),
        "UpdateTimeToLive" => {
            read(body).and_then(|request| database.update_time_to_live(request)).and_then(|r| write(&r))
        }
        "DescribeTimeToLive" => {
            read(body).and_then(|request| database.describe_time_to_live(request)).and_then(|r| write(&r))
        }
        "ExecuteStatement" => {
            read(body).and_then(|request| database.execute_statement(request)).and_then(|r| write(&r))
        }
        "TagResource" => {
            read(body).and_then(|request| database.tag_resource(request)).and_then(|r| write(&r))
        }
        "UntagResource" => {
            read(body).and_then(|request| database.untag_resource(request)).and_then(|r| write(&r))
        }
        "ListTagsOfResource" => {
            read(body).and_then(|request| database.list_tags_of_resource(request)).and_then(|r| write(&r))
        }
        _ => Err(DynoxideError::ValidationException(format!(
            "The local DynamoDB doesn't support the operation {operation}."
        ))),
    };
    result.map_err(|error| enveloped(operation, error))
}

/// DynamoDB words some refusals of single writes with an envelope, which dynoxide's database leaves to its caller.
fn enveloped(operation: &str, error: DynoxideError) -> DynoxideError {
    match error {
        DynoxideError::EnvelopedValidation(message) => DynoxideError::ValidationException(match operation {
            "PutItem" | "UpdateItem" | "DeleteItem" => format!("1 validation error detected: {message}"),
            _ => message,
        }),
        other => other,
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|failed| {
        let text = failed.to_string();
        // dynoxide's own readers mark what DynamoDB would call a validation error; the place in the text is of no use.
        let said = text.split(" at line ").next().unwrap_or_default();
        for marker in ["VALIDATION_REQUEST:", "VALIDATION_AS_READ:", "VALIDATION:"] {
            if let Some(message) = said.strip_prefix(marker) {
                return DynoxideError::ValidationException(message.to_owned());
            }
        }
        let said = said.strip_prefix("SERIALIZATION_AS_READ:").unwrap_or(said);
        let said = said.strip_prefix("SERIALIZATION:").unwrap_or(said);
        if said.contains("missing field")
            || said.contains("AttributeValue")
            || said.contains("unknown variant")
        {
            DynoxideError::ValidationException(said.to_owned())
        } else {
            DynoxideError::SerializationException(said.to_owned())
        }
    })
}

fn write(response: &impl Serialize) -> Result<Vec<u8>, DynoxideError> {
    serde_json::to_vec(response).map_err(|failed| DynoxideError::InternalServerError(failed.to_string()))
}
