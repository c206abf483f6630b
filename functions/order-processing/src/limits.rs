//! Every limit of an order, each with its unit and why it stands where it does.

/// Lines of one order. A reservation is one TransactWriteItems of the lines and one item more, and that takes at
/// most 100 items (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
pub const LINES_MAX: usize = 50;

/// Pieces of one line. A shop's customers don't order more; whoever does made a typing error.
pub const QUANTITY_MAX: i64 = 10_000;

/// Minor units of the price of one piece.
pub const UNIT_PRICE_MINOR_UNITS_MAX: i64 = 100_000_000_000;

/// Minor units of a whole order. Lines × pieces × price stays below 2^63 (5 × 10^16), so this is a rule of the shop.
pub const TOTAL_MINOR_UNITS_MAX: i64 = 1_000_000_000_000;

/// Characters of an order's id: a run is named by it, and StartExecution takes 1 to 80
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>).
pub const ORDER_ID_CHARS_MAX: usize = 80;

/// Characters of a name, a street, a city.
pub const TEXT_CHARS_MAX: usize = 200;

/// Characters of an e-mail address (RFC 5321, 4.5.3.1.3: a path of 256 with its two brackets).
pub const EMAIL_CHARS_MAX: usize = 254;

/// Characters of a SKU, a postal code, a VAT id, a card number: all of them short codes.
pub const CODE_CHARS_MAX: usize = 40;

/// Reasons that the cause of InvalidOrder lists; the rest is counted. A cause holds 32,768 characters
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>).
pub const REASONS_MAX: usize = 20;

/// Characters of a faulty value that a reason repeats.
pub const EXCERPT_CHARS_MAX: usize = 40;

/// Attempts to release a reservation that something else changes between the read and the write of one call.
pub const RELEASE_TRIES_MAX: u32 = 3;

/// Milliseconds for a call with all its attempts: below the TimeoutSeconds of every task, which is 8, so that a step
/// still says itself that the table didn't answer.
pub const CALL_TIMEOUT_MS: u64 = 6_500;
