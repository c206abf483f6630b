//! A new employee: approved, provided for by three departments at once, welcomed on the first day.
//!
//! The steps are in [`steps`], the order in which they come is in `workflow.asl.json`, and in that of the folder
//! `functions/first-day`, the workflow that runs on the first day. The binaries in `src/bin` only join the two. A step is
//! a plain function over the trait [`records::Records`], so that its test needs nothing but the function.
//!
//! # The onboarding table
//!
//! A DynamoDB table of this package's own, keyed by `pk` and `sk`, both texts; [`records::table_name`] says what it is
//! called. `document` is JSON text.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `RUN#<run>` | `APPROVAL#<redrive count>#<1 or 2>` | what an approver is asked: `token`, `attempt`, `approver`, `hire_id`, `asked_at`, `expires_at`, `document` (a [`hire::Hire`]); 2 is the reminder |
//! | `HIRE#<hire id>` | `ACCOUNT`, `EQUIPMENT`, `PAYROLL`, `MENTOR`, `WELCOME` | `operation`, `document`: what was done for a hire, once |
//!
//! The last item of a run is the one to answer. Who can read it can approve: `token` is a password, and so are the
//! rights to this table. Nothing else shows it: the steps take it from [`stepladder::Step::task_token`], and not from
//! their payload, which the history shows.
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `ONBOARDING_TABLE` | the table's name; `<stack>-onboarding` unless set |
//! | `STEPLADDER_STACK` | the stack; `stepladder` unless set |

// The examples of this page compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/callbacks.md")]
struct Callbacks;

pub mod hire;
pub mod limits;
pub mod records;
pub mod steps;
