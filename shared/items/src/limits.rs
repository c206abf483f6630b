//! All limits of reading rows, each with its unit and the fact behind it.

/// A row has at most so many bytes, without its line's end. A row is held whole until its end is found, so this bounds the
/// memory that an object can take, whatever is in it. It is far above what a child can be started with, 256 KiB
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const ROW_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The row of a CSV's headers has at most so many bytes: AWS takes headers of up to 10 KiB
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>). So a row of few bytes can't
/// become an item of millions of fields.
pub const HEADERS_BYTES_MAX: usize = 10 * 1024;

/// An array that a pointer leads to begins within so many bytes: 16 MB, as on AWS
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>).
pub const POINTED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// So many bytes are unpacked at once at most, of an object that is compressed: a reader holds a row and so much behind it.
pub const UNPACKED_BYTES_AT_ONCE: usize = 64 * 1024;

/// A compressed object holds at most so many bytes: 10 GB, as on AWS
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>).
pub const UNPACKED_BYTES_MAX: u64 = 10_000_000_000;

/// What is unpacked by Zstandard refers at most so far back, as a power of two, in bytes: 8 MiB, which are held in memory. It is
/// the least that a decoder should take (RFC 8878, section 3.1.1.1.2), and what `zstd` writes but for `--ultra` and `--long`.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
