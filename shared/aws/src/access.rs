//! An operator's way to an account: which region, which credentials, whose they are.

use crate::{
    clients::{HttpClients, loader},
    environment::{Connection, Endpoints, EnvironmentError},
    error::{later, never, world_error},
};
use aws_config::{Region, SdkConfig, profile::ProfileFileRegionProvider, sts::AssumeRoleProvider};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use stepladder_protocol::WorldResult;

/// The session's name of an assumed role, as CloudTrail shows it.
const SESSION: &str = "stepladder";

/// What calls of AWS are made with, before a stack is known. Nothing goes over the network until one is made.
#[derive(Debug, Clone)]
pub struct Access {
    sdk: SdkConfig,
    region: String,
    endpoints: Endpoints,
    is_local: bool,
    has_placeholder_credentials: bool,
    has_role: bool,
}

/// Whose credentials are in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    pub arn: String,
}

impl Access {
    /// Reads variables as [`Environment::read`](crate::Environment::read) does. The region may stand in the files of the AWS
    /// CLI too (`~/.aws/config`, by `AWS_PROFILE`). With a role, its ARN, that role is assumed
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
    pub async fn open(
        lookup: &dyn Fn(&str) -> Option<String>,
        role: Option<&str>,
    ) -> Result<Self, EnvironmentError> {
        let Connection { endpoints, is_local, region, placeholder_credentials } = Connection::read(lookup)?;
        let region = match region {
            Some(region) => region,
            None => {
                let of_files = ProfileFileRegionProvider::new();
                let region = aws_config::meta::region::ProvideRegion::region(&of_files).await;
                region.map(|region| region.to_string()).ok_or(EnvironmentError::Missing {
                    variable: "AWS_REGION",
                    hint: "set it to the stack's AWS region",
                })?
            }
        };
        let http = HttpClients::default().for_endpoint(endpoints.all.as_deref());
        let mut loader = loader(http, placeholder_credentials).region(Region::new(region.clone()));
        if let Some(endpoint) = &endpoints.all {
            loader = loader.endpoint_url(endpoint);
        }
        let mut sdk = loader.load().await;
        if let Some(role) = role {
            let assumed =
                AssumeRoleProvider::builder(role).session_name(SESSION).configure(&sdk).build().await;
            sdk = sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(assumed)).build();
        }
        Ok(Self {
            sdk,
            region,
            endpoints,
            is_local,
            has_placeholder_credentials: placeholder_credentials,
            has_role: role.is_some(),
        })
    }

    /// What a client of the SDK is made of.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoints.all.as_deref()
    }

    /// Whether the endpoint is on this machine.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// Whether there are no credentials, because an endpoint on this machine needs none.
    pub fn has_placeholder_credentials(&self) -> bool {
        self.has_placeholder_credentials
    }

    /// Asks STS whose credentials they are
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>): nobody needs a permission for it.
    pub async fn caller(&self) -> WorldResult<Caller> {
        let operation = || "find out whose credentials are in use".to_owned();
        let sts = aws_sdk_sts::Client::new(&self.sdk);
        let answer = sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| world_error(operation(), &error))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Caller { account, arn }),
            _ => Err(never(operation(), "the answer of STS has no account")),
        }
    }

    /// The variables by which another program, such as the AWS CLI, calls as this does, in addition to this process's own.
    pub async fn variables(&self) -> WorldResult<Vec<(&'static str, String)>> {
        let mut variables =
            vec![("AWS_REGION", self.region.clone()), ("AWS_DEFAULT_REGION", self.region.clone())];
        if let Some(endpoint) = &self.endpoints.all {
            variables.push(("AWS_ENDPOINT_URL", endpoint.clone()));
        }
        if !self.has_role && !self.has_placeholder_credentials {
            return Ok(variables);
        }
        let operation = || "get the credentials of the role".to_owned();
        let provider = self.sdk.credentials_provider();
        let provider = provider.ok_or_else(|| never(operation(), "there are no credentials at all"))?;
        let credentials = provider.provide_credentials().await.map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            later(operation(), format!("{error}: {source}"))
        })?;
        variables.push(("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()));
        variables.push(("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key().to_owned()));
        // One that is set in this process belongs to other credentials.
        variables.push(("AWS_SESSION_TOKEN", credentials.session_token().unwrap_or_default().to_owned()));
        Ok(variables)
    }

    pub(crate) fn credentials(&self) -> Option<SharedCredentialsProvider> {
        self.sdk.credentials_provider()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(variables: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[tokio::test]
    async fn another_program_calls_as_this_does() {
        let local = lookup(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]);
        let access = Access::open(&local, None).await.unwrap();
        assert!(access.is_local() && access.has_placeholder_credentials());
        let variables = access.variables().await.unwrap();
        assert!(variables.contains(&("AWS_ENDPOINT_URL", "http://127.0.0.1:1".to_owned())), "{variables:?}");
        assert!(variables.contains(&("AWS_ACCESS_KEY_ID", "local".to_owned())), "{variables:?}");
        let keyed = lookup(&[("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "x")]);
        let access = Access::open(&keyed, None).await.unwrap();
        let names: Vec<&str> = access.variables().await.unwrap().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["AWS_REGION", "AWS_DEFAULT_REGION"]);
    }
}
