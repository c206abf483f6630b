//! An order: validated, paid, reserved, invoiced and confirmed, or undone in reverse order.
//!
//! The five steps are in [`steps`], the order in which they come is in `workflow.asl.json`, and the binaries in
//! `src/bin` only join the two. A step is a plain function over traits ([`payment::PaymentProvider`],
//! [`records::Records`], [`records::Outbox`]), so that its test needs nothing but the function.
//!
//! # The orders table
//!
//! A DynamoDB table of the shop's own, with the text keys `pk` and `sk`, on demand, with no
//! index. Whoever deploys the steps creates it; [`records::table_name`] says what it is called. `<reference>` is the
//! run's name; `document` is JSON text; `operation` is the step's operation key.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `ORDER#<reference>` | `PAYMENT` | `status` CHARGED or REFUNDED, `operation`, `document` (a [`records::Payment`]), `refund_id` |
//! | `ORDER#<reference>` | `RESERVATION` | `status` RESERVED or RELEASED, `operation`, `document` (the [`records::Pieces`]) |
//! | `ORDER#<reference>` | `INVOICE` | `status` ISSUED or CANCELLED, `operation`, `document` (a [`records::Invoice`]) |
//! | `ORDER#<reference>` | `CONFIRMATION` | `status` PENDING, `operation`, `document` (a [`records::Mail`]): the outbox |
//! | `STOCK#<sku>` | `STOCK` | `available`, the pieces that are not reserved; there from the first reservation on |
//!
//! An item that was undone without having been done has a `status` and no `document`: it stops a step that comes late.
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `ORDERS_TABLE` | the table's name; `<stack>-orders` unless set |
//! | `STEPLADDER_STACK` | the stack; `stepladder` unless set |
//! | `PAYMENT_FAILURE_PERCENT` | how many of a hundred calls to the provider fail for the moment; 15 unless set |
//! | `PAYMENT_SEED` | which ones; 1 unless set |
//!
//! Region, credentials and `AWS_ENDPOINT_URL` are read by the AWS SDK.

// The examples of these pages compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
#[cfg(doctest)]
#[doc = include_str!("../../../docs/steps.md")]
struct Steps;

pub mod catalogue;
pub mod countries;
pub mod limits;
pub mod money;
pub mod order;
pub mod payment;
pub mod pricing;
pub mod records;
pub mod steps;
pub mod validation;
pub mod vat_id;
