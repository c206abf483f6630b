//! The five steps. Each is a plain function of its input, the call it is in, and what it works with.

pub mod charge_payment;
pub mod create_invoice;
pub mod reserve_inventory;
pub mod send_confirmation;
pub mod validate_order;
