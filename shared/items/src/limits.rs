//! All limits of reading rows, each with its unit and the fact behind it.

/// A row has at most so many bytes, without its line's end. A row is held whole until its end is found, so this bounds the
/// memory that an object can take, whatever is in it. It is far above what a child can be started with, 256 KiB
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const ROW_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The row of a CSV's headers has at most so many bytes: AWS takes headers of up to 10 KiB
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>). So a row of few bytes can't
/// become an item of millions of fields.
pub const HEADERS_BYTES_MAX: usize = 10 * 1024;
