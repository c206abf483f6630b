//! The stack as Terraform configuration.

use crate::model::Stack;
use std::collections::BTreeMap;

/// All files, by name.
pub fn render(_stack: &Stack) -> BTreeMap<String, String> {
    BTreeMap::new()
}
