//! What every [`stepladder_protocol::Host`] promises: one list of cases that each of them passes.
//!
//! A host joins by a [`World`] and a macro that runs one case in a fresh or shared world:
//!
//! ```ignore
//! macro_rules! in_my_world {
//!     ($case:path) => {
//!         my_runtime().block_on(async { $case(&MyWorld::new().await).await })
//!     };
//! }
//! stepladder_tests::contract_suite!(in_my_world);
//! ```

// These are tests: whatever fails in them shall panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod activities;
pub mod blobs;
pub mod fan_outs;
pub mod flow;
pub mod map_runs;
pub mod objects;
pub mod pauses;
pub mod queue;
pub mod records;
pub mod runs;
pub mod schedules;
pub mod searches;
pub mod versions;
pub mod workflows;

mod samples;

use std::future::Future;
use stepladder_protocol::{Clock, Host, QueueName};

/// A host, and what a test needs beside it.
pub trait World: Sync {
    type Host: Host;

    fn host(&self) -> &Self::Host;

    /// Makes the queue of the step `function` unless it is there.
    fn create_queue(&self, function: &str) -> impl Future<Output = QueueName>;

    /// How many objects a page of a listing has at most.
    fn objects_per_page(&self) -> usize;

    /// Makes a bucket of a new name.
    fn create_bucket(&self) -> impl Future<Output = String>;

    /// Up to ten messages that are visible now. They stay invisible for at least 30 seconds.
    fn receive(&self, queue: &QueueName) -> impl Future<Output = Vec<Received>>;

    /// Lets time pass.
    fn wait(&self, duration_ms: i64) -> impl Future<Output = ()>;
}

/// One delivery of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub body: String,
    pub receipt: String,
    /// 1 for the first delivery.
    pub receive_count: u32,
    /// Whose it is.
    pub group: Option<String>,
}

/// A name that nobody else has, so that cases may share a world.
pub(crate) fn unique(world: &impl World, prefix: &str) -> String {
    format!("{prefix}-{:032x}", world.host().clock().random_u128())
}

/// So many items of a large fixture are put at once: an emulator on a busy machine serves one call after another, each
/// within the few seconds that a call may take.
pub(crate) const PUTS_AT_ONCE: usize = 16;

/// The longest that anything may take to become visible, in milliseconds.
const PATIENCE_MS: i64 = 20_000;

/// Asks until there is an answer.
pub(crate) async fn eventually<W: World, T>(world: &W, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let until_ms = world.host().clock().now_ms() + PATIENCE_MS;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(world.host().clock().now_ms() < until_ms, "not within {PATIENCE_MS} ms: {what}");
        world.wait(50).await;
    }
}

/// The list of those that have schedules, see [`contract_suite!`](crate::contract_suite).
#[macro_export]
macro_rules! schedules_suite {
    ($run:ident) => {
        $crate::contract_suite! {
            $run,
            schedules: [
                a_scheduled_message_arrives_as_it_was_and_no_sooner_and_a_name_is_scheduled_once,
            ],
        }
    };
}

/// The one list. `$run!(case)` runs one case, an `async fn(&impl World)`.
#[macro_export]
macro_rules! contract_suite {
    ($run:ident) => {
        $crate::contract_suite! {
            $run,
            records: [
                a_record_comes_back_as_it_was,
                a_payload_keeps_every_byte,
                a_second_record_is_refused_and_sees_the_first,
                of_fifty_at_once_one_wins_and_the_others_see_it,
                a_record_belongs_to_one_run_one_branch_and_one_number,
                records_come_in_order_from_any_number_on,
                records_of_more_than_a_megabyte_come_in_pages,
            ],
            runs: [
                a_run_comes_back_as_it_was,
                a_run_is_created_once,
                of_fifty_starts_at_once_one_creates_the_run,
                an_expired_run_is_absent_and_may_be_replaced,
                a_run_is_closed_once,
                a_run_is_closed_only_under_its_nonce_and_redrive_count,
                a_close_keeps_what_it_does_not_name,
                a_stop_writes_the_run_and_the_record,
                a_stop_that_is_too_late_writes_neither,
                a_stop_of_a_moved_run_writes_neither,
                of_many_stops_at_once_one_succeeds,
                a_redrive_reopens_a_failed_run,
                a_redrive_that_may_not_be_writes_neither,
                a_close_from_before_a_redrive_changes_nothing,
                a_parked_message_is_noted_on_its_run_only,
                the_input_and_the_ending_have_items_of_their_own,
                an_ending_overwrites_no_other,
                a_renewal_moves_all_of_a_runs_items,
                a_renewal_leaves_another_run_of_the_name_alone,
            ],
            fan_outs: [
                what_a_fan_out_was_opened_with_comes_back,
                a_branch_that_has_ended_keeps_its_place,
                of_many_ends_at_once_each_has_a_place_of_its_own,
                failures_are_only_ever_raised,
                of_many_reports_at_once_none_is_lost,
                what_is_gathered_below_a_node_comes_back,
                a_flag_is_set_whether_there_is_an_item_or_not,
                a_part_is_marked_once_and_keeps_its_mark,
                branches_that_end_beside_a_mark_are_before_or_behind_it,
                an_update_is_written_only_where_nothing_came_between,
                a_branchs_first_and_last_record_come_back,
                records_are_read_by_the_hundred,
                the_records_of_a_part_are_those_of_its_branches,
                the_records_of_a_large_part_come_in_pages,
                fan_outs_are_found_where_they_were_opened,
                a_renewal_moves_the_items_of_one_partition,
            ],
            flow: [
                slots_follow_each_other,
                slots_end_where_nobody_asks_for_later_ones,
                of_many_batches_at_once_each_has_slots_of_its_own,
                a_lease_is_held_until_its_time,
                a_lease_is_released_by_its_holder_only,
                of_many_at_once_one_takes_the_lease,
            ],
            pauses: [
                what_is_paused_is_told_until_it_is_resumed,
                a_held_message_is_let_go_of_by_its_last_stamp,
                a_held_message_comes_back_as_it_was,
                held_messages_come_by_run_and_in_pages,
            ],
            map_runs: [
                a_map_run_comes_back_as_it_was,
                what_is_newer_of_a_map_run_stays,
                a_redrive_leaves_what_a_map_run_was_started_with,
                the_map_runs_of_an_execution_come_backwards_and_in_pages,
            ],
            searches: [
                runs_with_a_value_come_newest_first_and_within_limits,
                what_leads_to_a_run_may_be_written_again,
                a_value_leads_to_one_run_and_to_no_other_of_the_name,
                what_leads_to_a_run_is_taken_away_under_its_nonce,
                runs_that_ended_badly_come_by_their_end,
                a_run_that_goes_on_is_no_longer_listed_as_ended,
            ],
            workflows: [
                a_definition_comes_back_under_its_hash,
                a_large_definition_comes_back,
                a_workflow_is_listed_once_it_has_a_current_definition,
                a_workflow_comes_back_as_it_was,
                a_workflow_is_written_only_over_what_was_read,
                of_many_changes_of_a_workflow_at_once_one_succeeds,
                workflows_are_listed_page_by_page,
                runs_are_listed_newest_first,
                runs_are_listed_within_their_limits,
            ],
            versions: [
                a_version_is_written_with_its_workflow_or_not_at_all,
                versions_come_highest_first,
                a_version_is_deleted_under_its_stamp,
                an_alias_comes_back_as_it_was,
                an_alias_is_written_only_over_what_was_read,
                an_alias_leads_to_versions_that_are_there,
                of_an_alias_and_a_deletion_at_once_one_succeeds,
                tags_are_written_only_over_what_was_read,
                a_workflow_that_is_being_deleted_counts_as_absent,
                a_deletion_takes_all_that_belongs_to_the_workflow,
                a_deletion_under_another_mark_takes_nothing,
            ],
            activities: [
                an_activity_is_made_once,
                activities_are_listed_page_by_page,
                an_activity_goes_with_its_tags,
                tags_of_an_activity_are_written_only_over_what_was_read,
            ],
            queue: [
                ten_messages_arrive_as_they_were_sent,
                a_message_arrives_with_its_group,
                a_message_of_almost_a_mebibyte_arrives,
                nothing_is_sent_for_no_messages,
                a_delayed_message_comes_no_sooner,
                a_received_message_is_invisible_until_it_is_handed_back,
                a_handed_back_message_stays_away_as_long_as_asked,
                a_receipt_of_no_message_does_no_harm,
                a_missing_queue_says_so_for_each_message,
            ],
            blobs: [
                a_blob_comes_back_as_it_was,
                an_empty_blob_is_there,
                a_blob_of_five_megabytes_comes_back,
                a_blob_may_be_put_again,
                a_missing_blob_is_none,
                a_blob_above_the_limit_is_refused,
            ],
            objects: [
                an_object_is_read_range_by_range,
                behind_an_objects_end_there_is_nothing,
                an_empty_object_has_no_bytes,
                an_object_that_has_changed_is_not_read_on,
                a_missing_object_is_the_states_error,
                a_missing_bucket_is_the_states_error,
                a_written_object_is_read_and_replaced,
                odd_keys_are_listed_and_read,
                many_objects_are_listed_page_by_page,
            ],
        }
    };
    ($run:ident, $($module:ident: [$($case:ident),+ $(,)?]),+ $(,)?) => {
        $(mod $module {
            $(#[test]
            fn $case() {
                $run!($crate::contract::$module::$case);
            })+
        })+
    };
}
