//! The one port: who may call, and which service answers.

mod config;
mod dynamodb;
mod files;
mod front;
mod guard;
mod host_name;
mod mounted;
mod notifications;
mod port;
mod route;
mod s3;

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::dynamodb::DynamoDb;
use self::guard::Guard;
use self::mounted::Mounted;
use self::notifications::Notifications;
use self::port::{accept, listen};
use self::route::Services;
use crate::lambda::LambdaHost;
use crate::limits;
use crate::sqs::{Queues, SharedQueues};

pub use config::{ServerConfig, StartError};
pub use front::{Front, FrontConfig};
pub use host_name::{HostName, InvalidHostName};
pub use port::Patience;

/// DynamoDB, SQS, S3 and Lambda on one port of 127.0.0.1.
///
/// Dropped, it stops listening and kills the functions' processes; [`Server::shutdown`] does the same and waits for it.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    services: Arc<Services>,
    stop: watch::Sender<bool>,
    accepting: Option<JoinHandle<()>>,
    sweeping: JoinHandle<()>,
    /// Held as long as the server lives: no other one may use the folder.
    _lock: Option<File>,
}

impl Server {
    /// Starts listening. Needs a tokio runtime with its I/O and time drivers; the server's tasks run on it.
    pub async fn start(config: ServerConfig) -> Result<Self, StartError> {
        config.check()?;
        let lock = match &config.data_dir {
            Some(directory) => Some(lock(directory)?),
            None => None,
        };
        // Listen first: a port in use is the likeliest fault, and nothing has to be undone after it.
        let (listener, addr) = listen(config.port).await?;
        let queues = SharedQueues::new(Queues::new(&config.region, &config.account_id));
        let lambda =
            LambdaHost::new(&config.region, &config.account_id, queues.clone(), config.idle_environment_ms);
        lambda.set_origin(format!("http://{addr}"));
        let services = Arc::new(Services {
            dynamodb: DynamoDb::start(config.data_dir.as_deref())?,
            s3: s3::start(config.data_dir.as_deref(), Notifications::new(queues.clone(), &config.region))?,
            queues,
            lambda,
            mounted: Mounted::default(),
            guard: Guard::new(addr.port(), config.host),
        });
        let (stop, stopped) = watch::channel(false);
        let answering = Arc::clone(&services);
        let answer = move |request| {
            let services = Arc::clone(&answering);
            async move { services.answer(request).await }
        };
        let accepting = tokio::spawn(accept(listener, answer, Patience::default(), stopped));
        let sweeping = tokio::spawn(sweep_regularly(Arc::clone(&services)));
        Ok(Self { addr, services, stop, accepting: Some(accepting), sweeping, _lock: lock })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:port`, for AWS_ENDPOINT_URL.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The queues, in process.
    pub fn queues(&self) -> &SharedQueues {
        &self.services.queues
    }

    /// The Lambda host.
    pub fn lambda(&self) -> &LambdaHost {
        &self.services.lambda
    }

    /// Lets a service answer the requests whose `X-Amz-Target` begins with `prefix`, or of a prefix that begins with a slash those
    /// whose path does, from now on, behind the same checks of Host and Origin: a tower service that never fails, such as a router. Of two with the same prefix the later one answers. It
    /// reads the bodies by itself, and sets its own limits.
    pub fn mount<S, B>(&self, prefix: &str, service: S)
    where
        S: tower_service::Service<
                http::Request<hyper::body::Incoming>,
                Response = http::Response<B>,
                Error = std::convert::Infallible,
            > + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        self.services.mounted.add(prefix, service);
    }

    /// Deletes DynamoDB's expired items now, and says how many there were. The server does it each minute by itself.
    pub async fn sweep_ttl(&self) -> Result<usize, String> {
        self.services.dynamodb.sweep_ttl().await
    }

    /// Stops listening, ends the functions' processes and all connections, and waits until they are gone.
    pub async fn shutdown(mut self) {
        self.services.lambda.shutdown().await;
        let _ = self.stop.send(true);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.services.lambda.kill();
        self.sweeping.abort();
        let _ = self.stop.send(true);
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
    }
}

async fn sweep_regularly(services: Arc<Services>) {
    loop {
        tokio::time::sleep(Duration::from_millis(limits::TTL_SWEEP_MS)).await;
        if let Err(error) = services.dynamodb.sweep_ttl().await {
            tracing::warn!(%error, "expired items weren't deleted");
        }
    }
}

/// Two servers in one folder would corrupt each other's data.
fn lock(directory: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::DataDir { directory: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let path = directory.join("lock");
    let file = File::options().create(true).append(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(StartError::DataDirInUse { directory: directory.to_owned() })
        }
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}
