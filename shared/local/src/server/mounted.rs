//! Services of somebody else on the one port.

use super::route::Answer;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Either;
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Handler = Arc<dyn Fn(Request<Incoming>) -> Answering + Send + Sync>;

/// The services, by how the `X-Amz-Target` of their requests begins; or their path, which begins with a slash.
#[derive(Default)]
pub(crate) struct Mounted(RwLock<Vec<(String, Handler)>>);

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mounted")
    }
}

impl Mounted {
    pub(crate) fn add<S, B>(&self, prefix: &str, service: S)
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
        let handler: Handler = Arc::new(move |request| {
            let mut service = service.clone();
            Box::pin(async move {
                let Ok(()) = poll_fn(|context| service.poll_ready(context)).await;
                let Ok(response) = service.call(request).await;
                response.map(|body| Either::Right(s3s::Body::http_body_unsync(body)))
            })
        });
        let mut mounted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        mounted.retain(|(other, _)| other != prefix);
        mounted.push((prefix.to_owned(), handler));
    }

    /// The service of a target, or of a path: no target begins with a slash.
    pub(crate) fn find(&self, target: &str) -> Option<Handler> {
        let mounted = self.0.read().unwrap_or_else(PoisonError::into_inner);
        mounted
            .iter()
            .find(|(prefix, _)| target.starts_with(prefix.as_str()))
            .map(|(_, handler)| handler.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Server, ServerConfig};
    use http_body_util::{BodyExt, Full};
    use std::task::{Context, Poll};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    /// Answers with its name and the body.
    #[derive(Clone)]
    struct Named(&'static str);

    impl tower_service::Service<Request<Incoming>> for Named {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Incoming>) -> Self::Future {
            let name = self.0;
            Box::pin(async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let answer = format!("{name} {}", String::from_utf8_lossy(&body));
                Ok(Response::new(Full::new(answer.into())))
            })
        }
    }

    async fn call(server: &Server, host: &str, target: &str) -> String {
        let head = format!("X-Amz-Target: {target}\r\nContent-Length: 2\r\n");
        send(server, host, "POST /", &head, "{}").await
    }

    async fn get(server: &Server, host: &str, path: &str) -> String {
        send(server, host, &format!("GET {path}"), "", "").await
    }

    async fn send(server: &Server, host: &str, line: &str, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        let port = server.addr().port();
        let request =
            format!("{line} HTTP/1.1\r\nHost: {host}:{port}\r\n{head}Connection: close\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        format!("{status} {}", answer.rsplit("\r\n\r\n").next().unwrap_or_default())
    }

    #[tokio::test]
    async fn a_mounted_service_answers_its_own_targets_behind_the_same_checks() {
        let server = Server::start(ServerConfig::default()).await.unwrap();
        assert!(call(&server, "127.0.0.1", "One.Do").await.starts_with("400 "));
        server.mount("One.", Named("first"));
        server.mount("Two.", Named("second"));
        assert_eq!(call(&server, "127.0.0.1", "One.Do").await, "200 first {}");
        assert_eq!(call(&server, "sync-localhost", "Two.Do").await, "200 second {}");
        assert!(call(&server, "evil.example", "One.Do").await.starts_with("403 "));
        assert!(call(&server, "127.0.0.1", "OneDo").await.starts_with("400 "));
        assert!(call(&server, "127.0.0.1", "AmazonSQS.ListQueues").await.starts_with("200 "));
        server.mount("One.", Named("later"));
        assert_eq!(call(&server, "127.0.0.1", "One.Do").await, "200 later {}");
        server.shutdown().await;
    }

    #[tokio::test]
    async fn a_service_of_a_path_answers_all_below_it() {
        let server = Server::start(ServerConfig::default()).await.unwrap();
        server.mount("/api/", Named("rest"));
        assert_eq!(get(&server, "127.0.0.1", "/api/v1/runs?limit=1").await, "200 rest ");
        assert!(get(&server, "evil.example", "/api/v1/runs").await.starts_with("403 "));
        // All other paths are S3's.
        assert!(!get(&server, "127.0.0.1", "/apis/v1").await.contains("rest"));
        server.shutdown().await;
    }
}
