//! The DynamoDB client of a step: how it connects, how long it waits, how often it tries.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::limits::{ATTEMPT_TIMEOUT_MS, ATTEMPTS_MAX, CALL_TIMEOUT_MS, CONNECT_TIMEOUT_MS};

/// The address of an emulator, `None` for AWS: `AWS_ENDPOINT_URL_DYNAMODB`, else `AWS_ENDPOINT_URL`.
pub(super) fn endpoint_from_env() -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    set("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| set("AWS_ENDPOINT_URL"))
}

/// A client for that endpoint; region and credentials are the environment's.
///
/// An `http://` endpoint is an emulator: it needs no certificates, takes any credentials, and is in us-east-1 unless a
/// region is set.
pub async fn connect(endpoint: Option<&str>) -> Client {
    let is_emulator = endpoint.is_some_and(|url| url.starts_with("http://"));
    let http = if is_emulator {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
        .operation_attempt_timeout(Duration::from_millis(ATTEMPT_TIMEOUT_MS))
        .operation_timeout(Duration::from_millis(CALL_TIMEOUT_MS))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        .timeout_config(timeouts);
    let is_unset = |name| std::env::var_os(name).is_none();
    if is_emulator && is_unset("AWS_ACCESS_KEY_ID") {
        loader = loader.credentials_provider(Credentials::new("local", "local", None, None, "placeholder"));
    }
    if is_emulator && is_unset("AWS_REGION") && is_unset("AWS_DEFAULT_REGION") {
        loader = loader.region(Region::from_static("us-east-1"));
    }
    let mut config = aws_sdk_dynamodb::config::Builder::from(&loader.load().await);
    config.set_endpoint_url(endpoint.map(str::to_owned));
    Client::from_conf(config.build())
}
