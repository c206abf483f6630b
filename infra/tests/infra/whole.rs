//! A stack as a whole.

use crate::support::{everything, stack};
use stepladder_infra::{Facts, Stack, sam, terraform};

#[test]
fn equal_facts_give_equal_bytes_in_whatever_order_they_come() {
    let facts = everything();
    let mut turned = facts.clone();
    turned.functions.reverse();
    turned.packages.reverse();
    turned.workflows.reverse();
    assert_eq!(sam::render(&stack(&facts)), sam::render(&stack(&turned)));
    assert_eq!(terraform::render(&stack(&facts)), terraform::render(&stack(&turned)));
}

#[test]
fn settings_with_faults_make_no_stack() {
    let errors = Stack::of(&Facts::default()).unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:?}");
}
