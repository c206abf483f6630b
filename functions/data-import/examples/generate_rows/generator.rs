//! Rows of orders, streamed: good ones of which some are hostile, and one in a hundred bad in one of five ways.

use std::io::{self, Write};

/// One row in so many is bad.
const BAD_ONE_IN: u64 = 100;

const HEADER: &str = "id,customer,email,amount,currency,ordered_at\n";

/// As they stand in the file, quoted where they must be.
const CUSTOMERS: [&str; 8] = [
    "Mara Lindqvist",
    "Jörg Weiß",
    "Łucja Wójcik",
    "O'Brien & Sons",
    "  Ana   de  la Cruz ",
    "株式会社さくら",
    "=SUM(A1:A9)",
    "Nguyễn Thị Hà",
];
const HOSTILE: [&str; 10] = [
    "\"Müller, Anna\"",
    "\"Robert \"\"Bob\"\" Tables\"",
    "\"\"\"\"",
    "\"first line\nsecond line\"",
    "\"first line\r\n\r\nthird line\"",
    "\"comma, quote \"\" and\nline end\"",
    "\"Zoë 🎉👩‍👩‍👧 \"\"party\"\"\"",
    "שלום \u{202b}עולם",
    "\"\ttab\t\"",
    "\"{\"\"json\"\": true}\\n\\\"",
];
const CURRENCIES: [&str; 6] = ["CHF", "EUR", "GBP", "PLN", "SEK", "USD"];

const NO_AMOUNTS: [&str; 6] = ["abc", "\"1,250.00\"", "1e3", "12.345", "--5", "٣"];
const NO_CURRENCIES: [&str; 4] = ["XXX", "eur", "EURO", "€"];
const NO_DATES: [&str; 6] = [
    "2025-02-29T12:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01 10:00:00",
    "yesterday",
    "2026-01-01T10:00:00+01:00",
];
/// Bytes that stand in no UTF-8: alone, cut off, too long, half a surrogate pair.
const NO_UTF8: [&[u8]; 5] = [b"\xff", b"M\xfcller", b"cut off \xc3", b"slash \xc0\xaf", b"half \xed\xa0\x80"];

/// Writes so many rows and the header.
pub(crate) fn write(out: &mut impl Write, rows: u64, seed: u64) -> io::Result<()> {
    out.write_all(HEADER.as_bytes())?;
    let mut draw = Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for number in 1..=rows {
        if draw.below(BAD_ONE_IN) == 0 {
            write_bad(out, number, &mut draw)?;
        } else {
            write_good(out, number, &mut draw)?;
        }
    }
    Ok(())
}

/// The columns of a good row, as they stand in the file.
struct Columns {
    id: String,
    customer: &'static str,
    email: String,
    amount: String,
    currency: &'static str,
    ordered_at: String,
}

impl Columns {
    fn drawn(number: u64, draw: &mut Draw) -> Self {
        let customer = if draw.below(20) == 0 { draw.pick(&HOSTILE) } else { draw.pick(&CUSTOMERS) };
        let (whole, part) = (draw.below(10_000), draw.below(100));
        let amount = match draw.below(8) {
            0 => format!("{whole}"),
            1 => format!("{whole}.{}", part % 10),
            2 => format!("-{whole}.{part:02}"),
            _ => format!("{whole}.{part:02}"),
        };
        let host = draw.pick(&["example.com", "Example.ORG", "shop.example"]);
        let (year, month, day) = (2024 + draw.below(3), 1 + draw.below(12), 1 + draw.below(28));
        let (hour, minute, second) = (draw.below(24), draw.below(60), draw.below(60));
        Self {
            id: format!("ord-{number:07}"),
            customer,
            email: format!("Customer.{}@{host}", draw.below(100_000)),
            amount,
            currency: draw.pick(&CURRENCIES),
            ordered_at: format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { id, customer, email, amount, currency, ordered_at } = self;
        writeln!(out, "{id},{customer},{email},{amount},{currency},{ordered_at}")
    }
}

fn write_good(out: &mut impl Write, number: u64, draw: &mut Draw) -> io::Result<()> {
    Columns::drawn(number, draw).write(out)
}

fn write_bad(out: &mut impl Write, number: u64, draw: &mut Draw) -> io::Result<()> {
    let columns = Columns::drawn(number, draw);
    match draw.below(5) {
        // Too few columns.
        0 => match draw.below(2) {
            0 => writeln!(out, "{},{}", columns.id, columns.customer),
            _ => writeln!(out, "{},{},{},{}", columns.id, columns.customer, columns.email, columns.amount),
        },
        1 => Columns { amount: draw.pick(&NO_AMOUNTS).to_owned(), ..columns }.write(out),
        2 => Columns { currency: draw.pick(&NO_CURRENCIES), ..columns }.write(out),
        3 => Columns { ordered_at: draw.pick(&NO_DATES).to_owned(), ..columns }.write(out),
        _ => {
            let Columns { id, email, amount, currency, ordered_at, .. } = &columns;
            write!(out, "{id},")?;
            out.write_all(NO_UTF8[draw.index(NO_UTF8.len())])?;
            writeln!(out, ",{email},{amount},{currency},{ordered_at}")
        }
    }
}

/// SplitMix64: the same numbers wherever it runs (<https://prng.di.unimi.it/splitmix64.c>).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("an index")
    }

    fn pick(&mut self, texts: &[&'static str]) -> &'static str {
        texts[self.index(texts.len())]
    }
}
