//! An order that has passed validation: what the later steps work with.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::Money;

/// An order without a fault. Only [`validate`](crate::validation::validate) makes one from what a customer sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub order_id: String,
    /// RFC 3339, as the customer sent it.
    pub placed_at: String,
    pub customer: Customer,
    pub shipping: Address,
    pub lines: Vec<Line>,
    pub card: Card,
    /// The sum of all lines, taxes included.
    pub total: Money,
    /// The total in euro cents, by rough rates: for the review limit and nothing else.
    pub value_eur_cents: i64,
}

/// Who ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub name: String,
    pub email: String,
    /// ISO 3166-1, two upper-case letters.
    pub country: String,
    /// Present for businesses. Its check digits are create-invoice's business, not validate-order's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<String>,
}

/// Where the goods go. The country is the customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub street: String,
    pub postal_code: String,
    pub city: String,
}

/// So many pieces of one article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub sku: String,
    /// The catalogue's name of the article.
    pub title: String,
    /// Pieces, 1 to [`QUANTITY_MAX`](crate::limits::QUANTITY_MAX).
    pub quantity: i64,
    /// Minor units of the order's currency, for one piece.
    pub unit_price: i64,
}

/// The card to charge. A shop of the real world has its provider's token here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub holder: String,
    /// Digits only.
    pub number: String,
}

impl Card {
    /// The part of the number that may be shown.
    pub fn last4(&self) -> &str {
        self.number.len().checked_sub(4).and_then(|start| self.number.get(start..)).unwrap_or("????")
    }
}

/// The number never reaches a log.
impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Card(…{})", self.last4())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_shows_four_digits_at_most() {
        let card = Card { holder: "Zoë".to_owned(), number: "4242424242424242".to_owned() };
        assert_eq!(format!("{card:?}"), "Card(…4242)");
        let short = Card { holder: "Zoë".to_owned(), number: "42".to_owned() };
        assert_eq!(format!("{short:?}"), "Card(…????)");
    }
}
