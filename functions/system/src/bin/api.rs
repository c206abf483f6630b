//! Answers AWS's Step Functions API at a function URL, where the stack has one.

use stepladder_api::{ApiSettings, Refusals, Unsupported, router};

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::system::api(|protocol, token_key| {
        router(
            protocol,
            ApiSettings {
                token_key,
                refusals: Refusals::Own,
                unsupported: Unsupported::Refused,
                reads_parquet: cfg!(feature = "parquet"),
            },
        )
    })
    .await
}
