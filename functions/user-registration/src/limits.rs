//! Every limit of a registration, each with its unit and why it stands where it does.

/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 200;

/// Characters of an e-mail address (RFC 5321, 4.5.3.1.3: a path of 256 with its two brackets).
pub const EMAIL_CHARS_MAX: usize = 254;

/// Milliseconds for a call with all its attempts: below the TimeoutSeconds of the tasks, which is 8, so that a step still
/// says itself that the table, or the mail's service, didn't answer.
pub const CALL_TIMEOUT_MS: u64 = 6_500;

/// Milliseconds for a connection to the mail's service.
pub const CONNECT_TIMEOUT_MS: u64 = 2_000;

/// Bytes of the mail service's answer that are read: it holds an id, or an error's words.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
