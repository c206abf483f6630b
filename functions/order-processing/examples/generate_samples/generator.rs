//! Makes each order for an end that is decided first: what the steps will say isn't asked.

use order_processing::catalogue::{Article, CATALOGUE};
use order_processing::money::Currency;
use serde_json::{Value, json};

use crate::faults::FAULTS;
use crate::people::{PEOPLE, Person};

/// An order, and how its run ends: `{"order_id", "status", "error"?}`. The id is the order's own, also where it is
/// none; null where there is none.
pub(crate) struct Sample {
    pub(crate) order: Value,
    pub(crate) expected: Value,
}

/// What an order is made for.
#[derive(Clone, Copy)]
enum Purpose {
    Plain,
    AboveLimit,
    Declined,
    DeclinedAboveLimit,
    /// The card is declined before anyone looks at the stock.
    DeclinedAndOutOfStock,
    OutOfStock,
    OutOfStockAboveLimit,
    /// The stock is asked before the invoice.
    OutOfStockAndRefused,
    WrongVatId,
    ForeignVatId,
    WrongVatIdAboveLimit,
    CountryRefused,
    Invalid,
}

/// Of each 200 orders so many are made for that. The rest, 135, are plain.
const SHARES: &[(Purpose, usize)] = &[
    (Purpose::AboveLimit, 12),
    (Purpose::Declined, 8),
    (Purpose::DeclinedAboveLimit, 3),
    (Purpose::DeclinedAndOutOfStock, 1),
    (Purpose::OutOfStock, 7),
    (Purpose::OutOfStockAboveLimit, 2),
    (Purpose::OutOfStockAndRefused, 1),
    (Purpose::WrongVatId, 2),
    (Purpose::ForeignVatId, 1),
    (Purpose::WrongVatIdAboveLimit, 1),
    (Purpose::CountryRefused, 3),
    (Purpose::Invalid, 24),
];
const BLOCK: usize = 200;

/// Endless orders; the same seed gives the same ones, whatever is taken of them.
pub(crate) fn samples(seed: u64) -> impl Iterator<Item = Sample> {
    (0_usize..).flat_map(move |block| {
        // Each block has a source of its own, so that its orders don't depend on those before.
        let mut draw = Draw::new(seed, block as u64);
        let mut purposes: Vec<Purpose> =
            SHARES.iter().flat_map(|(purpose, count)| std::iter::repeat_n(*purpose, *count)).collect();
        purposes.resize(BLOCK, Purpose::Plain);
        draw.shuffle(&mut purposes);
        let invalid_per_block = purposes.iter().filter(|purpose| matches!(purpose, Purpose::Invalid)).count();
        let mut fault = block * invalid_per_block;
        purposes.into_iter().enumerate().map(move |(place, purpose)| {
            let order_id = format!("ord-{seed}-{:06}", block * BLOCK + place + 1);
            let mut order = order(purpose, order_id, &mut draw);
            if matches!(purpose, Purpose::Invalid) {
                let spoil = FAULTS[fault % FAULTS.len()];
                fault += 1;
                spoil(&mut order);
            }
            let expected = expected(purpose, &order);
            Sample { order, expected }
        })
    })
}

fn expected(purpose: Purpose, order: &Value) -> Value {
    let error = match purpose {
        Purpose::Plain | Purpose::AboveLimit => {
            return json!({"order_id": order["order_id"], "status": "SUCCEEDED"});
        }
        Purpose::Declined | Purpose::DeclinedAboveLimit | Purpose::DeclinedAndOutOfStock => "CardDeclined",
        Purpose::OutOfStock | Purpose::OutOfStockAboveLimit | Purpose::OutOfStockAndRefused => "OutOfStock",
        Purpose::WrongVatId
        | Purpose::ForeignVatId
        | Purpose::WrongVatIdAboveLimit
        | Purpose::CountryRefused => "InvoiceRefused",
        Purpose::Invalid => "InvalidOrder",
    };
    json!({"order_id": order.get("order_id"), "status": "FAILED", "error": error})
}

fn order(purpose: Purpose, order_id: String, draw: &mut Draw) -> Value {
    let person = customer(purpose, draw);
    let currency = Currency::find(person.currency).expect("people pay in currencies that the shop takes");
    let mut lines = ordinary_lines(draw);
    if matches!(
        purpose,
        Purpose::AboveLimit
            | Purpose::DeclinedAboveLimit
            | Purpose::OutOfStockAboveLimit
            | Purpose::WrongVatIdAboveLimit
    ) {
        // Six thousand euros at least, the limit being five.
        lines.push((article("LAPTOP-14-32GB"), draw.between(4, 12)));
    }
    if matches!(
        purpose,
        Purpose::OutOfStock
            | Purpose::OutOfStockAboveLimit
            | Purpose::OutOfStockAndRefused
            | Purpose::DeclinedAndOutOfStock
    ) {
        let rare: Vec<&Article> = CATALOGUE.iter().filter(|article| article.initial_stock < 10).collect();
        let rare = draw.pick(&rare);
        lines.push((rare, rare.initial_stock + draw.between(1, 3)));
    }
    draw.shuffle(&mut lines);
    let lines: Vec<Value> = lines
        .iter()
        .map(|(article, quantity)| {
            json!({"sku": article.sku, "quantity": quantity, "unit_price": price(article, currency)})
        })
        .collect();
    let total: i64 =
        lines.iter().filter_map(|line| Some(line["quantity"].as_i64()? * line["unit_price"].as_i64()?)).sum();
    let mut order = json!({
        "order_id": order_id,
        "placed_at": draw.time(),
        "currency": person.currency,
        "customer": {"name": person.name, "email": person.email, "country": person.country},
        "shipping": {"street": person.street, "postal_code": person.postal_code, "city": person.city},
        "lines": lines,
        "card": {"holder": person.name, "number": card(purpose, draw)},
        "total": total,
    });
    if !person.vat_id.is_empty() {
        order["customer"]["vat_id"] = json!(vat_id(purpose, person));
    }
    if matches!(purpose, Purpose::CountryRefused) {
        // Countries that exist, and that the shop sends no invoice to.
        order["customer"]["country"] = json!(*draw.pick(&["KP", "IR", "SY", "CU", "AQ"]));
    }
    // Some shops' carts leave the sum out.
    if draw.between(1, 5) == 1 {
        order.as_object_mut().expect("an order is an object").shift_remove("total");
    }
    order
}

fn customer(purpose: Purpose, draw: &mut Draw) -> &'static Person {
    loop {
        let person = draw.pick(PEOPLE);
        let has_vat_id = !person.vat_id.is_empty();
        let fits = match purpose {
            Purpose::WrongVatId
            | Purpose::ForeignVatId
            | Purpose::WrongVatIdAboveLimit
            | Purpose::OutOfStockAndRefused => has_vat_id,
            // A VAT id goes with its country, and that will be another one.
            Purpose::CountryRefused => !has_vat_id,
            _ => true,
        };
        if fits {
            return person;
        }
    }
}

/// One to five lines of one to three pieces at 300 euros at most: always below the review limit.
fn ordinary_lines(draw: &mut Draw) -> Vec<(&'static Article, i64)> {
    let mut ordinary: Vec<&Article> = CATALOGUE
        .iter()
        .filter(|article| article.initial_stock > 1_000 && article.list_price_eur_cents <= 30_000)
        .collect();
    draw.shuffle(&mut ordinary);
    let count = usize::try_from(draw.between(1, 5)).expect("a small number");
    ordinary.into_iter().take(count).map(|article| (article, draw.between(1, 3))).collect()
}

fn price(article: &Article, currency: &Currency) -> i64 {
    // Cents × 10,000 are millionths of a euro, as the currency's rate is.
    let price = article.list_price_eur_cents * 10_000 * 10_i64.pow(currency.decimals) / currency.micro_eur;
    price.max(1)
}

fn article(sku: &str) -> &'static Article {
    CATALOGUE.iter().find(|article| article.sku == sku).expect("the shop sells it")
}

fn card(purpose: Purpose, draw: &mut Draw) -> &'static str {
    const GOOD: &[&str] = &[
        "4242424242424242",
        "4242 4242 4242 4242",
        "5555555555554444",
        "5200-8282-8282-8210",
        "378282246310005",
        "6011111111111117",
        "30569309020004",
        "3566002020360505",
        "4000056655665556",
    ];
    const DECLINED: &[&str] = &[
        "4000000000000002",
        "4000 0000 0000 9995",
        "4000000000009987",
        "4000000000009979",
        "4000000000000069",
        "4000000000000127",
        "4000000000000119",
        "4000000000006975",
    ];
    let numbers = match purpose {
        Purpose::Declined | Purpose::DeclinedAboveLimit | Purpose::DeclinedAndOutOfStock => DECLINED,
        _ => GOOD,
    };
    numbers[draw.index(numbers.len())]
}

fn vat_id(purpose: Purpose, person: &Person) -> String {
    match purpose {
        Purpose::WrongVatId | Purpose::WrongVatIdAboveLimit | Purpose::OutOfStockAndRefused => {
            // Every rule that is checked notices one wrong digit, whichever it is.
            let mut id = person.vat_id.to_owned();
            let last = id.pop().and_then(|last| last.to_digit(10)).expect("VAT ids end with a digit");
            format!("{id}{}", (last + 1) % 10)
        }
        Purpose::ForeignVatId => {
            let abroad =
                PEOPLE.iter().find(|other| !other.vat_id.is_empty() && other.country != person.country);
            abroad.map_or_else(String::new, |other| other.vat_id.to_owned())
        }
        _ => person.vat_id.to_owned(),
    }
}

/// A source of numbers (SplitMix64): small, and the same on every machine.
struct Draw(u64);

impl Draw {
    fn new(seed: u64, block: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ block.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `least` to `most`, both possible.
    fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most - least).expect("least comes first") + 1;
        least + i64::try_from(self.next() % span).expect("a small number")
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.next() % length as u64).expect("an index")
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.index(end + 1));
        }
    }

    fn time(&mut self) -> String {
        let (day, hour, minute, second) =
            (self.between(1, 30), self.between(0, 23), self.between(0, 59), self.between(0, 59));
        let zone = *self.pick(&["Z", "Z", "Z", "+01:00", "-05:00", "+09:00", "+05:30"]);
        format!("2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
    }
}
