//! `stepladder version`.

use crate::{failure::Outcome, printer::Printer};
use serde_json::json;

/// Show the version of stepladder, and of what it reads and writes
#[derive(Debug, clap::Args)]
pub struct VersionArgs {}

pub fn run(_: VersionArgs, printer: &Printer) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    if printer.is_json() {
        return printer.json(&json!({
            "schema": "stepladder.version/1",
            "version": version,
            "semantics": stepladder_engine::SEMANTICS,
            "message_version": stepladder_protocol::MESSAGE_VERSION,
            "item_version": stepladder_protocol::ITEM_VERSION,
            "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        }));
    }
    printer.data(format!("stepladder {version}"))
}
