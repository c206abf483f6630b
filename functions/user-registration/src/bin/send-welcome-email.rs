//! Sends the mail that welcomes a user.

use user_registration::steps::send_welcome_email::send_welcome_email;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(send_welcome_email).await
}
