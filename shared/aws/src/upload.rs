//! A file into a bucket, for who tries a stack on one machine.

use crate::{
    AwsHost,
    error::{never, world_error},
    limits::{ATTEMPT_TIMEOUT, CALL_TIMEOUT, CONNECT_TIMEOUT, UPLOAD_BYTES_PER_SECOND},
    stack::create_bucket,
};
use aws_sdk_s3::{
    config::{self, timeout::TimeoutConfig},
    primitives::ByteStream,
};
use std::{path::Path, time::Duration};
use stepladder_protocol::WorldResult;

/// So many bytes of the file are read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Puts a file into a bucket, which is made unless it is there, in one call: S3 takes up to 5 GB
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>). Answers with the number of its bytes.
pub async fn upload(host: &AwsHost, path: &Path, bucket: &str, key: &str) -> WorldResult<u64> {
    create_bucket(host, bucket).await?;
    let operation = || format!("put s3://{bucket}/{key}");
    let unreadable = |error: String| never(operation(), format!("{}: {error}", path.display()));
    let bytes = tokio::fs::metadata(path).await.map_err(|error| unreadable(error.to_string()))?.len();
    let body = ByteStream::read_from().path(path).buffer_size(BUFFER_BYTES).build().await;
    let body = body.map_err(|error| unreadable(error.to_string()))?;
    let extra = Duration::from_secs(bytes / UPLOAD_BYTES_PER_SECOND as u64);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT + extra)
        .operation_timeout(CALL_TIMEOUT + 2 * extra)
        .build();
    host.s3()
        .put_object()
        .bucket(bucket)
        .key(key)
        .body(body)
        .customize()
        .config_override(config::Builder::new().timeout_config(timeouts))
        .send()
        .await
        .map(|_| bytes)
        .map_err(|error| world_error(operation(), &error))
}
