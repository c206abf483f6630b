//! A file of rows: read by a distributed Map state, checked, and loaded into a table.
//!
//! The five steps are in [`steps`], the order in which they come is in `workflow.asl.json`, and the binaries in
//! `src/bin` only join the two. What makes a row good is in [`rules`]: plain functions, which a Python script of its
//! own, `tests/import/oracle.py`, is compared with.
//!
//! # The imports table
//!
//! A DynamoDB table of the example's own, with the text keys `pk` and `sk`, on demand, with no index.
//! [`records::table_name`] says what it is called. `<import>` is the run's name.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `ROW#<id>` | `ROW` | a [`rows::Row`]: `line`, `customer`, `email`, `amount_cents`, `currency`, `ordered_at` |
//! | `IMPORT#<import>` | `LINE#<line, 12 digits>` | a row that is not loaded: `line`, `reason` |
//! | `IMPORT#<import>` | `SUMMARY` | a [`rows::Summary`]: `rows`, `loaded`, `failed`, `failed_batches` |
//!
//! A row's key is its own id: however often a batch is loaded, each of its rows is there once. Of two rows with one id in
//! a batch the first is loaded and the other one fails; in two batches the one stays that is written last.
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `IMPORTS_TABLE` | the table's name; `<stack>-imports` unless set |
//! | `STEPLADDER_STACK` | the stack; `stepladder` unless set |
//!
//! Region, credentials and `AWS_ENDPOINT_URL` are read by the AWS SDK.

pub mod limits;
pub mod records;
pub mod rows;
pub mod rules;
pub mod steps;
