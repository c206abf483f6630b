//! A program of a user's own, which starts registrations by `stepladder::Client`: end_to_end/registration.rs runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use stepladder::{Client, ClientError};

const WORKFLOW: &str = "user-registration";
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize, PartialEq)]
struct Profile {
    user_id: String,
    email: String,
}

#[tokio::main]
async fn main() {
    let client = Client::from_env().await.unwrap();
    let ada = json!({ "email": "Ada@client.example.org", "name": "Ada" });
    let profile = || client.answer::<Profile>(WORKFLOW, "client-ada", &ada, "CreateProfile", PATIENCE);
    let first = profile().await.unwrap();
    assert_eq!(first.email, "ada@client.example.org");
    assert_eq!(profile().await.unwrap(), first);
    let end: Value = client.end(WORKFLOW, "client-ada", &ada, PATIENCE).await.unwrap();
    assert_eq!(end["welcome"]["to"], "ada@client.example.org");
    assert_eq!(client.start(WORKFLOW, "client-ada", &ada).await.unwrap(), "user-registration/client-ada");

    let error = client.answer::<Profile>(WORKFLOW, "client-bad", &json!({}), "CreateProfile", PATIENCE).await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, ClientError::RunFailed { status: "FAILED", error: Some(error), .. } if error == "InvalidRegistration"),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "the run user-registration/client-bad ended FAILED by InvalidRegistration");
    let eva = json!({ "email": "eva@client.example.org", "name": "Eva" });
    let taken = client.start(WORKFLOW, "client-ada", &eva).await.unwrap_err();
    assert!(matches!(taken, ClientError::NameTaken { .. }), "{taken:?}");
    let unknown =
        client.answer::<Profile>(WORKFLOW, "client-eva", &eva, "Nothing", PATIENCE).await.unwrap_err();
    assert!(
        matches!(&unknown, ClientError::UnknownState { known, .. } if known[1] == "CreateProfile"),
        "{unknown:?}"
    );
    let none = client.start("none", "x", &eva).await.unwrap_err();
    assert!(matches!(none, ClientError::UnknownWorkflow { .. }), "{none:?}");
    let other =
        client.answer::<u32>(WORKFLOW, "client-ada", &ada, "CreateProfile", PATIENCE).await.unwrap_err();
    assert!(matches!(other, ClientError::UnexpectedOutput { .. }), "{other:?}");
    let pending =
        client.answer::<Profile>(WORKFLOW, "client-eva", &eva, "SendWelcomeEmail", Duration::ZERO).await;
    assert!(matches!(pending, Err(ClientError::Pending { .. })), "{pending:?}");
    let past =
        client.answer::<Value>(WORKFLOW, "client-ada", &ada, "NotWelcomed", PATIENCE).await.unwrap_err();
    assert!(matches!(past, ClientError::OtherWay { .. }), "{past:?}");
}
