//! Makes the profile of a user.

use user_registration::steps::create_profile::create_profile;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(create_profile).await
}
