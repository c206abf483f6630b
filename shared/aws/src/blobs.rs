//! Large payloads on S3.

use crate::{
    clients::Clients,
    error::{later, never, world_error},
    limits::{ATTEMPT_TIMEOUT, CALL_TIMEOUT, CONNECT_TIMEOUT, UPLOAD_BYTES_PER_SECOND},
};
use aws_sdk_s3::{
    config::{self, timeout::TimeoutConfig},
    error::ProvideErrorMetadata,
    operation::get_object::GetObjectError,
    primitives::ByteStream,
};
use std::{sync::Arc, time::Duration};
use stepladder_protocol::{Blobs, WorldResult};

/// [`Blobs`] on S3. The client is built on first use: most functions never need it.
#[derive(Debug, Clone)]
pub struct S3Blobs {
    clients: Arc<Clients>,
    bucket: String,
}

impl Blobs for S3Blobs {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> WorldResult<()> {
        let timeouts = upload_timeouts(bytes.len());
        let put = self.clients.s3().put_object().bucket(&self.bucket).key(key).body(ByteStream::from(bytes));
        put.customize()
            .config_override(config::Builder::new().timeout_config(timeouts))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| world_error(format!("put blob {key}"), &error))
    }

    async fn get(&self, key: &str, bytes_max: usize) -> WorldResult<Option<Vec<u8>>> {
        let operation = || format!("get blob {key}");
        let too_large = |bytes: u64| {
            never(operation(), format!("it has {bytes} bytes or more, and at most {bytes_max} may be read"))
        };
        let answer = match self.clients.s3().get_object().bucket(&self.bucket).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Ok(None);
            }
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(world_error(operation(), &error)),
        };
        let announced = answer.content_length().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        if announced > bytes_max {
            return Err(too_large(announced as u64));
        }
        let mut bytes = Vec::with_capacity(announced);
        let mut body = answer.body;
        while let Some(chunk) = body.next().await {
            let chunk =
                chunk.map_err(|error| later(operation(), format!("the answer broke off: {error}")))?;
            // What was announced is not to be trusted.
            if bytes.len().saturating_add(chunk.len()) > bytes_max {
                return Err(too_large(bytes.len().saturating_add(chunk.len()) as u64));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    }
}

/// How long the upload of so many bytes may take.
pub(crate) fn upload_timeouts(bytes: usize) -> TimeoutConfig {
    let extra = Duration::from_secs((bytes / UPLOAD_BYTES_PER_SECOND) as u64);
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT + extra)
        .operation_timeout(CALL_TIMEOUT + 2 * extra)
        .build()
}

impl S3Blobs {
    pub(crate) fn new(clients: Arc<Clients>, bucket: String) -> Self {
        Self { clients, bucket }
    }
}
