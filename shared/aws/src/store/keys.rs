//! Where each item lies.

use crate::limits::{LIST_SHARDS, SEQ_DIGITS};
use stepladder_engine::{Branch, Status};
use stepladder_protocol::{DataSlot, RecordKey, RunId, RunKey};

pub(super) const RUN_SK: &str = "RUN";
pub(super) const CURRENT_SK: &str = "CURRENT";
pub(super) const WORKFLOWS_PK: &str = "C#workflows";

/// The partition of the run item: found by the run's name alone.
pub(super) fn run_pk(id: &RunId) -> String {
    format!("R#{}/{}", id.workflow, id.name)
}

/// The partition of everything else of a run: a later run of the same name has another.
pub(super) fn items_pk(run: &RunKey) -> String {
    format!("R#{}/{}#{}", run.id.workflow, run.id.name, run.nonce)
}

/// The run of a run item's partition. Neither a workflow's nor a run's name has a slash.
pub(super) fn run_of_pk(pk: &str) -> Option<RunId> {
    let (workflow, name) = pk.strip_prefix("R#")?.split_once('/')?;
    Some(RunId::new(workflow, name))
}

pub(super) fn record_sk(key: &RecordKey) -> String {
    seq_sk(&key.branch, key.seq)
}

/// Sorts as the numbers do.
pub(super) fn seq_sk(branch: &Branch, seq: u32) -> String {
    format!("T#{branch}#{seq:0SEQ_DIGITS$}")
}

/// The last sort key that a branch can have.
pub(super) fn last_seq_sk(branch: &Branch) -> String {
    format!("T#{branch}#{}", "9".repeat(SEQ_DIGITS))
}

pub(super) fn seq_of_sk(sk: &str) -> Option<u32> {
    sk.rsplit('#').next()?.parse().ok()
}

/// Each ending has an item of its own: one that lost against another must not overwrite it.
pub(super) fn data_sk(slot: &DataSlot) -> String {
    match slot {
        DataSlot::Input => "IN".to_owned(),
        DataSlot::Ending(name) => format!("OUT#{name}"),
    }
}

pub(super) fn workflow_pk(workflow: &str) -> String {
    format!("W#{workflow}")
}

pub(super) fn definition_sk(hash: &str) -> String {
    format!("D#{hash}")
}

/// The partition of a run in the list of all runs.
pub(super) fn list_pk(id: &RunId) -> String {
    list_shard_pk(&id.workflow, shard(&id.name))
}

pub(super) fn list_shard_pk(workflow: &str, shard: u64) -> String {
    format!("{workflow}#{shard}")
}

/// The partition of a run in the list of those that somebody should look at: only if it ended badly.
pub(super) fn attention_pk(id: &RunId, status: Status) -> Option<String> {
    matches!(status, Status::Failed | Status::TimedOut | Status::Aborted)
        .then(|| format!("{}#{}#{}", id.workflow, status.as_str(), shard(&id.name)))
}

/// Spreads names evenly, and the same for ever: FNV-1a (<https://www.rfc-editor.org/rfc/rfc9923>), folded.
fn shard(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) % LIST_SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepladder_engine::Fork;

    #[test]
    fn a_records_key_sorts_as_its_number_does() {
        let root = Branch::default();
        assert_eq!(seq_sk(&root, 3), "T##0000003");
        assert!(seq_sk(&root, 9) < seq_sk(&root, 10));
        assert!(seq_sk(&root, 999_999) < last_seq_sk(&root));
        assert_eq!(seq_of_sk("T##0000003"), Some(3));
        let branch = Branch(vec![Fork { seq: 2, index: 1 }]);
        assert_eq!(seq_of_sk(&seq_sk(&branch, 12)), Some(12));
    }

    #[test]
    fn a_branchs_records_are_not_among_the_roots() {
        let branch = Branch(vec![Fork { seq: 0, index: 0 }]);
        let root = Branch::default();
        let roots = seq_sk(&root, 0)..=last_seq_sk(&root);
        assert!(!roots.contains(&seq_sk(&branch, 0)));
    }

    #[test]
    fn each_ending_has_an_item_of_its_own() {
        assert_eq!(data_sk(&DataSlot::Input), "IN");
        assert_eq!(data_sk(&DataSlot::Ending("0123456789abcdef".to_owned())), "OUT#0123456789abcdef");
    }

    #[test]
    fn a_run_is_found_again_from_its_key() {
        let id = RunId::new("order", "order-17");
        assert_eq!(run_of_pk(&run_pk(&id)), Some(id));
        assert_eq!(run_of_pk("W#order"), None);
    }

    #[test]
    fn names_spread_over_all_partitions() {
        let mut counts = [0; LIST_SHARDS as usize];
        for n in 0..8_000 {
            counts[shard(&format!("order-{n:05}")) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_place_of_a_name_never_changes() {
        assert_eq!(list_pk(&RunId::new("order", "order-17")), "order#0");
        assert_eq!(list_pk(&RunId::new("order", "order-18")), "order#1");
    }

    #[test]
    fn only_a_run_that_ended_badly_asks_for_attention() {
        let id = RunId::new("order", "order-17");
        assert_eq!(attention_pk(&id, Status::Running), None);
        assert_eq!(attention_pk(&id, Status::Succeeded), None);
        assert!(attention_pk(&id, Status::TimedOut).unwrap().starts_with("order#TIMED_OUT#"));
    }
}
