//! The SDK's clients: how they connect, how long they wait, how often they try.

use crate::{
    Environment,
    environment::Connection,
    limits::{
        ATTEMPT_TIMEOUT, ATTEMPTS_MAX, BACKOFF_FIRST, BACKOFF_MAX, CALL_TIMEOUT, CONNECT_TIMEOUT,
        IDLE_CONNECTION_TIMEOUT, IDLE_CONNECTIONS_MAX, INVOKE_TIMEOUT,
    },
    observe::{Observer, Watch},
};
use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient, SharedInterceptor};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use std::sync::OnceLock;

/// What a client of the AWS SDK is made of, for what a step does on AWS by itself: it connects, waits and tries as often as
/// Stepladder's own clients do, and goes where the environment variables say.
///
/// Read from `AWS_REGION`, `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_<SERVICE>` and the variables of
/// credentials, as the SDK reads them. With an endpoint on this machine nothing else has to be set: the region is then
/// us-east-1, and any credentials will do. With `http://` endpoints no certificate is read. Each call makes a connection
/// pool of its own: a process calls it once.
///
/// The SDK is built without an HTTP client of its own here; a configuration from `aws_config` alone would have none.
pub async fn sdk_config() -> SdkConfig {
    let lookup = |name: &str| std::env::var(name).ok();
    // What is wrong with an endpoint is told at the start of the function, and by the SDK.
    let connection = Connection::read(&lookup).unwrap_or_default();
    let is_encrypted = std::env::vars_os().any(|(name, url)| {
        name.to_string_lossy().starts_with("AWS_ENDPOINT_URL_") && url.to_string_lossy().starts_with("https:")
    });
    let endpoint = connection.endpoints.all.as_deref().filter(|_| !is_encrypted);
    let http = HttpClients::default().for_endpoint(endpoint);
    let mut loader = loader(http, connection.placeholder_credentials);
    if let Some(region) = connection.region {
        loader = loader.region(Region::new(region));
    }
    loader.load().await
}

pub(crate) fn loader(http: SharedHttpClient, placeholder_credentials: bool) -> ConfigLoader {
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(attempts(ATTEMPTS_MAX))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(CALL_TIMEOUT)
                .build(),
        );
    if placeholder_credentials {
        return loader.credentials_provider(Credentials::new("local", "local", None, None, "placeholder"));
    }
    loader
}

fn attempts(attempts_max: u32) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(attempts_max)
        .with_initial_backoff(BACKOFF_FIRST)
        .with_max_backoff(BACKOFF_MAX)
}

/// DynamoDB and SQS are used by everyone and built at the start; S3 and Lambda by few, and on their first use.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    s3: OnceLock<aws_sdk_s3::Client>,
    lambda: OnceLock<aws_sdk_lambda::Client>,
    shared: Shared,
}

/// What the clients have in common.
#[derive(Debug)]
struct Shared {
    sdk: SdkConfig,
    environment: Environment,
    http: HttpClients,
    watch: Option<SharedInterceptor>,
}

impl Clients {
    pub(crate) async fn connect(
        environment: &Environment,
        credentials: Option<SharedCredentialsProvider>,
        observer: Option<Observer>,
        attempts_max: u32,
    ) -> Self {
        let http = HttpClients::default();
        // Credentials may come over the network as well.
        let for_all = http.for_endpoint(environment.endpoints.all.as_deref());
        let mut loader = loader(for_all, environment.placeholder_credentials)
            .region(Region::new(environment.settings.region.clone()))
            .retry_config(attempts(attempts_max));
        if let Some(endpoint) = &environment.endpoints.all {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = credentials {
            loader = loader.credentials_provider(credentials);
        }
        let sdk = loader.load().await;
        let watch = observer.map(|observer| SharedInterceptor::new(Watch(observer)));
        let shared = Shared { sdk, environment: environment.clone(), http, watch };
        Self {
            dynamodb: shared.dynamodb(),
            sqs: shared.sqs(),
            s3: OnceLock::new(),
            lambda: OnceLock::new(),
            shared,
        }
    }

    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| self.shared.s3())
    }

    /// What the calls of all clients are signed with.
    pub(crate) fn credentials(&self) -> Option<SharedCredentialsProvider> {
        self.shared.sdk.credentials_provider()
    }

    pub(crate) fn lambda(&self) -> &aws_sdk_lambda::Client {
        self.lambda.get_or_init(|| self.shared.lambda())
    }

    /// A new one.
    pub(crate) fn scheduler(&self) -> aws_sdk_scheduler::Client {
        self.shared.scheduler()
    }

    /// A new one.
    pub(crate) fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        self.shared.eventbridge()
    }
}

impl Shared {
    fn endpoint(&self, own: &Option<String>) -> Option<String> {
        own.clone().or_else(|| self.environment.endpoints.all.clone())
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let endpoint = self.endpoint(&self.environment.endpoints.dynamodb);
        let mut config = aws_sdk_dynamodb::config::Builder::from(&self.sdk)
            .http_client(self.http.for_endpoint(endpoint.as_deref()));
        config.set_endpoint_url(endpoint);
        if let Some(watch) = &self.watch {
            config.push_interceptor(watch.clone());
        }
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    fn sqs(&self) -> aws_sdk_sqs::Client {
        let endpoint = self.endpoint(&self.environment.endpoints.sqs);
        let mut config = aws_sdk_sqs::config::Builder::from(&self.sdk)
            .http_client(self.http.for_endpoint(endpoint.as_deref()));
        config.set_endpoint_url(endpoint);
        if let Some(watch) = &self.watch {
            config.push_interceptor(watch.clone());
        }
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        let endpoint = self.endpoint(&self.environment.endpoints.s3);
        let mut config = aws_sdk_s3::config::Builder::from(&self.sdk)
            .http_client(self.http.for_endpoint(endpoint.as_deref()))
            // An emulator has no host name per bucket.
            .force_path_style(endpoint.is_some());
        config.set_endpoint_url(endpoint);
        if let Some(watch) = &self.watch {
            config.push_interceptor(watch.clone());
        }
        aws_sdk_s3::Client::from_conf(config.build())
    }

    fn scheduler(&self) -> aws_sdk_scheduler::Client {
        let endpoint = self.endpoint(&self.environment.endpoints.scheduler);
        let mut config = aws_sdk_scheduler::config::Builder::from(&self.sdk)
            .http_client(self.http.for_endpoint(endpoint.as_deref()));
        config.set_endpoint_url(endpoint);
        if let Some(watch) = &self.watch {
            config.push_interceptor(watch.clone());
        }
        aws_sdk_scheduler::Client::from_conf(config.build())
    }

    fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        let endpoint = self.endpoint(&self.environment.endpoints.eventbridge);
        let mut config = aws_sdk_eventbridge::config::Builder::from(&self.sdk)
            .http_client(self.http.for_endpoint(endpoint.as_deref()));
        config.set_endpoint_url(endpoint);
        if let Some(watch) = &self.watch {
            config.push_interceptor(watch.clone());
        }
        aws_sdk_eventbridge::Client::from_conf(config.build())
    }

    /// One attempt only: a second one could run the function twice, and the queue tries again anyway.
    fn lambda(&self) -> aws_sdk_lambda::Client {
        let endpoint = self.endpoint(&self.environment.endpoints.lambda);
        let mut config = aws_sdk_lambda::config::Builder::from(&self.sdk)
            .http_client(self.http.for_endpoint(endpoint.as_deref()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(INVOKE_TIMEOUT)
                    .operation_timeout(INVOKE_TIMEOUT)
                    .build(),
            );
        config.set_endpoint_url(endpoint);
        if let Some(watch) = &self.watch {
            config.push_interceptor(watch.clone());
        }
        aws_sdk_lambda::Client::from_conf(config.build())
    }
}

/// One connection pool without TLS and one with it, each made when it is first asked for: only the second reads the
/// machine's certificates.
#[derive(Debug, Default)]
pub(crate) struct HttpClients {
    plain: OnceLock<SharedHttpClient>,
    tls: OnceLock<SharedHttpClient>,
}

impl HttpClients {
    pub(crate) fn for_endpoint(&self, endpoint: Option<&str>) -> SharedHttpClient {
        let builder = || {
            Builder::new()
                .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
                .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        };
        if endpoint.is_some_and(|url| url.starts_with("http://")) {
            return self.plain.get_or_init(|| builder().build_http()).clone();
        }
        let ring = || builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        self.tls.get_or_init(ring).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connect(variables: &[(&str, &str)]) -> Clients {
        connect_for(variables, ATTEMPTS_MAX).await
    }

    async fn connect_for(variables: &[(&str, &str)], attempts_max: u32) -> Clients {
        let environment = Environment::read(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        Clients::connect(&environment.unwrap(), None, None, attempts_max).await
    }

    #[tokio::test]
    async fn a_steps_own_clients_wait_and_try_as_ours_do() {
        let config = sdk_config().await;
        let timeouts = config.timeout_config().unwrap();
        assert_eq!(timeouts.operation_timeout(), Some(CALL_TIMEOUT));
        assert_eq!(config.retry_config().unwrap().max_attempts(), ATTEMPTS_MAX);
        assert!(config.http_client().is_some());
    }

    #[tokio::test]
    async fn a_call_is_tried_as_often_as_was_said() {
        for attempts_max in [1, ATTEMPTS_MAX] {
            let clients = connect_for(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")], attempts_max).await;
            let config = clients.dynamodb.config().retry_config().unwrap();
            assert_eq!(config.max_attempts(), attempts_max);
        }
    }

    #[tokio::test]
    async fn without_an_endpoint_the_clients_speak_tls_only() {
        let clients =
            connect(&[("AWS_REGION", "eu-west-1"), ("STEPLADDER_ACCOUNT_ID", "123456789012")]).await;
        let _ = (clients.s3(), clients.lambda());
        assert!(clients.shared.http.tls.get().is_some());
        assert!(clients.shared.http.plain.get().is_none());
    }

    #[tokio::test]
    async fn with_a_plain_endpoint_no_certificate_is_read() {
        let clients = connect(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]).await;
        let _ = (clients.s3(), clients.lambda());
        assert!(clients.shared.http.tls.get().is_none());
    }

    #[tokio::test]
    async fn one_service_may_have_an_endpoint_of_its_own() {
        let clients = connect(&[
            ("AWS_REGION", "eu-west-1"),
            ("STEPLADDER_ACCOUNT_ID", "123456789012"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000"),
        ])
        .await;
        assert!(clients.shared.http.tls.get().is_some());
        assert!(clients.shared.http.plain.get().is_some());
    }
}
