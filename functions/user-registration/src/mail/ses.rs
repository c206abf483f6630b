//! Amazon SES: one signed request, SendEmail of its API v2
//! (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>).

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use super::{Mail, MailError, Mailer};
use crate::limits::{ANSWER_BYTES_MAX, CALL_TIMEOUT_MS, CONNECT_TIMEOUT_MS};

const PATH: &str = "/v2/email/outbound-emails";

/// [`Mailer`] on Amazon SES.
#[derive(Debug)]
pub struct SesMailer {
    config: SdkConfig,
    region: String,
    endpoint: String,
    from: String,
    connector: Connector,
}

impl SesMailer {
    /// What the environment says; none on one machine, and where `MAIL_FROM` is not set.
    pub async fn from_env() -> Option<Self> {
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let own = set("AWS_ENDPOINT_URL_SESV2");
        if own.is_none() && set("AWS_ENDPOINT_URL").is_some() {
            return None;
        }
        Self::new(stepladder::aws_config().await, set("MAIL_FROM")?, own)
    }

    /// An SES at an endpoint, the region's own unless it is given. None: there is no region.
    pub fn new(config: SdkConfig, from: String, endpoint: Option<String>) -> Option<Self> {
        let region = config.region()?.to_string();
        let endpoint = endpoint.unwrap_or_else(|| format!("https://email.{region}.amazonaws.com"));
        let timeout = Duration::from_millis(CONNECT_TIMEOUT_MS);
        let builder = Connector::builder()
            .connector_settings(HttpConnectorSettings::builder().connect_timeout(timeout).build());
        // Without TLS no certificate is read.
        let connector = match endpoint.starts_with("http://") {
            true => builder.build_http(),
            false => builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build(),
        };
        Some(Self { config, region, endpoint, from, connector })
    }

    /// The status, the error's type and the body of the answer.
    async fn post(&self, body: &Value) -> Result<(u16, String, Value), String> {
        let (url, body) = (format!("{}{PATH}", self.endpoint), body.to_string());
        let request = self.signed(&url, body).await?;
        let answer = self.connector.call(request).await.map_err(|error| error.to_string())?;
        let (status, error) = (answer.status().as_u16(), answer.headers().get("x-amzn-errortype"));
        let error = error.unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|_| "the answer broke off".to_owned())?.to_bytes();
        Ok((status, error, serde_json::from_slice(&body).unwrap_or_default()))
    }

    async fn signed(&self, url: &str, body: String) -> Result<HttpRequest, String> {
        let provider = self.config.credentials_provider().ok_or("there are no credentials")?;
        let identity = provider.provide_credentials().await.map_err(|error| error.to_string())?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("ses")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?;
        let headers = [("content-type", "application/json")];
        let signable =
            SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = signable.and_then(|signable| sign(signable, &parameters.into()));
        let (instructions, _) = signed.map_err(|error| error.to_string())?.into_parts();
        let mut request = HttpRequest::new(body.into());
        request.set_method("POST").map_err(|error| error.to_string())?;
        request.set_uri(url).map_err(|error| error.to_string())?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        for header in instructions.into_parts().0 {
            let value = header.value().to_owned();
            request.headers_mut().try_insert(header.name(), value).map_err(|error| error.to_string())?;
        }
        Ok(request)
    }
}

impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        let text = |data: &str| json!({ "Charset": "UTF-8", "Data": data });
        let body = json!({
            "FromEmailAddress": self.from,
            "Destination": { "ToAddresses": [mail.to] },
            "Content": { "Simple": { "Subject": text(&mail.subject), "Body": { "Text": text(&mail.body) } } },
        });
        let patience = Duration::from_millis(CALL_TIMEOUT_MS);
        let answer = tokio::time::timeout(patience, self.post(&body)).await;
        let unavailable = |why: String| MailError::MailUnavailable(why.chars().take(300).collect());
        let (status, error, body) = answer
            .map_err(|_| unavailable("SES did not answer in time".to_owned()))?
            .map_err(|why| unavailable(format!("SES could not be asked: {why}")))?;
        let said = |name: &str| body.get(name).and_then(Value::as_str);
        if let (200, Some(id)) = (status, said("MessageId")) {
            return Ok(id.to_owned());
        }
        let message = said("message").unwrap_or_default();
        let why = format!("SES answered {status} {error}: {message}");
        // The others can mend: too many at once, a sender that is not verified yet, an account whose sending is paused.
        match error.as_str() {
            "MessageRejected" | "BadRequestException" => Err(MailError::MailRefused(why)),
            _ => Err(unavailable(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers one request so; what it was.
    async fn asked(answer: &str) -> (String, Result<String, MailError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "id", "secret", None, None, "test",
            )))
            .build();
        let from = "welcome@example.com".to_owned();
        let ses = SesMailer::new(config, from, Some(endpoint)).expect("a region");
        let mail = Mail {
            user_id: "usr-1".to_owned(),
            to: "ada@example.org".to_owned(),
            subject: "Welcome, Zoë".to_owned(),
            body: "Hello.\n".to_owned(),
        };
        let serving = async {
            let (mut stream, _) = listener.accept().await.expect("a request");
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert!(stream.read_buf(&mut request).await.expect("more") > 0);
            }
            stream.write_all(answer.as_bytes()).await.expect("answered");
            String::from_utf8(request).expect("a text")
        };
        tokio::join!(serving, ses.send(&mail))
    }

    fn answer(status: &str, error: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\nx-amzn-errortype: {error}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[tokio::test]
    async fn a_mail_is_one_signed_request() {
        let (request, sent) = asked(&answer("200 OK", "", r#"{"MessageId":"m-1"}"#)).await;
        assert_eq!(sent, Ok("m-1".to_owned()));
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("POST /v2/email/outbound-emails HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("/eu-west-1/ses/aws4_request, SignedHeaders=content-type;host;"), "{head}");
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["FromEmailAddress"], "welcome@example.com");
        assert_eq!(body["Destination"], json!({ "ToAddresses": ["ada@example.org"] }));
        assert_eq!(body["Content"]["Simple"]["Subject"]["Data"], "Welcome, Zoë");
        assert_eq!(body["Content"]["Simple"]["Body"]["Text"]["Data"], "Hello.\n");
    }

    #[tokio::test]
    async fn what_is_refused_is_told_from_what_can_mend() {
        let body = r#"{"message":"no"}"#;
        for (status, error, is_final) in [
            ("400 Bad Request", "MessageRejected", true),
            ("400 Bad Request", "BadRequestException:http://x", true),
            ("400 Bad Request", "MailFromDomainNotVerifiedException", false),
            ("429 Too Many Requests", "TooManyRequestsException", false),
            ("403 Forbidden", "AccessDeniedException", false),
            ("500 Internal Server Error", "", false),
        ] {
            let (_, sent) = asked(&answer(status, error, body)).await;
            let sent = sent.expect_err("refused");
            assert_eq!(matches!(sent, MailError::MailRefused(_)), is_final, "{error}: {sent}");
            assert!(sent.to_string().ends_with(": no"), "{sent}");
        }
    }
}
