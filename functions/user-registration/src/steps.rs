//! The steps. Each is a plain function of its input, the call it is in, and what it works with.

pub mod create_profile;
pub mod send_welcome_email;
pub mod validate_registration;
