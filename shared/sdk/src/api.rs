//! The function that answers at a URL.

use crate::{
    Error,
    event::EventError,
    metrics::Reporter,
    run::{ErrorKind, at_the_end, start},
    url::{self, Asked, Service, unavailable, written},
};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::Response;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde_json::Value;
use std::sync::Arc;
use stepladder_aws::AwsHost;
use stepladder_protocol::{Protocol, WorldResult};
use tokio::sync::OnceCell;

/// What answers, whatever it is.
pub(crate) type Answers = Box<dyn Fn(Asked) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>;
/// What makes it, of the stack's protocol and its key of tokens.
pub(crate) type Make = Box<dyn Fn(Arc<Protocol<AwsHost>>, [u8; 32]) -> Answers + Send + Sync>;

pub(crate) fn answers(service: impl Service) -> Answers {
    Box::new(move |request| Box::pin(service.clone().answer(request)))
}

struct Api {
    protocol: Arc<Protocol<AwsHost>>,
    make: Make,
    /// There once the key of tokens is known.
    answers: OnceCell<Answers>,
    reporter: Reporter,
}

pub(crate) fn run(make: Make) -> BoxFuture<'static, Result<(), Error>> {
    Box::pin(async move {
        let (host, _, reporter) = start().await?;
        let (protocol, answers) = (Arc::new(Protocol::new(host)), OnceCell::new());
        let api = Arc::new(Api { protocol, make, answers, reporter });
        if api.reporter.is_on() {
            let ending = Arc::clone(&api);
            tokio::spawn(at_the_end(move || ending.reporter.report_last(&ending.protocol)));
        }
        let service = service_fn(move |event: LambdaEvent<Value>| handle(Arc::clone(&api), event));
        Ok(Runtime::new(service).run_concurrent().await.map_err(ErrorKind::Runtime)?)
    })
}

async fn handle(api: Arc<Api>, event: LambdaEvent<Value>) -> Result<Value, EventError> {
    // On the heap: the protocol over the AWS SDK is a future of many layers.
    let handled: BoxFuture<'_, _> = Box::pin(api.handle(event.payload));
    handled.await
}

impl Api {
    async fn handle(&self, event: Value) -> Result<Value, EventError> {
        let request = url::request(event)?;
        let answer = match self.answers().await {
            Ok(answers) => written(answers(request).await),
            Err(error) => {
                tracing::warn!(error = %error, "a request was not answered");
                unavailable(&error.to_string())
            }
        };
        self.reporter.report(&self.protocol);
        Ok(answer)
    }

    /// Not at the start: a table that can't be read for a moment shall fail the request that came, and not the function.
    async fn answers(&self) -> WorldResult<&Answers> {
        let make = || async {
            let key = self.protocol.host().token_key().await?;
            Ok((self.make)(Arc::clone(&self.protocol), key))
        };
        self.answers.get_or_try_init(make).await
    }
}
