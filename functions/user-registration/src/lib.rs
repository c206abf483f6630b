//! A new user: the caller has the profile as soon as it is made, and the welcome is sent while it goes on.
//!
//! The steps are in [`steps`], the order in which they come is in `workflow.asl.json`. The binaries in `src/bin` only join
//! the two. A step is a plain function over the traits [`records::Records`] and [`mail::Mailer`], so that its test needs
//! nothing but the function.
//!
//! # The users' table
//!
//! A DynamoDB table of this package's own, keyed by `pk` and `sk`, both texts; [`records::table_name`] says what it is
//! called. `document` is JSON text.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `EMAIL#<address>` | `PROFILE` | `operation`, `document`: the [`records::Profile`] that has this address |
//! | `USER#<user id>` | `WELCOME` | `document`: the mail that was sent; `message_id` |
//! | `OUTBOX#<user id>` | `WELCOME` | on one machine, in place of Amazon SES: `document`, the mail |
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `USERS_TABLE` | the table's name; `<stack>-users` unless set |
//! | `STEPLADDER_STACK` | the stack; `stepladder` unless set |
//! | `MAIL_FROM` | whom mails come from; SES must have verified it |
//! | `AWS_ENDPOINT_URL` | set on one machine: mails go to the table's outbox, unless `AWS_ENDPOINT_URL_SESV2` names an SES |

// The examples of this page compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/answers.md")]
struct Answers;

pub mod limits;
pub mod mail;
pub mod records;
pub mod registration;
pub mod steps;
