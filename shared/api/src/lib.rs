//! The APIs in front of a stack. AWS's Step Functions API: what talks to Step Functions talks to Stepladder by another endpoint.
//!
//! [`router`] speaks the service's JSON 1.0 protocol (`POST /`, with the operation in `X-Amz-Target`) over any
//! [`Host`], and knows neither AWS's services nor the local servers. Whoever serves it decides who
//! may call: it checks no signatures.
//!
//! Beside it stands our own REST under `/api/v1`, for what AWS has no word for: runs across workflows, queues, dead letters,
//! graphs. `docs/rest-api.md` is its manual.
//!
//! What holds for each operation, and the test that shows it, stands in `docs/step-functions-api.md`. An operation that isn't
//! in there answers UnknownOperationException.
//!
//! Limits stand in [`limits`]. Sources: the service's model as AWS's SDKs carry it, and
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/Welcome.html>.

mod answer;
mod arn;
mod error;
mod fields;
mod jackson;
pub mod limits;
mod listing;
mod operations;
mod recordings;
mod rest;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod token;
mod wire;

use recordings::Recordings;
use std::sync::Arc;
pub use stepladder_asl::Unsupported;
use stepladder_protocol::{Clock, Host, Protocol};
use token::TokenKey;

/// How the API is to be.
#[derive(Clone)]
pub struct ApiSettings {
    /// What tokens for the next page are made with. Nobody else may know it, and all processes behind one endpoint have the
    /// same: else one refuses the tokens of another.
    pub token_key: [u8; 32],
    pub refusals: Refusals,
    /// What becomes of definitions with a resource that can't be called here.
    pub unsupported: Unsupported,
    /// Whether item readers read Parquet here: definitions that want it are refused else.
    pub reads_parquet: bool,
}

/// What is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Refusals {
    /// What can't be done here.
    #[default]
    Own,
    /// Also what AWS refuses though it could be done here: data above 256 KiB, and a look at EXPRESS executions.
    Aws,
}

impl ApiSettings {
    /// With a key that is drawn now: good for one process, which forgets its tokens when it ends.
    pub fn drawn(clock: &impl Clock, refusals: Refusals) -> Self {
        let random = [clock.random_u128(), clock.random_u128()].map(u128::to_be_bytes);
        let mut token_key = [0; 32];
        token_key.iter_mut().zip(random.as_flattened()).for_each(|(byte, random)| *byte = *random);
        Self { token_key, refusals, unsupported: Unsupported::default(), reads_parquet: false }
    }
}

impl std::fmt::Debug for ApiSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiSettings").field("refusals", &self.refusals).finish_non_exhaustive()
    }
}

/// What answers requests.
struct Api<H> {
    protocol: Arc<Protocol<H>>,
    tokens: TokenKey,
    refusals: Refusals,
    unsupported: Unsupported,
    reads_parquet: bool,
    recordings: Recordings,
}

/// The router: `POST /` for everything that AWS's clients call, and the REST API under `/api/v1`.
pub fn router<H: Host + 'static>(protocol: Arc<Protocol<H>>, settings: ApiSettings) -> axum::Router {
    let api = Api {
        protocol,
        tokens: TokenKey::new(settings.token_key),
        refusals: settings.refusals,
        unsupported: settings.unsupported,
        reads_parquet: settings.reads_parquet,
        recordings: Recordings::default(),
    };
    let api = Arc::new(api);
    wire::router(Arc::clone(&api)).merge(rest::router(api))
}
