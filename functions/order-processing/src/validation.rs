//! From any JSON value at all to an [`Order`], or to everything that is wrong with it.

mod reader;

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::catalogue;
use crate::countries;
use crate::limits::{
    CODE_CHARS_MAX, EMAIL_CHARS_MAX, LINES_MAX, ORDER_ID_CHARS_MAX, QUANTITY_MAX, TEXT_CHARS_MAX,
    TOTAL_MINOR_UNITS_MAX, UNIT_PRICE_MINOR_UNITS_MAX,
};
use crate::money::Currency;
use crate::order::{Address, Card, Customer, Line, Order};
use crate::pricing;
use crate::vat_id::luhn;

pub use reader::Reasons;
use reader::{Reader, excerpt};

/// Reads an order, and says everything that is wrong with it, not only the first fault.
///
/// Members that an order doesn't have are ignored. The shape, with every limit in [`crate::limits`]:
///
/// ```json
/// {
///   "order_id": "ord-000001",
///   "placed_at": "2026-11-02T08:13:45Z",
///   "currency": "EUR",
///   "customer": {"name": "Zoë Krüger", "email": "zoe@example.com", "country": "DE", "vat_id": "DE136695976"},
///   "shipping": {"street": "Lange Straße 4", "postal_code": "04109", "city": "Leipzig"},
///   "lines": [{"sku": "MUG-BLUE-350", "quantity": 2, "unit_price": 1290}],
///   "card": {"holder": "Zoë Krüger", "number": "4242 4242 4242 4242"},
///   "total": 2580
/// }
/// ```
///
/// `vat_id` and `total` may be absent; prices are minor units of the currency, taxes included; a `total` must be the
/// sum of the lines.
pub fn validate(input: &Value) -> Result<Order, Reasons> {
    let mut reasons = Reasons::default();
    let order = read_order(input, &mut reasons);
    match order {
        Some(order) if reasons.is_empty() => Ok(order),
        _ => Err(reasons),
    }
}

/// `None` only where a reason was given: every member is read first, so that one fault doesn't hide the next.
fn read_order(input: &Value, reasons: &mut Reasons) -> Option<Order> {
    let Value::Object(object) = input else {
        reasons.add(format!("the order is {}, not an object", excerpt(input)));
        return None;
    };
    let mut reader = Reader::new(object, "", reasons);
    let order_id = reader.text("order_id", ORDER_ID_CHARS_MAX).map(str::to_owned);
    if let Some(id) = order_id.as_deref()
        && !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    {
        reader.fault("order_id", "has characters other than A-Z, a-z, 0-9, - and _");
    }
    let placed_at = reader.text("placed_at", CODE_CHARS_MAX).map(str::to_owned);
    if let Some(time) = placed_at.as_deref()
        && time.parse::<jiff::Timestamp>().is_err()
    {
        reader.fault("placed_at", "isn't a time as in 2026-11-02T08:13:45Z");
    }
    let currency = read_currency(&mut reader);
    let given_total =
        reader.has("total").then(|| reader.integer("total", 0..=TOTAL_MINOR_UNITS_MAX)).flatten();
    let customer = reader.object("customer").and_then(|customer| read_customer(customer, reasons));
    let shipping = Reader::new(object, "", reasons).object("shipping");
    let shipping = shipping.and_then(|shipping| read_address(shipping, reasons));
    let card = Reader::new(object, "", reasons).object("card").and_then(|card| read_card(card, reasons));
    let lines = Reader::new(object, "", reasons).array("lines");
    let lines = lines.and_then(|lines| read_lines(lines, reasons));
    let lines = lines?;
    let currency = currency?;
    let total =
        pricing::total(&lines, currency).inspect_err(|too_large| reasons.add(too_large.to_string())).ok()?;
    if given_total.is_some_and(|given| given != total.minor_units) {
        reasons.add(format!("total is not the sum of the lines, {}", total.minor_units));
    }
    let value_eur_cents = currency.eur_cents(total.minor_units);
    if value_eur_cents.is_none() {
        reasons.add("the total is beyond every number of euros".to_owned());
    }
    Some(Order {
        order_id: order_id?,
        placed_at: placed_at?,
        customer: customer?,
        shipping: shipping?,
        lines,
        card: card?,
        total,
        value_eur_cents: value_eur_cents?,
    })
}

fn read_currency(reader: &mut Reader<'_, '_>) -> Option<&'static Currency> {
    let code = reader.text("currency", CODE_CHARS_MAX)?;
    let currency = Currency::find(code);
    if currency.is_none() {
        reader.fault("currency", &format!("{code:?} is none that the shop takes"));
    }
    currency
}

fn read_customer(object: &Map<String, Value>, reasons: &mut Reasons) -> Option<Customer> {
    let mut reader = Reader::new(object, "customer.", reasons);
    let name = reader.text("name", TEXT_CHARS_MAX).map(str::to_owned);
    let email = reader.text("email", EMAIL_CHARS_MAX).map(str::to_owned);
    if let Some(email) = email.as_deref()
        && !is_email(email)
    {
        reader.fault("email", "isn't an address as in name@example.com");
    }
    let country = reader.text("country", CODE_CHARS_MAX).map(str::to_owned);
    if let Some(country) = country.as_deref()
        && !countries::exists(country)
    {
        reader.fault("country", &format!("{country:?} is no code of ISO 3166-1, two upper-case letters"));
    }
    let vat_id = reader.has("vat_id").then(|| reader.text("vat_id", CODE_CHARS_MAX)).flatten();
    let vat_id = vat_id.map(str::to_owned);
    Some(Customer { name: name?, email: email?, country: country?, vat_id })
}

fn read_address(object: &Map<String, Value>, reasons: &mut Reasons) -> Option<Address> {
    let mut reader = Reader::new(object, "shipping.", reasons);
    let street = reader.text("street", TEXT_CHARS_MAX).map(str::to_owned);
    let postal_code = reader.text("postal_code", CODE_CHARS_MAX).map(str::to_owned);
    let city = reader.text("city", TEXT_CHARS_MAX).map(str::to_owned);
    Some(Address { street: street?, postal_code: postal_code?, city: city? })
}

fn read_card(object: &Map<String, Value>, reasons: &mut Reasons) -> Option<Card> {
    let mut reader = Reader::new(object, "card.", reasons);
    let holder = reader.text("holder", TEXT_CHARS_MAX).map(str::to_owned);
    let number: Option<String> = reader
        .text("number", CODE_CHARS_MAX)
        .map(|number| number.chars().filter(|c| !matches!(c, ' ' | '-')).collect());
    if let Some(number) = number.as_deref() {
        let digits: Option<Vec<u32>> = number.chars().map(|c| c.to_digit(10)).collect();
        match digits {
            // ISO/IEC 7812: up to 19 digits; no issuer uses fewer than 12.
            Some(digits) if (12..=19).contains(&digits.len()) => {
                if !luhn(&digits) {
                    reader.fault("number", "has a check digit that doesn't fit");
                }
            }
            _ => reader.fault("number", "isn't 12 to 19 digits"),
        }
    }
    Some(Card { holder: holder?, number: number? })
}

fn read_lines(lines: &[Value], reasons: &mut Reasons) -> Option<Vec<Line>> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        reasons.add(format!("lines: there are {}, an order has 1 to {LINES_MAX}", lines.len()));
        return None;
    }
    let mut seen = HashSet::new();
    // Every line is read before any is missed, so that all faults are told.
    let read: Vec<Option<Line>> = lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let line = read_line(index, line, reasons)?;
            if !seen.insert(line.sku.clone()) {
                reasons.add(format!("lines[{index}].sku: {:?} is in a line above already", line.sku));
                return None;
            }
            Some(line)
        })
        .collect();
    read.into_iter().collect()
}

fn read_line(index: usize, line: &Value, reasons: &mut Reasons) -> Option<Line> {
    let Value::Object(object) = line else {
        reasons.add(format!("lines[{index}] is {}, not an object", excerpt(line)));
        return None;
    };
    let place = format!("lines[{index}].");
    let mut reader = Reader::new(object, &place, reasons);
    let sku = reader.text("sku", CODE_CHARS_MAX);
    let article = sku.and_then(catalogue::find);
    if let (Some(sku), None) = (sku, article) {
        reader.fault("sku", &format!("the shop sells no {sku:?}"));
    }
    let quantity = reader.integer("quantity", 1..=QUANTITY_MAX);
    let unit_price = reader.integer("unit_price", 1..=UNIT_PRICE_MINOR_UNITS_MAX);
    let article = article?;
    Some(Line {
        sku: article.sku.to_owned(),
        title: article.title.to_owned(),
        quantity: quantity?,
        unit_price: unit_price?,
    })
}

/// One @, something before it, and a domain with a dot inside. Only a mail that arrives proves more.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let labels_are_sound = domain.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
        && domain.contains('.')
        && labels_are_sound
}

#[cfg(test)]
mod tests;
