//! How a server is started, and why it may not start.

use super::HostName;
use std::path::PathBuf;

/// The settings of a [`Server`](crate::Server).
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// 0 takes any free port.
    pub port: u16,
    /// A name that it answers to besides, as those of the hosts file.
    pub host: Option<HostName>,
    /// Where DynamoDB and S3 keep their data. Without it all is in memory and in a temporary folder, and gone at the end.
    /// The queues are in memory in either case.
    pub data_dir: Option<PathBuf>,
    /// The region in ARNs.
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
    /// How long a function's process may be idle before it is ended.
    pub idle_environment_ms: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            port: 0,
            host: None,
            data_dir: None,
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            idle_environment_ms: 300_000,
        }
    }
}

impl ServerConfig {
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if self.account_id.len() != 12 || !self.account_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(StartError::Invalid(format!(
                "the account id {:?} must be twelve digits",
                self.account_id
            )));
        }
        let region_fits = !self.region.is_empty()
            && self
                .region
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !region_fits {
            return Err(StartError::Invalid(format!(
                "the region {:?} must look like us-east-1",
                self.region
            )));
        }
        Ok(())
    }
}

/// Why a server didn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Invalid(String),
    #[error(
        "port {port} on 127.0.0.1 is in use; end the program that listens there, or choose another port (0 takes any free one)"
    )]
    PortInUse { port: u16 },
    #[error("can't listen on 127.0.0.1:{port}: {source}")]
    Listen { port: u16, source: std::io::Error },
    #[error("the data folder {} is in use by another server; end it, or choose another folder", .directory.display())]
    DataDirInUse { directory: PathBuf },
    #[error("the data folder {} can't be used: {source}", .directory.display())]
    DataDir { directory: PathBuf, source: std::io::Error },
    #[error("DynamoDB's data can't be opened: {0}")]
    DynamoDb(String),
    #[error("S3's folder can't be opened: {0}")]
    S3(String),
}

impl StartError {
    pub(crate) fn listening(port: u16, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::AddrInUse => Self::PortInUse { port },
            _ => Self::Listen { port, source },
        }
    }
}
