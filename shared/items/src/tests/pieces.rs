//! Rows, places and failures depend on the bytes alone: not on how they were cut, nor on where reading began.

use super::*;
use rand::{SeedableRng, seq::IndexedRandom};

const CSV_PARTS: [&[u8]; 22] = [
    b"a",
    b"bc",
    b",",
    b",",
    b"\n",
    b"\n",
    b"\r\n",
    b"\"",
    b"\"",
    b"\"\"",
    b"\\",
    b"\r",
    b"\n\n",
    "ä".as_bytes(),
    "日".as_bytes(),
    b"\xff",
    b"\xc3",
    b",\"",
    b"\",",
    b"\",x\"y,\"\n",
    b" ",
    b"aaaaaaaaaaaaaaaaaaaa",
];
const JSON_PARTS: [&[u8]; 24] = [
    b"{\"a\": 1}",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\\"",
    b"\"a\"",
    b"12",
    b"-1.5e3",
    b"true",
    b"null",
    b",",
    b":",
    b" ",
    b"\t",
    b"\r",
    b"\xff",
    "\"ä日\"".as_bytes(),
    b"{\"b\":\n[\"]\", {}]}",
    b"[[[[[[]]]]]]",
    b"0000000000",
    b"\"\\u00e4\\n\"",
];
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Mostly well-formed: what is wrong from the beginning on tests little.
fn object(format: &Format, random: &mut StdRng) -> Vec<u8> {
    let mut object = Vec::new();
    if random.random_bool(0.2) {
        object.extend_from_slice(&MARK[..random.random_range(1..=3)]);
    }
    if *format == Format::JsonArray {
        object.extend_from_slice(b"\n[ ");
    }
    for at in 0..random.random_range(0..40) {
        match format {
            Format::Csv(_) => object.extend_from_slice(CSV_PARTS.choose(random).unwrap()),
            Format::JsonLines => {
                object.extend_from_slice(JSON_PARTS.choose(random).unwrap());
                object.extend_from_slice([&b"\n"[..], b"\r\n", b"\n\n", b""].choose(random).unwrap());
            }
            Format::JsonArray | Format::JsonArrayAt(_) => {
                let sound = [0, 8, 9, 10, 11, 12, 19, 20, 21, 23].choose(random).unwrap();
                let any = random.random_range(0..JSON_PARTS.len());
                let part = if random.random_bool(0.97) { *sound } else { any };
                object.extend_from_slice(if at == 0 {
                    b""
                } else {
                    [&b","[..], b" ,\n", b",\r\n"].choose(random).unwrap()
                });
                object.extend_from_slice(JSON_PARTS[part]);
            }
        }
    }
    if *format == Format::JsonArray && random.random_bool(0.8) {
        object.extend_from_slice(b" ]\n");
    }
    object
}

fn formats() -> [Format; 4] {
    [csv(None), csv(Some(&["a", "b"])), Format::JsonLines, Format::JsonArray]
}

#[test]
fn neither_the_cuts_nor_the_beginning_change_what_is_told() {
    let mut counts = [[0; 3]; 4];
    for seed in 0..2_500 {
        let mut random = StdRng::seed_from_u64(seed);
        for (format, [told_count, failed_count, unreadable_count]) in formats().into_iter().zip(&mut counts) {
            let object = object(&format, &mut random);
            let row_bytes_max = [ROW_BYTES_MAX, 30, 60][random.random_range(0..3)];
            let from = |at, headers| Reader::limited(format.clone(), at, headers, row_bytes_max);
            let whole = tell(from(Place::default(), None), [&object[..]], object.len());
            *told_count += whole.rows.len();
            *failed_count += whole.rows.iter().filter(|row| row.item.is_err()).count();
            *unreadable_count += usize::from(whole.unreadable.is_some());

            let told = tell(from(Place::default(), None), cut(&object, &mut random), row_bytes_max);
            assert_eq!(told, whole, "seed {seed}: {:?}", String::from_utf8_lossy(&object));
            for (index, row) in whole.rows.iter().enumerate() {
                let rest = cut(&object[row.next.offset as usize..], &mut random);
                let told = tell(from(row.next, whole.headers.clone()), rest, row_bytes_max);
                assert_eq!(told.rows, whole.rows[index + 1..], "seed {seed}, behind row {index}");
                assert_eq!((told.headers, &told.unreadable), (whole.headers.clone(), &whole.unreadable));
            }
        }
    }
    // The objects are worth reading: rows, failed rows and unreadable objects of each format that has them.
    let [first_row, given, lines, array] = counts;
    assert!(first_row.iter().chain(&given[..2]).chain(&lines[..2]).all(|count| *count > 300), "{counts:?}");
    assert!(array[0] > 6_000 && array[1] == 0 && array[2] > 300, "{counts:?}");
}

/// Every place where it can be cut in two, and every byte by itself.
#[test]
fn each_cut_of_a_few_objects() {
    let objects: [(Format, &[u8]); 4] = [
        (csv(None), "\u{feff}ä,b\r\n\r\n\"1\r\n\"\"\",日\n\"x\"\"\",\\\"\r\n\"open\n,".as_bytes()),
        (csv(Some(&["a"])), b"\"\"\"\"\r\n\\\r\n\xe6\x97\r\n\""),
        (Format::JsonLines, "\u{feff}{\"ä\": \"\\\"日\"}\r\n\r\n{\"\n\"\\u00e4\"".as_bytes()),
        (Format::JsonArray, "\u{feff}[\"ä\\\"\", {\"]\": [1,\r\n2]} ,\ntrue,-1.5\n]\r\n".as_bytes()),
    ];
    for (format, object) in objects {
        let whole = read(format.clone(), object);
        assert!(whole.rows.len() > 1);
        for at in 0..=object.len() {
            let pieces = [&object[..at], &object[at..]];
            assert_eq!(tell(Reader::new(format.clone()), pieces, ROW_BYTES_MAX), whole);
        }
        assert_eq!(tell(Reader::new(format.clone()), object.chunks(1), ROW_BYTES_MAX), whole);
    }
}

/// `tell` sees to it that each ends, done or unreadable, and holds no more than it may.
#[test]
fn whatever_the_bytes_are_it_ends() {
    let special = b"\"\"\\,\n\r[]{}: \xEF\xBB\xBF\xff01at";
    for seed in 0..8_000 {
        let mut random = StdRng::seed_from_u64(seed);
        let byte = |random: &mut StdRng| match random.random_bool(0.7) {
            true => special[random.random_range(0..special.len())],
            false => random.random(),
        };
        let mut object: Vec<u8> = (0..random.random_range(0..200)).map(|_| byte(&mut random)).collect();
        for format in formats() {
            if format == Format::JsonArray && random.random_bool(0.8) {
                object.insert(0, b'[');
            }
            let row_bytes_max = random.random_range(0..100);
            let reader = Reader::limited(format, Place::default(), None, row_bytes_max);
            tell(reader, cut(&object, &mut random), row_bytes_max);
        }
    }
}
