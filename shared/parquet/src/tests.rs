//! Files that the library writes come back row by row, from any row on; and what is broken is told.

use super::*;
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    column::writer::ColumnWriter,
    data_type::{ByteArray, FixedLenByteArray},
    file::{
        properties::{WriterProperties, WriterVersion},
        writer::SerializedFileWriter,
    },
    schema::parser::parse_message_type,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::sync::Arc;

const BYTES_MAX: u64 = 64 << 20;

const SCHEMA: &str = "message orders {
    REQUIRED INT64 id;
    OPTIONAL BYTE_ARRAY name (UTF8);
    REQUIRED DOUBLE price;
    REQUIRED group tags (LIST) { REPEATED group list { REQUIRED INT32 element; } }
}";

/// A file of so many groups of so many rows, and its rows.
fn orders(properties: WriterProperties, groups: usize, rows: usize) -> (Vec<u8>, Vec<Value>) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let (mut file, mut items) = (Vec::new(), Vec::new());
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties)).unwrap();
    for group in 0..groups {
        let numbers: Vec<i64> = (0..rows).map(|row| (group * rows + row) as i64).collect();
        let mut columns = writer.next_row_group().unwrap();
        for column in 0.. {
            let Some(mut writer) = columns.next_column().unwrap() else { break };
            match (column, writer.untyped()) {
                (0, ColumnWriter::Int64ColumnWriter(writer)) => {
                    writer.write_batch(&numbers, None, None).unwrap();
                }
                (1, ColumnWriter::ByteArrayColumnWriter(writer)) => {
                    let levels: Vec<i16> = numbers.iter().map(|n| i16::from(n % 3 != 0)).collect();
                    let names = numbers.iter().filter(|n| **n % 3 != 0);
                    let names: Vec<ByteArray> = names.map(|n| name(*n).as_str().into()).collect();
                    writer.write_batch(&names, Some(&levels), None).unwrap();
                }
                (2, ColumnWriter::DoubleColumnWriter(writer)) => {
                    let prices: Vec<f64> = numbers.iter().map(|n| price(*n)).collect();
                    writer.write_batch(&prices, None, None).unwrap();
                }
                (3, ColumnWriter::Int32ColumnWriter(writer)) => {
                    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
                    for n in &numbers {
                        if n % 4 == 0 {
                            defined.push(0);
                            repeated.push(0);
                        }
                        for tag in 0..(n % 4) as i32 {
                            values.push(tag);
                            defined.push(1);
                            repeated.push(i16::from(tag > 0));
                        }
                    }
                    writer.write_batch(&values, Some(&defined), Some(&repeated)).unwrap();
                }
                _ => panic!("there is no such column"),
            }
            writer.close().unwrap();
        }
        columns.close().unwrap();
        items.extend(numbers.iter().map(|n| {
            let name = (n % 3 != 0).then(|| name(*n));
            json!({"id": n, "name": name, "price": price(*n), "tags": (0..n % 4).collect::<Vec<_>>()})
        }));
    }
    writer.close().unwrap();
    (file, items)
}

fn name(n: i64) -> String {
    format!("name {}", n % 7)
}

fn price(n: i64) -> f64 {
    n as f64 / 8.0
}

fn opened(file: &[u8]) -> Result<Box<dyn Grouped>, Unreadable> {
    let mut end = 8;
    loop {
        match open(&file[file.len() - end..], file.len() as u64)? {
            Opened::File(file) => return Ok(file),
            Opened::Needs(bytes) => {
                assert!(bytes as usize > end);
                end = bytes as usize;
            }
        }
    }
}

/// The rows of a group: what can't be read comes last.
fn rows(file: &[u8], group: usize) -> Result<Vec<Result<Value, String>>, Unreadable> {
    let opened = opened(file)?;
    let range = opened.range(group, BYTES_MAX)?;
    let bytes = file[range.start as usize..range.end as usize].to_vec();
    opened.rows(group, bytes, BYTES_MAX)?.collect()
}

#[track_caller]
fn all(file: &[u8]) -> Vec<Value> {
    let groups = opened(file).unwrap().groups();
    (0..groups).flat_map(|group| rows(file, group).unwrap()).map(Result::unwrap).collect()
}

#[test]
fn rows_come_back_whatever_they_are_written_with() {
    let zstd = Compression::ZSTD(ZstdLevel::default());
    for compression in
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(Default::default()), zstd]
    {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for dictionary in [true, false] {
                let properties = WriterProperties::builder()
                    .set_compression(compression)
                    .set_writer_version(version)
                    .set_dictionary_enabled(dictionary)
                    .set_data_page_row_count_limit(40)
                    .set_write_batch_size(16)
                    .build();
                let (file, items) = orders(properties, 3, 150);
                assert_eq!(all(&file), items, "{compression:?}, {version:?}, {dictionary}");
            }
        }
    }
}

#[test]
fn a_file_without_rows_has_none() {
    let (file, _) = orders(WriterProperties::default(), 0, 0);
    assert_eq!(opened(&file).unwrap().groups(), 0);
    let (file, _) = orders(WriterProperties::default(), 1, 0);
    assert_eq!(all(&file), Vec::<Value>::new());
}

/// A file of one row, whose one column is written so.
fn one(column: &str, write: impl FnOnce(&mut ColumnWriter<'_>)) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message one {{ {column} }}")).unwrap());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Default::default()).unwrap();
    let mut columns = writer.next_row_group().unwrap();
    let mut column = columns.next_column().unwrap().unwrap();
    write(column.untyped());
    column.close().unwrap();
    columns.close().unwrap();
    writer.close().unwrap();
    file
}

fn int32(column: &str, value: i32) -> Vec<u8> {
    one(column, |writer| match writer {
        ColumnWriter::Int32ColumnWriter(writer) => drop(writer.write_batch(&[value], None, None).unwrap()),
        _ => panic!("{column} is another type"),
    })
}

fn int64(column: &str, value: i64) -> Vec<u8> {
    one(column, |writer| match writer {
        ColumnWriter::Int64ColumnWriter(writer) => drop(writer.write_batch(&[value], None, None).unwrap()),
        _ => panic!("{column} is another type"),
    })
}

fn bytes(column: &str, value: &[u8]) -> Vec<u8> {
    one(column, |writer| match writer {
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            writer.write_batch(&[ByteArray::from(value.to_vec())], None, None).unwrap();
        }
        ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
            let value = FixedLenByteArray::from(value.to_vec());
            writer.write_batch(&[value], None, None).unwrap();
        }
        _ => panic!("{column} is another type"),
    })
}

fn float(value: f32) -> Vec<u8> {
    one("REQUIRED FLOAT v;", |writer| match writer {
        ColumnWriter::FloatColumnWriter(writer) => drop(writer.write_batch(&[value], None, None).unwrap()),
        _ => panic!("it is another type"),
    })
}

#[test]
fn what_json_has_no_type_of_is_text() {
    for (file, value) in [
        (int32("REQUIRED INT32 v;", -7), json!(-7)),
        (int32("REQUIRED INT32 v (UINT_32);", -1), json!(4_294_967_295_u64)),
        (int32("REQUIRED INT32 v (DATE);", 19_000), json!("2022-01-08")),
        (int32("REQUIRED INT32 v (DATE);", -1), json!("1969-12-31")),
        (int32("REQUIRED INT32 v (TIME_MILLIS);", 3_723_004), json!("01:02:03.004")),
        (int32("REQUIRED INT32 v (DECIMAL(9, 2));", -1_234), json!("-12.34")),
        (int64("REQUIRED INT64 v (UINT_64);", -1), json!(u64::MAX)),
        (int64("REQUIRED INT64 v (TIMESTAMP_MILLIS);", 1_541_186_529_153), json!("2018-11-02T19:22:09.153Z")),
        (int64("REQUIRED INT64 v (TIMESTAMP_MICROS);", -1), json!("1969-12-31T23:59:59.999999Z")),
        (int64("REQUIRED INT64 v (TIMESTAMP(NANOS,true));", 5), json!(5)),
        (bytes("REQUIRED BYTE_ARRAY v (UTF8);", "ä".as_bytes()), json!("ä")),
        (bytes("REQUIRED BYTE_ARRAY v;", b"\xFFa"), json!("/2E=")),
        (bytes("REQUIRED FIXED_LEN_BYTE_ARRAY (2) v;", b"ab"), json!("YWI=")),
        (bytes("REQUIRED FIXED_LEN_BYTE_ARRAY (2) v (DECIMAL(4, 1));", b"\x01\x00"), json!("25.6")),
        (float(2.31), json!(2.31)),
        (float(f32::NAN), json!(null)),
    ] {
        assert_eq!(all(&file), [json!({ "v": value })]);
    }
}

#[test]
fn a_row_that_is_none_fails_alone() {
    let late = int64("REQUIRED INT64 v (TIMESTAMP_MILLIS);", i64::MAX);
    assert_eq!(rows(&late, 0).unwrap(), [Err("a timestamp is beyond the years that there are".to_owned())]);
    let large = bytes("REQUIRED BYTE_ARRAY v (UTF8);", &vec![b'a'; limits::ROW_BYTES_MAX]);
    assert_eq!(rows(&large, 0).unwrap(), [Err("it is larger than 8388608 bytes".to_owned())]);
}

#[test]
fn text_that_is_no_text_is_the_files_fault() {
    let told = rows(&bytes("REQUIRED BYTE_ARRAY v (UTF8);", b"\xFF"), 0).unwrap_err();
    assert!(told.0.starts_with("The Parquet file can't be read: "), "{told}");
}

/// The library panics at it.
#[test]
fn a_type_that_is_not_read_is_the_files_fault() {
    let interval = bytes("REQUIRED FIXED_LEN_BYTE_ARRAY (12) v (INTERVAL);", &[0; 12]);
    let told = rows(&interval, 0).unwrap_err();
    assert!(told.0.contains("INTERVAL"), "{told}");
}

#[test]
fn what_is_no_file_is_told() {
    let (file, _) = orders(WriterProperties::default(), 1, 10);
    let told = |end: &[u8], file_bytes| open(end, file_bytes).unwrap_err().0;
    for end in [&b""[..], b"PAR1", b"id,name\n1,2\n", b"\xFF\xFF\x00\x00PAR1"] {
        assert_eq!(told(end, end.len() as u64), "It is no Parquet file.");
    }
    assert_eq!(told(b"\0\0\0\0PARE", 100), "The Parquet file is encrypted.");
    assert_eq!(
        told(b"\xFF\xFF\xFF\xFFPAR1", u64::MAX),
        "The footer of the Parquet file has 4294967295 bytes; 5242880 is the most."
    );
    assert!(told(b"abcdefgh\x08\0\0\0PAR1", 16).starts_with("The Parquet file can't be read: "));
    let opened = opened(&file).unwrap();
    assert_eq!(opened.range(1, BYTES_MAX).unwrap_err().0, "The Parquet file has no row group 2.");
}

#[test]
fn a_group_that_is_too_large_is_not_read() {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let (file, _) = orders(properties, 1, 50_000);
    let opened = opened(&file).unwrap();
    let range = opened.range(0, BYTES_MAX).unwrap();
    let bytes = range.end - range.start;
    let told = opened.range(0, bytes - 1).unwrap_err().0;
    assert!(told.starts_with(&format!("Row group 1 of the Parquet file has {bytes} bytes; ")), "{told}");
    let group = file[range.start as usize..range.end as usize].to_vec();
    // 75,000 values of lists in one column, which one row may have all of.
    let Err(told) = opened.rows(0, group, 75_000 * limits::VALUE_BYTES) else { panic!("it is read") };
    assert!(told.0.contains("takes ") && told.0.contains(" bytes to read; 3600000 is the most"), "{told}");
}

/// Nothing of it is a panic, and nothing takes much memory.
#[test]
fn broken_files_are_told_or_read_otherwise() {
    let properties = || {
        WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_column_encoding("price".into(), Encoding::BYTE_STREAM_SPLIT)
            .build()
    };
    let (file, items) = orders(properties(), 2, 60);
    let mut told = 0;
    std::panic::set_hook(Box::new(|_| {}));
    for seed in 0..1_200 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut broken = file.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(4..broken.len() - 8);
            broken[at] = match random.random_bool(0.5) {
                true => random.random(),
                false => [0, 0x7F, 0x80, 0xFF][random.random_range(0..4)],
            };
        }
        let Ok(opened) = opened(&broken) else {
            told += 1;
            continue;
        };
        let read: Result<Vec<_>, _> = (0..opened.groups()).map(|group| rows(&broken, group)).collect();
        let read = read.map(|groups| groups.concat());
        told += usize::from(read != Ok(items.iter().cloned().map(Ok).collect()));
    }
    let _ = std::panic::take_hook();
    assert!(told > 600, "{told}");
}
