//! S3 by the crates s3s and s3s-fs: objects are files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;

use super::config::StartError;
use super::files::Files;
use super::notifications::Notifications;
use crate::sqs::new_uuid;

/// The service, and the folder to remove with it.
#[derive(Debug)]
pub(crate) struct S3 {
    pub(crate) service: S3Service,
    _temporary: Option<Temporary>,
}

/// Opens the folder `s3` of the data folder, or a temporary one.
pub(crate) fn start(data_dir: Option<&Path>, notifications: Notifications) -> Result<S3, StartError> {
    let (directory, temporary) = match data_dir {
        Some(data_dir) => (data_dir.join("s3"), None),
        None => {
            let temporary = Temporary::new().map_err(|error| StartError::S3(error.to_string()))?;
            (temporary.directory.join("objects"), Some(temporary))
        }
    };
    let failed = |error: &dyn std::fmt::Display| StartError::S3(format!("{}: {error}", directory.display()));
    std::fs::create_dir_all(&directory).map_err(|error| failed(&error))?;
    let files = FileSystem::new(&directory).map_err(|error| failed(&format!("{error:?}")))?;
    let mut builder = S3ServiceBuilder::new(Files::new(files, notifications));
    builder.set_auth(SecretIsAccessKey);
    Ok(S3 { service: builder.build(), _temporary: temporary })
}

/// A folder that is removed at the end, or by a later server if this one is killed.
#[derive(Debug)]
struct Temporary {
    directory: PathBuf,
    /// Locked as long as its server lives.
    _lock: File,
}

const PREFIX: &str = "stepladder-s3-";

impl Temporary {
    fn new() -> std::io::Result<Self> {
        remove_left_behind();
        let directory = std::env::temp_dir().join(format!("{PREFIX}{}", new_uuid()));
        std::fs::create_dir_all(&directory)?;
        let lock = File::create(directory.join("lock"))?;
        lock.lock()?;
        Ok(Self { directory, _lock: lock })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What can't be removed is left to a later server.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Removes the folders of servers that were killed: nobody holds their lock. A young one may not have locked yet.
fn remove_left_behind() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let age =
            entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        let unlocked = || File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if age.is_some_and(|age| age > Duration::from_secs(60)) && unlocked() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Any access key is welcome, with itself as its secret: s3s reads the chunked uploads of the SDKs only after it has
/// checked their signature, so there must be a secret that both sides know.
struct SecretIsAccessKey;

impl S3Auth for SecretIsAccessKey {
    fn get_secret_key<'a, 'b, 'c>(
        &'a self,
        access_key: &'b str,
    ) -> std::pin::Pin<Box<dyn Future<Output = s3s::S3Result<SecretKey>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        let secret = SecretKey::from(access_key);
        Box::pin(async move { Ok(secret) })
    }
}
