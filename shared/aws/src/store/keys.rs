//! Where each item lies.

use crate::limits::{LIST_SHARDS, SEQ_DIGITS};
use stepladder_engine::{Branch, Fork, Status, TaskKey};
use stepladder_protocol::{
    DataSlot, MapRunKey, Node, PartKey, Partition, RecordKey, RunId, RunKey, SearchKey, TallyKey,
};

pub(super) const RUN_SK: &str = "RUN";
pub(super) const CURRENT_SK: &str = "CURRENT";
pub(super) const ACTIVITIES_PK: &str = "C#activities";
pub(super) const WORKFLOWS_PK: &str = "C#workflows";
/// What is paused; one item.
pub(super) const CONTROL_PK: &str = "C#control";
pub(super) const CONTROL_SK: &str = "CONTROL";
pub(super) const TAGS_SK: &str = "TAGS";
pub(super) const ALIAS_PREFIX: &str = "A#";
pub(super) const VERSION_PREFIX: &str = "V#";
/// What the API keeps for itself.
pub(super) const API_PK: &str = "C#api";
pub(super) const TOKENS_SK: &str = "TOKENS";

/// The partition of the run item: found by the run's name alone.
pub fn run_pk(id: &RunId) -> String {
    format!("R#{}/{}", id.workflow, id.name)
}

/// The partition of everything else of a run: a later run of the same name has another.
pub(super) fn items_pk(run: &RunKey) -> String {
    format!("R#{}/{}#{}", run.id.workflow, run.id.name, run.nonce)
}

/// The partition of a part of a fan-out: the branches of a wide one spread by themselves.
pub(super) fn part_pk(part: &PartKey) -> String {
    let PartKey { fan_out: RecordKey { run, branch, seq }, part } = part;
    format!("{}#{branch}#{seq:0SEQ_DIGITS$}#{part}", items_pk(run))
}

/// The key of a partition of the table.
pub fn partition_pk(partition: &Partition) -> String {
    match partition {
        Partition::Run(run) => items_pk(run),
        Partition::Part(part) => part_pk(part),
    }
}

/// What a fan-out was opened with.
pub(super) fn opened_sk(fan_out: &RecordKey) -> String {
    format!("I#{}#{:0SEQ_DIGITS$}", fan_out.branch, fan_out.seq)
}

/// The fan-out whose opening lies under such a key; nothing for the inputs of a part.
pub(super) fn lock_of_opened_sk(sk: &str) -> Option<(Branch, u32)> {
    let (branch, seq) = sk.strip_prefix("I#")?.split_once('#')?;
    Some((branch_of(branch)?, seq.parse().ok()?))
}

/// What the branches of a part start with.
pub(super) fn inputs_sk(part: &PartKey) -> String {
    format!("{}#{}", opened_sk(&part.fan_out), part.part)
}

/// The root item of a fan-out, or a node of one.
pub(super) fn tally_sk(key: &TallyKey) -> String {
    let root = root_sk(&key.fan_out);
    match key.node {
        None => root,
        Some(node) => node_sk("N", &key.fan_out, node),
    }
}

fn root_sk(fan_out: &RecordKey) -> String {
    format!("F#{}#{:0SEQ_DIGITS$}", fan_out.branch, fan_out.seq)
}

/// What the branches below a node have come to.
pub(super) fn gathered_sk(fan_out: &RecordKey, node: Node) -> String {
    node_sk("G", fan_out, node)
}

fn node_sk(kind: &str, fan_out: &RecordKey, node: Node) -> String {
    let RecordKey { branch, seq, .. } = fan_out;
    format!("{kind}#{branch}#{seq:0SEQ_DIGITS$}#{}.{}", node.level, node.index)
}

pub(super) fn part_sk(part: &PartKey) -> String {
    format!("{}#{}", root_sk(&part.fan_out), part.part)
}

pub(super) const PACE_SK: &str = "PACE";
pub(super) const LEASE_SK: &str = "LEASE";

/// The pace of a step is its stack's, whatever the workflow.
pub(super) fn pace_pk(step: &str) -> String {
    format!("P#{step}")
}

/// The lease of a position has a partition of its own; no branch is named so.
pub(super) fn lease_pk(position: &RecordKey) -> String {
    format!("{}#L#{}#{:0SEQ_DIGITS$}", items_pk(&position.run), position.branch, position.seq)
}

pub(super) const MAP_RUNS_PREFIX: &str = "M#";

/// What leads to a Map Run from the digits of its id.
pub(super) const MAP_RUN_KEY_SK: &str = "MAPRUN";

/// Beside the workflow's runs, where no run has such a name.
pub(super) fn map_run_key_pk(workflow: &str, digits: &str) -> String {
    format!("R#{workflow}/#{digits}")
}

pub(super) fn map_run_sk(key: &MapRunKey) -> String {
    map_run_sk_of(&key.execution, &key.branch, key.seq)
}

/// Sorts by branch and seq.
pub(super) fn map_run_sk_of(execution: &Branch, branch: &Branch, seq: u32) -> String {
    format!("{}{branch}#{seq:0SEQ_DIGITS$}", map_runs_of(execution))
}

/// What the keys of all Map Runs begin with that an execution has started.
pub(super) fn map_runs_of(execution: &Branch) -> String {
    format!("{MAP_RUNS_PREFIX}{execution}#")
}

/// The execution, the branch and the seq of a Map Run.
pub(super) fn map_run_of_sk(sk: &str) -> Option<(Branch, Branch, u32)> {
    let mut parts = sk.strip_prefix(MAP_RUNS_PREFIX)?.split('#');
    let (execution, branch, seq) = (parts.next()?, parts.next()?, parts.next()?);
    Some((branch_of(execution)?, branch_of(branch)?, seq.parse().ok()?))
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

/// The branch of a record.
pub(super) fn branch_of_sk(sk: &str) -> Option<Branch> {
    branch_of(sk.strip_prefix("T#")?.split_once('#')?.0)
}

/// A branch as its name has it.
fn branch_of(name: &str) -> Option<Branch> {
    let fork = |fork: &str| {
        let (seq, index) = fork.split_once('.')?;
        Some(Fork { seq: seq.parse().ok()?, index: index.parse().ok()? })
    };
    let forks = name.split('/').filter(|fork| !fork.is_empty());
    forks.map(fork).collect::<Option<Vec<Fork>>>().map(Branch)
}

pub(super) fn seq_of_sk(sk: &str) -> Option<u32> {
    sk.rsplit('#').next()?.parse().ok()
}

/// What the keys of all tasks begin with.
pub(super) const TASKS_PREFIX: &str = "K#";

/// A task of a branch.
pub(super) fn task_sk(task: &TaskKey) -> String {
    format!("{TASKS_PREFIX}{}#{:0SEQ_DIGITS$}.{}", task.branch, task.entered_seq, task.attempt)
}

/// Each ending has an item of its own: one that lost against another must not overwrite it.
pub(super) fn data_sk(slot: &DataSlot) -> String {
    match slot {
        DataSlot::Input => "IN".to_owned(),
        DataSlot::Beginning => "BEGIN".to_owned(),
        DataSlot::Ending(name) => format!("OUT#{name}"),
    }
}

/// The partition of a workflow's held messages: no partition of a run is touched by a pause.
pub(super) fn held_pk(workflow: &str) -> String {
    format!("C#paused#{workflow}")
}

pub(super) fn workflow_pk(workflow: &str) -> String {
    format!("W#{workflow}")
}

pub(super) fn definition_sk(hash: &str) -> String {
    format!("D#{hash}")
}

/// Sorts as the numbers do.
pub(super) fn version_sk(number: u32) -> String {
    format!("{VERSION_PREFIX}{number:010}")
}

pub(super) fn number_of_version_sk(sk: &str) -> Option<u32> {
    sk.strip_prefix(VERSION_PREFIX)?.parse().ok()
}

pub(super) fn alias_sk(name: &str) -> String {
    format!("{ALIAS_PREFIX}{name}")
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
    attention_shard_pk(&id.workflow, status, shard(&id.name))
}

pub(super) fn attention_shard_pk(workflow: &str, status: Status, shard: u64) -> Option<String> {
    matches!(status, Status::Failed | Status::TimedOut | Status::Aborted)
        .then(|| format!("{workflow}#{}#{shard}", status.as_str()))
}

/// The partition of what leads to runs by a value: beside the workflow's runs, where no run has such a name, so that whoever may
/// write them may write it too. No path has an equals sign in it.
pub(super) fn search_pk(by: &SearchKey, shard: u64) -> String {
    format!("R#{}/#S{shard}#{}={}", by.workflow, by.attribute, by.value)
}

/// Sorts as the start times do: as many digits as a time has until the year 5138.
pub(super) fn search_sk(started_ms: i64, name: &str) -> String {
    format!("{:014}#{name}", started_ms.clamp(0, SEARCH_MS_MAX))
}

/// Behind all runs that started in this millisecond.
pub(super) fn last_search_sk(started_ms: i64) -> String {
    format!("{:014}$", started_ms.clamp(0, SEARCH_MS_MAX))
}

pub(super) fn run_of_search_sk(sk: &str) -> Option<(i64, &str)> {
    let (started_ms, name) = sk.split_once('#')?;
    Some((started_ms.parse().ok()?, name))
}

const SEARCH_MS_MAX: i64 = 99_999_999_999_999;

/// Spreads names evenly, and the same for ever: FNV-1a (<https://www.rfc-editor.org/rfc/rfc9923>), folded.
pub(super) fn shard(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) % LIST_SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_versions_key_sorts_as_its_number_does() {
        assert!(version_sk(9) < version_sk(10) && version_sk(999_999_999) < version_sk(u32::MAX));
        assert_eq!(number_of_version_sk(&version_sk(12)), Some(12));
        assert_eq!(number_of_version_sk(&alias_sk("12")), None);
    }

    #[test]
    fn a_branchs_records_are_not_among_the_roots() {
        let branch = Branch(vec![Fork { seq: 0, index: 0 }]);
        let root = Branch::default();
        let roots = seq_sk(&root, 0)..=last_seq_sk(&root);
        assert!(!roots.contains(&seq_sk(&branch, 0)));
    }

    #[test]
    fn a_branch_is_found_again_from_its_records_key() {
        let branch = Branch::default().child(2, 14).child(0, 3);
        assert_eq!(branch_of_sk(&seq_sk(&branch, 7)), Some(branch.clone()));
        assert_eq!(branch_of_sk(&seq_sk(&Branch::default(), 7)), Some(Branch::default()));
        assert_eq!(branch_of_sk("T#2,14#0000007"), None);
        let run = RunKey { id: RunId::new("order", "17"), nonce: String::new() };
        let fan_out = RecordKey { run, branch: branch.clone(), seq: 7 };
        assert_eq!(lock_of_opened_sk(&opened_sk(&fan_out)), Some((branch, 7)));
        let inputs = inputs_sk(&PartKey { fan_out, part: 1 });
        assert!(inputs.starts_with("I#") && lock_of_opened_sk(&inputs).is_none(), "{inputs}");
    }

    #[test]
    fn a_map_run_is_found_again_from_its_key() {
        let run = RunKey { id: RunId::new("order", "17"), nonce: String::new() };
        let child = Branch::default().child(2, 14);
        for (execution, branch) in [
            (Branch::default(), Branch::default()),
            (child.clone(), child.child(1, 3)),
            (child.clone(), child),
        ] {
            let key =
                MapRunKey { run: run.clone(), execution: execution.clone(), branch: branch.clone(), seq: 7 };
            let sk = map_run_sk(&key);
            assert!(sk.starts_with(&map_runs_of(&execution)), "{sk}");
            assert_eq!(map_run_of_sk(&sk), Some((execution, branch, 7)));
        }
        let root = Branch::default();
        let of_branch = map_run_sk_of(&root, &root.child(0, 0), 0);
        assert!(map_run_sk_of(&root, &root, 9) < map_run_sk_of(&root, &root, 10));
        assert!(of_branch.starts_with(&map_runs_of(&root)));
    }

    #[test]
    fn the_branches_of_a_part_lie_together_and_apart_from_all_others() {
        let run = RunKey { id: RunId::new("order", "17"), nonce: "0".repeat(32) };
        let pk = |branch: &Branch| partition_pk(&Partition::of(&run, branch, 64));
        let branch = |index| Branch::default().child(2, index);
        assert_eq!(pk(&Branch::default()), items_pk(&run));
        assert_eq!(pk(&branch(0)), pk(&branch(63)));
        assert_ne!(pk(&branch(63)), pk(&branch(64)));
        assert_ne!(pk(&branch(0)), pk(&Branch::default().child(3, 0)));
        assert_ne!(pk(&branch(0)), pk(&branch(0).child(2, 0)));
    }

    #[test]
    fn a_lease_lies_apart_from_all_else_of_its_run() {
        let run = RunKey { id: RunId::new("order", "17"), nonce: "0".repeat(32) };
        let branch = Branch::default().child(2, 1);
        let position = RecordKey { run: run.clone(), branch: branch.clone(), seq: 3 };
        let lease = lease_pk(&position);
        assert_eq!(lease, format!("{}#L#{branch}#0000003", items_pk(&run)));
        let part = PartKey { fan_out: position, part: 0 };
        assert!(lease != part_pk(&part) && lease != items_pk(&run));
    }

    #[test]
    fn a_node_lies_with_the_first_part_below_it_and_is_none_of_the_other_items() {
        let run = RunKey { id: RunId::new("order", "17"), nonce: "0".repeat(32) };
        let fan_out = RecordKey { run, branch: Branch::default().child(2, 14), seq: 7 };
        let node = Node { level: 1, index: 1, first_part: 128 };
        let key = TallyKey::of(&fan_out, node);
        let part = PartKey { fan_out: fan_out.clone(), part: 128 };
        assert_eq!(partition_pk(&key.partition(64)), part_pk(&part));
        assert_eq!(tally_sk(&key), "N#0000002.00014#0000007#1.1");
        assert_eq!(gathered_sk(&fan_out, node), "G#0000002.00014#0000007#1.1");
        let others = [tally_sk(&TallyKey::root(&fan_out)), part_sk(&part), inputs_sk(&part)];
        assert!(others.iter().all(|sk| sk.starts_with("F#") || sk.starts_with("I#")), "{others:?}");
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
    fn what_leads_to_runs_sorts_by_their_start() {
        let sks =
            [search_sk(9, "a"), search_sk(9, "b"), last_search_sk(9), search_sk(10, ""), search_sk(10, "a")];
        assert!(sks.is_sorted(), "{sks:?}");
        assert!(search_sk(999, "z") < search_sk(1_000, "a") && search_sk(5, "") > last_search_sk(4));
        assert!(last_search_sk(i64::MAX) > search_sk(1_800_000_000_000, "z"));
        assert_eq!(
            run_of_search_sk(&search_sk(1_800_000_000_000, "order-17")),
            Some((1_800_000_000_000, "order-17"))
        );
    }

    #[test]
    fn only_a_run_that_ended_badly_asks_for_attention() {
        let id = RunId::new("order", "order-17");
        assert_eq!(attention_pk(&id, Status::Running), None);
        assert_eq!(attention_pk(&id, Status::Succeeded), None);
        assert!(attention_pk(&id, Status::TimedOut).unwrap().starts_with("order#TIMED_OUT#"));
    }
}
