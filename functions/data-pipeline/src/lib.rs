//! A file of meter readings that somebody uploads: checked, summed up, stored, and told of.
//!
//! The four steps are in [`steps`], the order in which they come is in `workflow.asl.json`, and the binaries in
//! `src/bin` only join the two. What a line says is in [`readings`]: plain functions, fed in pieces of any size.
//!
//! # Objects
//!
//! All of them are in the bucket that the file was uploaded to. `<upload>` is the run's name, of which an upload has one.
//!
//! | key | holds |
//! |---|---|
//! | `incoming/….csv` | what was uploaded; it is read, and never written |
//! | `results/<upload>.json` | a [`readings::Summary`] |
//! | `notices/<upload>.json` | a [`notices::Notice`], where no queue takes it |
//!
//! Each is a function of the file alone, so that writing it twice makes no difference.
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `NOTICES_QUEUE_URL` | the SQS queue that notices go to; unless set they are objects |
//!
//! Region, credentials and `AWS_ENDPOINT_URL` are read by the AWS SDK.

pub mod limits;
pub mod notices;
pub mod objects;
pub mod readings;
pub mod steps;
