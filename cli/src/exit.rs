//! How the process ends.

/// The documented exit codes. Scripts depend on them: a number never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `start --wait` and `dev --once`, the runs ended well.
    Done = 0,
    /// It ran, and the answer is bad: a run failed, a check found problems.
    Bad = 1,
    /// Wrong usage; clap ends with it too.
    Usage = 2,
    /// Not found, or a prefix that is not unique.
    NotFound = 3,
    /// Not allowed, or no credentials.
    NotAllowed = 4,
    /// Wrong state, or a name that is taken.
    Conflict = 5,
    /// Gave up waiting.
    GaveUp = 6,
    /// A bug in stepladder.
    Bug = 70,
    /// Throttled or unreachable: try again.
    TryAgain = 75,
    /// Interrupted, also by a reader that went away.
    Interrupted = 130,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}
