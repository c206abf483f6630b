//! A port in front of a service of somebody else.

use super::{
    HostName, Patience,
    config::StartError,
    guard::Guard,
    port::{accept, listen},
};
use crate::limits;
use bytes::Bytes;
use http::{
    Request, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use std::{convert::Infallible, future::poll_fn, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle};

/// One service on a port of 127.0.0.1, behind the same checks of Host and Origin as a [`Server`](crate::Server). Clients
/// that dawdle are cut off; bodies are the service's to read, and to limit.
///
/// Dropped, it stops listening; [`Front::shutdown`] does the same, and lets what is being answered come to its end.
#[derive(Debug)]
pub struct Front {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: Option<JoinHandle<()>>,
}

/// The settings of a [`Front`].
#[derive(Debug, Clone)]
pub struct FrontConfig {
    /// 0 takes any free port.
    pub port: u16,
    /// A name that it answers to besides.
    pub host: Option<HostName>,
    pub patience: Patience,
}

impl Default for FrontConfig {
    fn default() -> Self {
        let patience = Patience {
            head: Some(Duration::from_millis(limits::HEAD_MS_MAX)),
            taking: Some(Duration::from_millis(limits::TAKING_MS_MAX)),
            ending: Duration::from_millis(limits::ENDING_MS_MAX),
        };
        Self { port: 0, host: None, patience }
    }
}

impl Front {
    /// Starts listening: `service` is a tower service that never fails, such as a router. Needs a tokio runtime with its I/O
    /// and time drivers; the port's tasks run on it.
    pub async fn start<S, B>(config: FrontConfig, service: S) -> Result<Self, StartError>
    where
        S: tower_service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let (listener, addr) = listen(config.port).await?;
        let guard = Arc::new(Guard::new(addr.port(), config.host));
        let answer = move |request: Request<Incoming>| {
            let (guard, mut service) = (Arc::clone(&guard), service.clone());
            async move {
                if let Err(reason) = guard.check(request.headers()) {
                    return forbidden(reason).map(Either::Left);
                }
                let Ok(()) = poll_fn(|context| service.poll_ready(context)).await;
                let Ok(response) = service.call(request).await;
                response.map(Either::Right)
            }
        };
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, answer, config.patience, stopped));
        Ok(Self { addr, stop, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:port`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops listening, and waits for what is being answered: so long as its patience says.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.await;
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
    }
}

fn forbidden(reason: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reason)));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
#[path = "front_test.rs"]
mod tests;
