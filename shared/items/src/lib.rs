//! What an `ItemReader` reads: rows out of bytes.
