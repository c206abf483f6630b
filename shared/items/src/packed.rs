//! Objects that are compressed as a whole. What is in them is taken out a little at a time, so that a small object that
//! holds much takes no more memory than any other.

use crate::{Unreadable, limits};
use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    io::{self, BufRead, ErrorKind, Read},
};

/// How an object is compressed as a whole. AWS reads both
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Packing {
    /// RFC 1952, also several members after one another.
    Gzip,
    /// RFC 8878, also several frames after one another.
    Zstd,
}

impl Packing {
    /// By an object's first bytes, four of them or all that it has. No text begins so: neither is UTF-8.
    pub fn of(beginning: &[u8]) -> Option<Self> {
        match beginning {
            [0x1F, 0x8B, ..] => Some(Self::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "Zstandard",
        })
    }
}

/// Takes a compressed object piece by piece, and gives what is in it.
pub trait Unpack: Send {
    /// Takes the next bytes of the object, once `next` has asked for them.
    fn push(&mut self, bytes: Vec<u8>);

    /// The object has no more bytes.
    fn finish(&mut self);

    /// What follows in it.
    ///
    /// # Errors
    ///
    /// The object is broken, ends too early, or holds more than [`limits::UNPACKED_BYTES_MAX`].
    fn next(&mut self) -> Result<Unpacked<'_>, Unreadable>;
}

/// What follows in a compressed object.
#[derive(Debug, PartialEq, Eq)]
pub enum Unpacked<'a> {
    /// Some bytes of what it holds, at most [`limits::UNPACKED_BYTES_AT_ONCE`].
    Bytes(&'a [u8]),
    /// More of the object has to be pushed.
    Needs,
    /// The object is complete.
    End,
}

/// What unpacks such an object.
///
/// # Errors
///
/// None that depends on the object.
pub fn unpacker(packing: Packing) -> Result<Box<dyn Unpack>, Unreadable> {
    Ok(match packing {
        Packing::Gzip => Box::new(Unpacker::new(packing, MultiGzDecoder::new(Pushed::default()))),
        Packing::Zstd => {
            let unusable = |error: io::Error| broken(packing, &error);
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(Pushed::default()).map_err(unusable)?;
            decoder.window_log_max(limits::ZSTD_WINDOW_LOG_MAX).map_err(unusable)?;
            Box::new(Unpacker::new(packing, decoder))
        }
    })
}

/// A decoder of compressed bytes that have been pushed.
trait Decoder: Read + Send {
    fn pushed(&mut self) -> &mut Pushed;
}

impl Decoder for MultiGzDecoder<Pushed> {
    fn pushed(&mut self) -> &mut Pushed {
        self.get_mut()
    }
}

impl Decoder for zstd::stream::read::Decoder<'static, Pushed> {
    fn pushed(&mut self) -> &mut Pushed {
        self.get_mut()
    }
}

struct Unpacker<D> {
    packing: Packing,
    decoder: D,
    buffer: Vec<u8>,
    unpacked: u64,
}

impl<D: Decoder> Unpacker<D> {
    fn new(packing: Packing, decoder: D) -> Self {
        let buffer = vec![0; limits::UNPACKED_BYTES_AT_ONCE];
        Self { packing, decoder, buffer, unpacked: 0 }
    }
}

impl<D: Decoder> Unpack for Unpacker<D> {
    fn push(&mut self, bytes: Vec<u8>) {
        let pushed = self.decoder.pushed();
        (pushed.bytes, pushed.taken) = (bytes, 0);
    }

    fn finish(&mut self) {
        self.decoder.pushed().finished = true;
    }

    fn next(&mut self) -> Result<Unpacked<'_>, Unreadable> {
        match self.decoder.read(&mut self.buffer) {
            Ok(0) => Ok(Unpacked::End),
            Ok(count) => {
                self.unpacked = self.unpacked.saturating_add(count as u64);
                if self.unpacked > limits::UNPACKED_BYTES_MAX {
                    let (packing, bytes_max) = (self.packing, limits::UNPACKED_BYTES_MAX);
                    return Err(Unreadable(format!("Its {packing} holds more than {bytes_max} bytes.")));
                }
                Ok(Unpacked::Bytes(self.buffer.get(..count).unwrap_or_default()))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Unpacked::Needs),
            Err(error) => Err(broken(self.packing, &error)),
        }
    }
}

fn broken(packing: Packing, error: &io::Error) -> Unreadable {
    Unreadable(match error.kind() {
        ErrorKind::UnexpectedEof => format!("Its {packing} ends too early."),
        _ => format!("Its {packing} is broken: {error}."),
    })
}

/// What has been pushed and not been taken yet. Where nothing is left of it, more may come.
#[derive(Debug, Default)]
struct Pushed {
    bytes: Vec<u8>,
    taken: usize,
    finished: bool,
}

impl BufRead for Pushed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        match rest.is_empty() && !self.finished {
            true => Err(ErrorKind::WouldBlock.into()),
            false => Ok(rest),
        }
    }

    fn consume(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count);
    }
}

impl Read for Pushed {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(to)?;
        self.consume(count);
        Ok(count)
    }
}
