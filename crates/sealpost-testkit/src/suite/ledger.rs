//! What every ledger and queue must do: the contract sentences of its ports, one case each.
//!
//! An adapter runs all of them by [`ledger_suite!`](crate::ledger_suite), each on a fresh, empty ledger.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::error::Failure;
use sealpost_core::error::codes;
use sealpost_core::id::{ConnectorId, JobId, PartnerId};
use sealpost_core::job::{Job, JobEvent, ReportRequest};
use sealpost_core::param::ParameterValues;
use sealpost_core::port::{Admission, Admitted, Changes, Ledger, Outbox, Queue, Records, Transfers, UsageMeter};
use sealpost_core::sealed::{FileName, SealedFile, SealedKey};
use sealpost_core::task::{Lease, QueueDepth, WorkKind};

pub mod access;
pub mod admission;
pub mod announcements;
pub mod changes;
pub mod deliveries;
pub mod edits;
pub mod fences;
pub mod items;
pub mod keys;
pub mod lanes;
pub mod lists;
pub mod model;
pub mod notifications;
pub mod records;
pub mod tasks;
pub mod trail;
pub mod transfers;
pub mod usage;
pub mod webhooks;

/// Long enough that nothing runs out during a test.
pub const HOUR: Duration = Duration::from_secs(3600);

/// A fresh ledger under test.
#[derive(Clone)]
pub struct Ports {
    /// Jobs and deliveries.
    pub ledger: Arc<dyn Ledger>,
    /// Partners, connectors and keys.
    pub records: Arc<dyn Records>,
    /// Tasks.
    pub queue: Arc<dyn Queue>,
    /// Counted requests.
    pub usage: Arc<dyn UsageMeter>,
    /// Webhooks and notifications.
    pub outbox: Arc<dyn Outbox>,
    /// Changes, challenges and the audit trail.
    pub changes: Arc<dyn Changes>,
    /// Transfers and access keys.
    pub transfers: Arc<dyn Transfers>,
    /// What must live as long as the ledger, for example its folder.
    pub keep: Arc<dyn Any + Send + Sync>,
}

/// Makes one test of each case of the suite. `$fresh` is a function without arguments that returns a future of
/// [`Ports`]: a new, empty ledger.
#[macro_export]
macro_rules! ledger_suite {
    ($fresh:path) => {
        $crate::ledger_suite!(@cases $fresh,
            admission: creates_job_timeline_and_task, gives_out_sequence_numbers, a_key_admits_once,
                concurrent_requests_with_one_key_make_one_job, the_limit_is_exact_under_concurrency,
                a_failed_admission_leaves_nothing, what_was_admitted_is_found_by_its_key,
                what_is_queued_or_running_is_counted;
            lists: another_partners_job_is_not_found, pages_are_stable_under_inserts, filters_combine;
            fences: a_stale_lease_is_refused_everywhere, a_lease_that_is_past_moves_nothing,
                a_task_that_is_done_guards_nothing, progress_is_seen_and_tells_of_a_cancellation,
                a_cancellation_outlives_the_end_of_its_attempt, an_illegal_move_changes_nothing,
                of_two_equal_events_one_wins;
            tasks: a_lease_that_ran_out_comes_back, a_held_task_is_nobody_elses, kinds_are_respected,
                a_released_task_waits_its_delay, an_extended_lease_holds, the_oldest_comes_first,
                the_dead_are_kept_and_can_be_revived, every_task_goes_to_one_worker, waiting_ends_by_itself,
                a_task_that_waits_can_be_hurried, a_sweep_is_harmless;
            deliveries: a_stored_file_brings_its_deliveries, a_delivery_is_followed_to_its_receipt,
                only_what_succeeded_is_delivered_again, a_key_delivers_again_once,
                concurrent_redeliveries_with_one_key_are_one, a_report_is_sent_so_often_and_no_more,
                the_timeline_is_gapless_and_append_only, an_end_is_announced_where_that_is_asked_for;
            records: what_is_put_is_found, the_number_of_connectors_is_exact_under_concurrency,
                a_partner_goes_with_all_that_is_its_own, a_busy_partner_stays, the_check_passes;
            keys: the_number_of_keys_that_work_is_exact_under_concurrency, keys_that_work_no_more_are_few;
            edits: an_identity_leads_to_its_partner, an_identity_has_one_partner,
                of_many_who_claim_an_identity_one_gets_it, concurrent_edits_are_all_kept,
                an_edit_that_fails_changes_nothing;
            usage: no_more_than_the_limit_is_granted, what_is_given_back_is_free_again,
                windows_that_ended_are_forgotten, the_limit_is_exact_under_concurrency;
            webhooks: a_webhook_is_its_partners_own, concurrent_edits_of_a_webhook_are_all_kept,
                the_number_of_webhooks_is_exact_under_concurrency;
            announcements: each_end_is_told_to_those_who_want_it, what_did_not_happen_is_not_told,
                an_event_that_two_report_is_told_once, a_notification_tells_of_its_report;
            notifications: a_ping_goes_to_one_webhook, of_pings_one_is_on_its_way,
                a_notification_is_followed_and_replayed, notifications_are_paged_and_filtered,
                a_list_goes_on_after_what_is_forgotten, a_removed_webhook_leaves_nothing, old_notifications_go;
            changes: one_change_of_a_thing_waits, of_two_decisions_one_wins, what_has_begun_is_carried_out,
                so_many_changes_wait_and_no_more, changes_are_paged_and_filtered;
            lanes: a_long_line_holds_up_no_other, a_lane_goes_in_order, a_full_lane_waits,
                deliveries_and_transfers_share_a_lane, no_lane_exceeds_its_limit,
                a_lease_that_ran_out_frees_its_place, a_limit_that_changes_takes_effect,
                tasks_outlive_their_connector, a_free_place_wakes_who_waits;
            transfers: a_transfer_has_its_items_and_tasks, a_token_starts_once,
                concurrent_starts_with_one_token_are_one, the_queue_limit_is_exact_under_concurrency,
                old_transfers_go;
            items: an_item_is_followed_to_its_end, ends_are_counted_and_announced, what_is_not_announced_is_counted,
                ends_at_once_are_all_counted;
            access: transfer_connectors_are_kept, the_number_of_transfer_connectors_is_exact, access_keys_are_kept;
            trail: the_audit_trail_is_kept_and_paged, a_challenge_is_taken_once, a_partner_goes_with_its_edge;
        );
    };
    (@cases $fresh:path, $($module:ident: $($case:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::suite::ledger::$module::$case($fresh().await).await;
            })+
        })+
    };
}

/// A partner's id.
#[must_use]
pub fn partner(name: &str) -> PartnerId {
    name.parse().expect("a partner id")
}

/// An admission of the partner's report, created now, with a generous limit and no idempotency key.
#[must_use]
pub fn admission(of: &str) -> Admission {
    Admission {
        id: JobId::fresh(),
        request: ReportRequest {
            partner: partner(of),
            report_type: "contracts.v1".parse().expect("a report type"),
            format: "csv".to_owned(),
            format_options: serde_json::Map::new(),
            parameters: ParameterValues::new(),
            deliver_to: Vec::new(),
        },
        idempotency: None,
        active_limit: 1000,
        file_name: numbered,
        name_template: "{report}_{sequence}.{extension}".to_owned(),
        extension: "csv.pgp".to_owned(),
        time_zone: "UTC".to_owned(),
        retention_days: 30,
        now: Timestamp::now(),
    }
}

fn numbered(admission: &Admission, sequence: u64) -> Result<FileName> {
    format!("{}_{sequence}.{}", admission.request.report_type, admission.extension).parse()
}

impl Ports {
    /// Admits, and expects a new job.
    ///
    /// # Panics
    /// When the ledger does anything else.
    pub async fn admit(&self, admission: Admission) -> Job {
        match self.ledger.admit(admission).await.expect("admit") {
            Admitted::New(job) => job,
            Admitted::Replayed(job) => panic!("{} was replayed", job.id),
        }
    }

    /// Claims a task for an hour.
    ///
    /// # Panics
    /// When there is none.
    pub async fn claim(&self, kinds: &[WorkKind]) -> Lease {
        self.queue.claim(kinds, HOUR).await.expect("claim").expect("a task to be ready")
    }

    /// Claims the produce task and starts the job's first attempt.
    ///
    /// # Panics
    /// When the ledger refuses.
    pub async fn start(&self, job: &Job) -> Lease {
        let lease = self.claim(&[WorkKind::Produce]).await;
        self.apply(job, &started(1), Some(&lease)).await;
        lease
    }

    /// Takes a job that was just admitted to `succeeded`, and its task off the queue.
    ///
    /// # Panics
    /// When the ledger refuses.
    pub async fn succeed(&self, job: &Job) -> Job {
        let lease = self.start(job).await;
        let job = self.apply(job, &stored(job), Some(&lease)).await;
        self.queue.complete(&lease).await.expect("complete");
        job
    }

    /// Applies an event now.
    ///
    /// # Panics
    /// When the ledger refuses.
    pub async fn apply(&self, job: &Job, event: &JobEvent, lease: Option<&Lease>) -> Job {
        self.ledger.apply(&job.id, event, lease, Timestamp::now()).await.expect("apply")
    }

    /// Sweeps until there is so much in the queue: what was removed may leave its tasks to that.
    ///
    /// # Panics
    /// When it does not come to that.
    pub async fn swept(&self, expected: QueueDepth) {
        let mut depth = self.queue.depth().await.expect("depth");
        for _ in 0..20 {
            if depth == expected {
                return;
            }
            self.queue.sweep().await.expect("sweep");
            depth = self.queue.depth().await.expect("depth");
        }
        assert_eq!(depth, expected);
    }

    /// The job as the ledger has it.
    ///
    /// # Panics
    /// When it has none.
    pub async fn job(&self, job: &Job) -> Job {
        self.ledger.job_of_any_partner(&job.id).await.expect("read").expect("the job")
    }
}

/// The start of an attempt.
#[must_use]
pub fn started(attempt: u32) -> JobEvent {
    JobEvent::Started { attempt, worker: "suite".to_owned() }
}

/// The end of a good attempt.
#[must_use]
pub fn stored(job: &Job) -> JobEvent {
    let key = SealedKey {
        partner: job.request.partner.clone(),
        job: job.id.clone(),
        attempt: 1,
        file_name: job.file_name.clone(),
    };
    JobEvent::Stored {
        file: SealedFile { key, size: 4711, sha256: "5e".repeat(32) },
        row_count: 17,
        recipients: vec!["ABCD".to_owned()],
    }
}

/// A failure of the source.
#[must_use]
pub fn failure() -> Failure {
    Failure::from(&sealpost_core::Error::new(&codes::source::UNREACHABLE, "the suite's database"))
}

/// A connector of the partner.
#[must_use]
pub fn connector_id(of: &str, name: &str) -> ConnectorId {
    ConnectorId::of(&partner(of), name)
}

/// Asserts the code of an error.
///
/// # Panics
/// When it went well, or failed with another code.
pub fn refused<T: std::fmt::Debug>(outcome: Result<T>, code: &sealpost_core::error::Code) {
    match outcome {
        Ok(value) => panic!("expected {}, got {value:?}", code.id),
        Err(error) => assert!(error.is(code), "expected {}, got {error}", code.id),
    }
}
