//! One attempt of a call over HTTP, signed.

use super::{answer::Answer, failure::Failed, request::Request};
use crate::{
    environment::{Endpoints, Environment},
    limits::{CONNECT_TIMEOUT, IDLE_CONNECTION_TIMEOUT, IDLE_CONNECTIONS_MAX, SERVICE_ANSWER_BYTES_MAX},
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorSettings},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

/// Credentials are asked for again when so much is left of their life.
const CREDENTIALS_LEFT_MIN: Duration = Duration::from_secs(300);

/// Connections, credentials, and where the services are.
#[derive(Debug)]
pub(super) struct Sender {
    region: String,
    endpoints: Endpoints,
    provider: Option<SharedCredentialsProvider>,
    /// Those that have an end: the others are read from variables, which costs nothing.
    credentials: Mutex<Option<Credentials>>,
    plain: OnceLock<Connector>,
    tls: OnceLock<Connector>,
}

impl Sender {
    pub(super) fn new(environment: &Environment, provider: Option<SharedCredentialsProvider>) -> Self {
        Self {
            region: environment.settings.region.clone(),
            endpoints: environment.endpoints.clone(),
            provider,
            credentials: Mutex::default(),
            plain: OnceLock::new(),
            tls: OnceLock::new(),
        }
    }

    pub(super) async fn send(&self, request: &Request) -> Result<Answer, Failed> {
        let service = request.service;
        let credentials = self.credentials().await.map_err(|why| Failed::unsent(service, &why))?;
        let url = service.endpoint(&self.endpoints, &self.region) + &request.path;
        let signed = self.signed(request, &url, credentials).map_err(|why| Failed::unsent(service, &why))?;
        let answer = self.connector(&url).call(signed).await;
        let answer = answer.map_err(|error| Failed::client(service, &told(&error)))?;
        read(request, answer).await
    }

    /// From variables, files, or the machine; kept as long as they hold.
    async fn credentials(&self) -> Result<Credentials, String> {
        let kept = self.credentials.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let renew_at = SystemTime::now() + CREDENTIALS_LEFT_MIN;
        if let Some(kept) = kept.filter(|kept| kept.expiry().is_some_and(|expiry| expiry > renew_at)) {
            return Ok(kept);
        }
        let provider = self.provider.as_ref().ok_or("there are no credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|error| error.to_string())?;
        let kept = credentials.expiry().map(|_| credentials.clone());
        *self.credentials.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(credentials)
    }

    fn signed(&self, request: &Request, url: &str, credentials: Credentials) -> Result<HttpRequest, String> {
        let mut signed = HttpRequest::new(request.body.clone().into());
        signed.set_method("POST").map_err(|error| error.to_string())?;
        signed.set_uri(url).map_err(|error| error.to_string())?;
        for (name, value) in &request.headers {
            signed.headers_mut().try_insert(*name, value.clone()).map_err(|error| error.to_string())?;
        }
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(request.service.host())
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?;
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(&request.body));
        let output = signable.and_then(|signable| sign(signable, &parameters.into()));
        let (instructions, _) = output.map_err(|error| error.to_string())?.into_parts();
        let (headers, _) = instructions.into_parts();
        for header in headers {
            let value = header.value().to_owned();
            signed.headers_mut().try_insert(header.name(), value).map_err(|error| error.to_string())?;
        }
        // After the signature: what is on the way may change them.
        signed.headers_mut().insert("amz-sdk-invocation-id", request.invocation_id.clone());
        signed.headers_mut().insert("user-agent", concat!("stepladder/", env!("CARGO_PKG_VERSION")));
        Ok(signed)
    }

    /// Without TLS no certificate is read.
    fn connector(&self, url: &str) -> &Connector {
        let builder = || {
            let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
            Connector::builder()
                .connector_settings(settings)
                .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
                .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        };
        match url.starts_with("http://") {
            true => self.plain.get_or_init(|| builder().build_http()),
            false => {
                let ring = || builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
                self.tls.get_or_init(ring)
            }
        }
    }
}

/// The whole answer, as far as it is bounded.
async fn read(request: &Request, answer: HttpResponse) -> Result<Answer, Failed> {
    let status = answer.status().as_u16();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = answer.headers().iter_bytes().map(|(name, value)| (name.to_owned(), text(value))).collect();
    let body = Limited::new(answer.into_body(), SERVICE_ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => Failed::too_large(SERVICE_ANSWER_BYTES_MAX),
        false => Failed::client(request.service, "the answer broke off"),
    })?;
    Ok(Answer { status, headers, body: body.to_bytes().to_vec() })
}

/// An error with all that is behind it: the first words alone say little.
fn told(error: &ConnectorError) -> String {
    let mut told = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let more = error.to_string();
        if !told.contains(&more) {
            told = format!("{told}: {more}");
        }
        source = error.source();
    }
    told
}
