//! What the shop sells, and how many of it there are before the first order.

/// An article of the shop.
#[derive(Debug)]
pub struct Article {
    /// Its key in orders and in the stock.
    pub sku: &'static str,
    pub title: &'static str,
    /// Euro cents, taxes included. An order names its own prices, in its own currency: they were agreed at checkout.
    pub list_price_eur_cents: i64,
    /// Pieces in stock before the first order.
    pub initial_stock: i64,
}

/// The article of that SKU, `None` if the shop doesn't sell it.
pub fn find(sku: &str) -> Option<&'static Article> {
    CATALOGUE.iter().find(|article| article.sku == sku)
}

/// Stock of what is made to order: more than all orders together will take, so that whether one order is served
/// doesn't depend on those before it.
pub const PLENTY: i64 = 10_000_000;

const fn article(sku: &'static str, title: &'static str, list_price_eur_cents: i64) -> Article {
    Article { sku, title, list_price_eur_cents, initial_stock: PLENTY }
}

const fn rarity(
    sku: &'static str,
    title: &'static str,
    list_price_eur_cents: i64,
    initial_stock: i64,
) -> Article {
    Article { sku, title, list_price_eur_cents, initial_stock }
}

/// All articles, sorted by SKU.
pub const CATALOGUE: &[Article] = &[
    article("BACKPACK-20L", "Backpack, 20 litres", 5_990),
    article("BACKPACK-35L", "Backpack, 35 litres", 8_990),
    article("BELT-LEATHER-90", "Leather belt, 90 cm", 3_490),
    article("BIKE-LIGHT-USB", "Bicycle light, USB", 2_490),
    article("BIKE-PUMP-MINI", "Bicycle pump, mini", 1_990),
    article("BLANKET-WOOL", "Wool blanket", 7_990),
    article("BOOK-BREAD", "The Bread Book", 3_200),
    article("BOOK-KNOTS", "A Hundred Knots", 1_800),
    article("BOTTLE-STEEL-750", "Steel bottle, 750 ml", 2_790),
    rarity("CAMERA-RANGEFINDER", "Rangefinder camera, the last of them", 489_000, 2),
    article("CANDLE-BEESWAX-2", "Beeswax candles, pair", 1_490),
    article("CHAIR-OAK", "Oak chair", 24_900),
    article("CHARGER-USBC-65W", "USB-C charger, 65 W", 3_990),
    article("CLOCK-WALL-30", "Wall clock, 30 cm", 4_490),
    article("COFFEE-BEANS-1KG", "Coffee beans, 1 kg", 2_290),
    article("COFFEE-GRINDER", "Coffee grinder, hand-driven", 8_900),
    article("CUSHION-LINEN-45", "Linen cushion, 45 cm", 2_990),
    article("CUTTING-BOARD-ASH", "Cutting board, ash", 3_900),
    article("DESK-LAMP-LED", "Desk lamp, LED", 6_490),
    article("DESK-STANDING-160", "Standing desk, 160 cm", 64_900),
    article("EARPHONES-WIRED", "Earphones with wire", 2_990),
    article("FRYPAN-IRON-28", "Iron frying pan, 28 cm", 5_490),
    article("GLOVES-GARDEN-M", "Gardening gloves, M", 1_290),
    article("HAMMOCK-COTTON", "Cotton hammock", 7_490),
    article("HAT-WOOL", "Woollen hat", 2_490),
    article("HEADPHONES-NC", "Headphones, noise cancelling", 27_900),
    article("HONEY-500", "Honey, 500 g", 990),
    article("JACKET-RAIN-L", "Rain jacket, L", 12_900),
    article("JACKET-RAIN-M", "Rain jacket, M", 12_900),
    article("KETTLE-17", "Kettle, 1.7 litres", 4_990),
    article("KEYBOARD-ISO-DE", "Keyboard, German layout", 9_900),
    article("KEYBOARD-ISO-UK", "Keyboard, British layout", 9_900),
    article("KNIFE-CHEF-20", "Chef's knife, 20 cm", 8_900),
    rarity("LAMP-GLASS-1930", "Glass lamp, about 1930", 38_000, 1),
    article("LAPTOP-14-32GB", "Laptop, 14 inches, 32 GB", 169_900),
    article("LAPTOP-SLEEVE-14", "Laptop sleeve, 14 inches", 2_990),
    article("MAP-ALPS-50K", "Hiking map of the Alps, 1:50,000", 1_490),
    article("MONITOR-27-4K", "Monitor, 27 inches, 4K", 39_900),
    article("MOUSE-VERTICAL", "Vertical mouse", 4_490),
    article("MUG-BLUE-350", "Blue mug, 350 ml", 1_290),
    article("MUG-RED-350", "Red mug, 350 ml", 1_290),
    article("NOTEBOOK-A5-DOT", "Notebook, A5, dotted", 890),
    article("OLIVE-OIL-1L", "Olive oil, 1 litre", 1_690),
    article("PEN-FOUNTAIN-F", "Fountain pen, F", 3_900),
    article("PILLOW-DOWN-80", "Down pillow, 80 cm", 8_900),
    article("PLANTER-CLAY-24", "Clay planter, 24 cm", 2_290),
    article("POSTER-BAUHAUS-A2", "Poster, Bauhaus, A2", 1_990),
    rarity("PRINT-SIGNED-NO7", "Signed print, number 7 of 50", 22_000, 0),
    article("PUZZLE-1000-SEA", "Puzzle, the sea, 1,000 pieces", 1_790),
    rarity("RECORD-TESTPRESS", "Test pressing, vinyl", 9_900, 3),
    article("SCARF-SILK", "Silk scarf", 6_900),
    article("SHIRT-LINEN-M", "Linen shirt, M", 5_990),
    article("SOAP-OLIVE-3", "Olive soap, three bars", 990),
    article("SOCKS-MERINO-42", "Merino socks, 42", 1_690),
    rarity("SYNTH-PROTOTYPE", "Synthesizer, prototype", 210_000, 0),
    article("TEA-GREEN-100", "Green tea, 100 g", 1_290),
    article("TENT-2P", "Tent for two", 29_900),
    article("TORCH-HEAD-400", "Head torch, 400 lm", 3_990),
    article("TOWEL-HAMMAM", "Hammam towel", 2_490),
    rarity("VASE-ONE-OFF", "Vase, one of a kind", 16_000, 1),
    article("WALLET-CARD", "Card wallet", 2_990),
    article("WATCH-FIELD-38", "Field watch, 38 mm", 18_900),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skus_are_sorted_and_unique() {
        assert!(CATALOGUE.is_sorted_by(|a, b| a.sku < b.sku));
    }

    #[test]
    fn an_article_is_found_by_its_sku_and_by_nothing_else() {
        assert_eq!(find("MUG-BLUE-350").map(|article| article.title), Some("Blue mug, 350 ml"));
        assert!(find("mug-blue-350").is_none());
    }

    #[test]
    fn there_is_plenty_of_an_article_or_next_to_nothing() {
        for article in CATALOGUE {
            assert!(article.initial_stock >= 1_000_000 || article.initial_stock < 10, "{}", article.sku);
        }
    }
}
