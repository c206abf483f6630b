//! The five steps. Each is a plain function of its input, the call it is in, and what it works with.

pub mod ingest;
pub mod load_rows;
pub mod parse_rows;
pub mod report;
pub mod transform_rows;
