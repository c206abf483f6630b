//! Deleting what a stack leaves behind: its tables, and its bucket with all that is in it.

use crate::{
    AwsHost,
    error::{later, never, world_error},
    limits::{TABLE_GONE_TIMEOUT, TABLE_READY_TIMEOUT},
};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use std::time::{Duration, Instant};
use stepladder_protocol::WorldResult;

impl AwsHost {
    /// Deletes a table by its whole name, also where it is protected from that, and waits until it is gone. False: it
    /// wasn't there.
    pub async fn delete_table(&self, name: &str) -> WorldResult<bool> {
        let operation = || format!("delete table {name}");
        let until = Instant::now() + TABLE_READY_TIMEOUT;
        loop {
            let deletion = self.dynamodb().delete_table().table_name(name).send().await;
            let Err(error) = deletion else { break };
            match error.code() {
                Some("ResourceNotFoundException") => return Ok(false),
                // It is protected. What else is wrong with the request stays wrong, and is told by the update.
                Some("ValidationException") if Instant::now() < until => {
                    let update =
                        self.dynamodb().update_table().table_name(name).deletion_protection_enabled(false);
                    match update.send().await {
                        Ok(_) => {}
                        // An earlier update still goes on.
                        Err(error) if error.code() == Some("ResourceInUseException") => {}
                        Err(error) => return Err(world_error(operation(), &error)),
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                // The update still goes on.
                Some("ResourceInUseException") if Instant::now() < until => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                _ => return Err(world_error(operation(), &error)),
            }
        }
        self.until_gone(name).await?;
        Ok(true)
    }

    async fn until_gone(&self, name: &str) -> WorldResult<()> {
        let operation = || format!("wait until table {name} is gone");
        let until = Instant::now() + TABLE_GONE_TIMEOUT;
        let mut pause = Duration::from_millis(50);
        loop {
            match self.dynamodb().describe_table().table_name(name).send().await {
                Ok(_) => {}
                Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(()),
                Err(error) => return Err(world_error(operation(), &error)),
            }
            if Instant::now() > until {
                let waited = format!("it is still there after {} s", TABLE_GONE_TIMEOUT.as_secs());
                return Err(later(operation(), waited));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Deletes the stack's bucket with all its objects, and all their versions. How many there were; `None`: there was no
    /// bucket.
    pub async fn delete_bucket(&self) -> WorldResult<Option<usize>> {
        let bucket = &self.environment().bucket;
        let operation = || format!("empty bucket {bucket}");
        let versioning = match self.s3().get_bucket_versioning().bucket(bucket).send().await {
            Ok(answer) => answer.status,
            Err(error) if error.code() == Some("NoSuchBucket") => return Ok(None),
            Err(error) => return Err(world_error(format!("read the versioning of bucket {bucket}"), &error)),
        };
        let mut deleted = 0;
        let mut before: Vec<ObjectIdentifier> = Vec::new();
        loop {
            // Always the first page: what was on it is gone the next time.
            let page = match self.s3().list_object_versions().bucket(bucket).send().await {
                Ok(page) => page,
                Err(error) if error.code() == Some("NoSuchBucket") => return Ok(None),
                Err(error) => return Err(world_error(operation(), &error)),
            };
            let versions =
                page.versions.unwrap_or_default().into_iter().map(|object| (object.key, object.version_id));
            let markers = page
                .delete_markers
                .unwrap_or_default()
                .into_iter()
                .map(|marker| (marker.key, marker.version_id));
            let mut objects = Vec::new();
            for (key, version) in versions.chain(markers) {
                let version = to_delete(version, versioning.is_some());
                let object =
                    ObjectIdentifier::builder().key(key.unwrap_or_default()).set_version_id(version).build();
                objects.push(object.map_err(|error| never(operation(), error.to_string()))?);
            }
            if objects.is_empty() {
                break;
            }
            if objects == before {
                let why = "what was deleted is there again: somebody writes to it, or its objects are locked";
                return Err(later(operation(), why));
            }
            before.clone_from(&objects);
            let count = objects.len();
            let objects = Delete::builder().set_objects(Some(objects)).quiet(true).build();
            let objects = objects.map_err(|error| never(operation(), error.to_string()))?;
            let answer = self.s3().delete_objects().bucket(bucket).delete(objects).send().await;
            let answer = answer.map_err(|error| world_error(operation(), &error))?;
            if let Some(failed) = answer.errors().first() {
                let said = failed.message().or(failed.code()).unwrap_or("no message");
                return Err(later(operation(), format!("{}: {said}", failed.key().unwrap_or_default())));
            }
            deleted += count;
        }
        match self.s3().delete_bucket().bucket(bucket).send().await {
            Ok(_) => Ok(Some(deleted)),
            Err(error) if error.code() == Some("NoSuchBucket") => Ok(None),
            Err(error) => Err(world_error(format!("delete bucket {bucket}"), &error)),
        }
    }
}

/// The version of an object that is to be deleted. What was written before a bucket was versioned, or while that is suspended, has
/// the version "null"; left out there, a marker would be added and the object would stay. A bucket that never was versioned
/// has no other, and not every emulator knows it by that name.
fn to_delete(version: Option<String>, was_versioned: bool) -> Option<String> {
    version.filter(|version| was_versioned || version != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_null_is_one_where_there_are_versions() {
        let null = || Some("null".to_owned());
        assert_eq!(to_delete(null(), true), null());
        assert_eq!(to_delete(null(), false), None);
        assert_eq!(to_delete(Some("3f".to_owned()), false), Some("3f".to_owned()));
        assert_eq!(to_delete(None, true), None);
    }
}
