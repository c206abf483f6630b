//! All limits of reading Parquet, each with its unit and the fact behind it.

/// What stands at a file's end has at most so many bytes: 5 MB, as on AWS
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>). It is held while its rows are read.
pub const FOOTER_BYTES_MAX: u64 = 5 * 1024 * 1024;

/// So many bytes of a file's end are asked for at first: the footer of a file of some row groups and columns has fewer.
pub const FOOTER_BYTES_AT_FIRST: u64 = 64 * 1024;

/// A row whose JSON text is larger than this can't be read, in bytes: as with the other formats, whose rows have 8 MiB at most.
pub const ROW_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a value of a list takes in memory, in bytes: a page of few bytes can say that a row has millions of them.
pub const VALUE_BYTES: u64 = 48;
