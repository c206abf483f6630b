//! What a compressed object holds comes out the same, however it was cut, and never much of it at once.

use super::*;
use crate::{Packing, Unpacked, limits::UNPACKED_BYTES_AT_ONCE, unpacker};
use flate2::{Compression, write::GzEncoder};
use rand::SeedableRng;
use std::io::Write;

const BOTH: [Packing; 2] = [Packing::Gzip, Packing::Zstd];

fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    match packing {
        Packing::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Zstd => zstd::stream::encode_all(bytes, 3).unwrap(),
    }
}

/// All that it holds, out of these pieces.
fn unpack<'a>(
    packing: Packing,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    mut each: impl FnMut(&[u8]),
) -> Result<(), Unreadable> {
    let mut unpacker = unpacker(packing)?;
    let mut pieces = pieces.into_iter();
    loop {
        match unpacker.next()? {
            Unpacked::Bytes(bytes) => {
                assert!((1..=UNPACKED_BYTES_AT_ONCE).contains(&bytes.len()));
                each(bytes);
            }
            Unpacked::Needs => match pieces.next() {
                Some(piece) => unpacker.push(piece.to_vec()),
                None => unpacker.finish(),
            },
            Unpacked::End => {
                assert_eq!(unpacker.next(), Ok(Unpacked::End), "it stays at its end");
                return Ok(());
            }
        }
    }
}

fn unpacked(packing: Packing, packed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut all = Vec::new();
    unpack(packing, [packed], |bytes| all.extend_from_slice(bytes)).map(|()| all)
}

#[test]
fn neither_the_cuts_nor_the_beginning_change_the_rows() {
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let object: String =
            (0..random.random_range(0..400)).map(|row| format!("{{\"n\": {row}}}\n")).collect();
        let whole = read(Format::JsonLines, object.as_bytes());
        for packing in BOTH {
            // Several of them after one another are one object.
            let at = random.random_range(0..=object.len());
            let (first, second) = object.as_bytes().split_at(at);
            let packed = [pack(packing, first), pack(packing, second)].concat();
            assert_eq!(Packing::of(&packed), Some(packing));
            let next = match whole.rows.is_empty() {
                true => Place::default(),
                false => whole.rows[random.random_range(0..whole.rows.len())].next,
            };
            let mut skip = next.offset as usize;
            let mut reader = Reader::resume(Format::JsonLines, next, None).unwrap();
            let mut rows = Vec::new();
            unpack(packing, cut(&packed, &mut random), |bytes| {
                let passed = skip.min(bytes.len());
                skip -= passed;
                reader.push(&bytes[passed..]);
                while let Some(row) = reader.next_row().unwrap() {
                    rows.push(row);
                }
            })
            .unwrap();
            let behind = whole.rows.iter().filter(|row| row.next.offset > next.offset);
            assert_eq!(rows, behind.cloned().collect::<Vec<_>>(), "seed {seed}, {packing}");
        }
    }
}

#[test]
fn what_is_cut_off_or_changed_is_told() {
    let object: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
    for packing in BOTH {
        let packed = pack(packing, &object);
        for bytes in [4, 20, packed.len() / 2, packed.len() - 1] {
            let told = unpacked(packing, &packed[..bytes]);
            assert_eq!(told, Err(Unreadable(format!("Its {packing} ends too early."))), "{bytes} bytes");
        }
        let mut changed = packed.clone();
        let middle = changed.len() / 2;
        changed[middle..middle + 16].fill(0xAA);
        let told = unpacked(packing, &changed);
        assert!(told != Ok(object.clone()), "{packing}");
        let behind = [&packed[..], b"and text"].concat();
        let told = unpacked(packing, &behind).unwrap_err();
        assert!(told.0.starts_with(&format!("Its {packing} ")), "{told}");
    }
}

#[test]
fn bytes_of_any_kind_end() {
    for seed in 0..1_000 {
        let mut random = StdRng::seed_from_u64(seed);
        for packing in BOTH {
            let mut packed = pack(packing, &vec![7; random.random_range(0..300)]);
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..packed.len());
                packed[at] = random.random();
            }
            let _ = unpacked(packing, &packed);
        }
    }
}

/// Zeros take a thousandth as gzip, and less as Zstandard. One row holds all of them, and fails alone.
#[test]
fn a_little_that_holds_much_is_never_unpacked_at_once() {
    let zeros = vec![b'0'; 1 << 20];
    for packing in BOTH {
        let times = 32;
        let packed: Vec<u8> = pack(packing, &zeros).repeat(times);
        assert!(packed.len() < times << 11);
        let mut reader = Reader::new(Format::JsonLines).unwrap();
        let (mut rows, mut bytes_seen, mut held) = (Vec::new(), 0, 0);
        unpack(packing, packed.chunks(4096), |bytes| {
            bytes_seen += bytes.len();
            reader.push(bytes);
            while let Some(row) = reader.next_row().unwrap() {
                rows.push(row);
            }
            held = held.max(reader.held.rest().len());
        })
        .unwrap();
        reader.finish();
        rows.extend(reader.next_row().unwrap());
        assert_eq!((rows.len(), bytes_seen), (1, times << 20));
        assert_eq!(rows[0].item, Err("it is larger than 8388608 bytes".to_string()));
        assert!(held <= ROW_BYTES_MAX + 1 + UNPACKED_BYTES_AT_ONCE, "{held} bytes are held");
    }
}

#[test]
fn what_refers_too_far_back_is_refused() {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(27).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(b"1\n").unwrap();
    let told = unpacked(Packing::Zstd, &encoder.finish().unwrap()).unwrap_err();
    assert!(told.0.starts_with("Its Zstandard is broken: "), "{told}");
}

#[test]
fn text_is_not_taken_for_something_compressed() {
    for text in [&b""[..], b"(", b"[", b"{\"a\": 1}", b"\xEF\xBB\xBFa,b", b"\x1F", b"\x28\xB5\x2F"] {
        assert_eq!(Packing::of(text), None, "{text:?}");
    }
}
