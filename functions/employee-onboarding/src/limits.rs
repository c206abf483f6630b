//! Every limit of a hire, each with its unit and why it stands where it does.

/// Characters of a hire's id: a run may be named by it, and StartExecution takes 1 to 80
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>).
pub const HIRE_ID_CHARS_MAX: usize = 80;

/// Characters of a name or a role.
pub const TEXT_CHARS_MAX: usize = 200;

/// Characters of an e-mail address (RFC 5321, 4.5.3.1.3: a path of 256 with its two brackets).
pub const EMAIL_CHARS_MAX: usize = 254;

/// Articles that one employee gets.
pub const ARTICLES_MAX: usize = 20;

/// Seconds that an approver has, and has again after the reminder, unless the hire says otherwise: three days.
pub const APPROVAL_SECONDS: u64 = 259_200;

/// Seconds that a hire may give an approver: 30 days. TimeoutSeconds takes 99,999,999
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html>), so this is a rule of the house.
pub const APPROVAL_SECONDS_MAX: u64 = 2_592_000;

/// Milliseconds for a call with all its attempts: below the TimeoutSeconds of the tasks, which is 8, so that a step still
/// says itself that the table didn't answer.
pub const CALL_TIMEOUT_MS: u64 = 6_500;
