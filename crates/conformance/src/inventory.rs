//! The list of all cases.

use std::future::Future;
use std::pin::Pin;

use crate::cases;
use crate::harness::Database;

/// One property of the contract, with the function that asserts it.
#[derive(Clone, Copy)]
pub struct Case {
    /// What the property is about.
    pub theme: &'static str,
    /// What must hold.
    pub name: &'static str,
    /// Asserts it on an empty database; panics where it does not hold.
    pub run: fn(&dyn Database) -> Run<'_>,
}

/// A case that is running.
pub type Run<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

macro_rules! cases {
    ($($theme:ident { $($name:ident),* $(,)? })*) => {
        /// Every case of the suite.
        pub const CASES: &[Case] = &[$($(Case {
            theme: stringify!($theme),
            name: stringify!($name),
            run: |database| Box::pin(cases::$theme::$name(database)),
        }),*),*];
    };
}

cases! {
    records {
        every_kind_keeps_every_column,
        every_kind_keeps_nulls,
        every_kind_updates_every_column,
        every_kind_deletes,
        revisions_count_writes,
        a_key_can_be_used_again,
        many_keys_are_answered_in_order,
        an_update_of_nothing_counts,
    }
    conditions {
        an_insert_needs_a_free_key,
        an_update_needs_its_record,
        an_update_needs_its_revision,
        a_delete_needs_its_record,
        a_delete_needs_its_revision,
        checks_look_and_write_nothing,
        the_first_failure_is_answered,
    }
    atomicity {
        a_transaction_applies_whole_or_not_at_all,
        transactions_of_one_call_are_answered_for_themselves,
        transactions_of_one_call_apply_in_order,
        many_transactions_of_one_call,
        what_is_wrong_is_refused,
        a_dropped_commit_leaves_the_backend_usable,
    }
    uniques {
        every_constraint_refuses_an_insert,
        every_constraint_refuses_an_update,
        every_constraint_frees_its_value,
        nulls_are_never_taken,
        keeping_its_own_value_is_no_violation,
        values_move_within_a_transaction,
        values_pass_between_transactions,
        a_failed_transaction_takes_no_value,
        constraints_are_exact_about_text,
        a_lookup_never_lags,
    }
    scans {
        every_index_is_ordered,
        every_index_takes_prefixes_and_ranges,
        ranges_of_every_type,
        an_index_follows_updates,
        an_index_is_sparse,
        details_come_when_asked_for,
        text_is_ordered_by_its_bytes,
        integers_and_times_are_ordered_as_such,
        what_is_wrong_is_refused,
    }
    paging {
        pages_follow_each_other,
        records_that_stay_appear_once,
        the_record_where_a_page_ended_may_go,
        a_cursor_stays_in_its_listing,
    }
    claims {
        the_lowest_are_taken_first,
        a_claim_returns_what_it_wrote,
        a_claim_keeps_to_its_range,
        a_claim_takes_each_record_once,
        a_claim_can_leave_through_the_prefix,
        a_claim_of_nothing_is_empty,
        what_is_wrong_is_refused,
    }
    retries {
        a_retried_insert_is_answered_again,
        a_retried_update_is_answered_again,
        a_retried_delete_is_answered_again,
        a_retried_transaction_is_answered_whole,
        a_retried_transaction_applies_if_it_was_not,
        a_retried_failure_fails_again,
        a_transaction_that_is_not_marked_is_new,
        retries_work_on_another_handle,
    }
    watch {
        a_watch_wakes_for_its_kind,
        a_watch_can_be_dropped,
    }
    migration {
        migrating_again_changes_nothing,
        many_migrate_at_once,
        a_schema_gains_kinds_columns_and_indexes,
        an_older_program_is_refused,
        what_is_committed_outlives_the_backend,
        a_closed_backend_is_unavailable,
        statistics_count_the_records,
        a_ping_is_answered,
    }
    limits {
        a_record_may_have_all_the_bytes,
        a_transaction_may_have_all_the_operations,
        a_transaction_may_have_all_the_bytes,
        pages_may_have_all_the_records,
        many_keys_can_be_read_at_once,
    }
    fidelity {
        text_comes_back_byte_for_byte,
        text_that_holds_json_comes_back_byte_for_byte,
        documents_mean_the_same,
        odd_documents_are_kept_or_refused,
        extremes_of_numbers_and_times,
        bytes_come_back,
        long_keys,
        odd_keys,
        what_expires_later_stays,
    }
    tenants {
        a_tenant_is_not_seen_through_another,
        the_same_keys_and_values_in_several_tenants,
        patterns_in_keys_match_nothing_else,
    }
    contention {
        concurrent_claims_take_each_record_once,
        concurrent_increments_lose_none,
        concurrent_inserts_have_one_winner,
        concurrent_unique_values_have_one_winner,
        a_conflict_never_fails_its_neighbours,
        what_was_acknowledged_is_seen_by_others,
        transactions_are_never_seen_in_part,
        listings_are_whole_while_others_write,
    }
    model {
        random_operations_are_answered_as_the_reference_does,
    }
}
