//! Metrics of the flow. Names stand here and nowhere else; units are in the names.

use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use sealpost_core::delivery::Delivery;
use sealpost_core::error::Error;
use sealpost_core::id::PartnerId;
use sealpost_core::job::Job;
use sealpost_core::task::QueueDepth;

pub(crate) mod transfer;

/// Measures how long something took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn elapsed_ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Describes every metric, for `# HELP` lines. Called once by the composition root.
pub fn describe() {
    metrics::describe_counter!("sealpost_reports_total", "Reports that ended, by report type and outcome.");
    metrics::describe_counter!("sealpost_rows_total", "Rows in produced files.");
    metrics::describe_counter!("sealpost_sealed_bytes_total", "Ciphertext bytes stored.");
    metrics::describe_histogram!("sealpost_produce_seconds", "Time to produce a file, from the query to the store.");
    metrics::describe_counter!("sealpost_deliveries_total", "Deliveries that ended, by outcome.");
    metrics::describe_counter!("sealpost_delivered_bytes_total", "Bytes of delivered files.");
    metrics::describe_histogram!("sealpost_deliver_seconds", "Time of the attempt that delivered a file.");
    metrics::describe_counter!("sealpost_errors_total", "Reports and deliveries that failed for good, by error code.");
    metrics::describe_counter!("sealpost_throttled_total", "Requests refused by a limit, by plane and reason.");
    metrics::describe_gauge!("sealpost_waiting_clients", "Clients that wait for a change of a report, by how.");
    metrics::describe_counter!("sealpost_notifications_total", "Notifications to webhooks that ended, by outcome.");
    metrics::describe_counter!(
        "sealpost_notification_attempts_failed_total",
        "Attempts to post a notification that failed and are repeated, by error code."
    );
    metrics::describe_histogram!("sealpost_notify_seconds", "Time of the attempt that delivered a notification.");
    metrics::describe_gauge!(
        "sealpost_resting_hosts",
        "Servers that failed again and again and are left alone for a while."
    );
    metrics::describe_counter!("sealpost_host_rests_total", "How often a server was left alone for a while.");
    transfer::describe();
    metrics::describe_gauge!("sealpost_queue_tasks", "Tasks of the queue, by state.");
    metrics::describe_gauge!(
        "sealpost_certificate_days_until_expiry",
        "Whole days until a partner's certificate expires."
    );
}

pub(crate) fn produced(job: &Job, stopwatch: Stopwatch) {
    let report_type = job.request.report_type.to_string();
    counter!("sealpost_reports_total", "report_type" => report_type.clone(), "outcome" => "succeeded").increment(1);
    counter!("sealpost_rows_total", "report_type" => report_type.clone()).increment(job.progress.rows);
    counter!("sealpost_sealed_bytes_total", "report_type" => report_type.clone()).increment(job.progress.bytes);
    histogram!("sealpost_produce_seconds", "report_type" => report_type).record(stopwatch.elapsed().as_secs_f64());
}

pub(crate) fn failed(job: &Job, error: &Error) {
    counter!("sealpost_reports_total", "report_type" => job.request.report_type.to_string(), "outcome" => "failed")
        .increment(1);
    counter!("sealpost_errors_total", "code" => error.code().id).increment(1);
}

pub(crate) fn delivered(delivery: &Delivery, stopwatch: Stopwatch) {
    counter!("sealpost_deliveries_total", "outcome" => "delivered").increment(1);
    counter!("sealpost_delivered_bytes_total").increment(delivery.file.size);
    histogram!("sealpost_deliver_seconds").record(stopwatch.elapsed().as_secs_f64());
}

pub(crate) fn delivery_failed(error: &Error) {
    counter!("sealpost_deliveries_total", "outcome" => "failed").increment(1);
    counter!("sealpost_errors_total", "code" => error.code().id).increment(1);
}

pub(crate) fn notified(stopwatch: Stopwatch) {
    counter!("sealpost_notifications_total", "outcome" => "delivered").increment(1);
    histogram!("sealpost_notify_seconds").record(stopwatch.elapsed().as_secs_f64());
}

pub(crate) fn notification_attempt_failed(error: &Error) {
    counter!("sealpost_notification_attempts_failed_total", "code" => error.code().id).increment(1);
}

pub(crate) fn notification_failed(error: &Error) {
    counter!("sealpost_notifications_total", "outcome" => "failed").increment(1);
    counter!("sealpost_errors_total", "code" => error.code().id).increment(1);
}

pub(crate) fn hosts_resting(count: usize) {
    gauge!("sealpost_resting_hosts").set(count as f64);
}

pub(crate) fn host_rests() {
    counter!("sealpost_host_rests_total").increment(1);
}

pub(crate) fn queue_depth(depth: QueueDepth) {
    for (state, count) in
        [("ready", depth.ready), ("delayed", depth.delayed), ("leased", depth.leased), ("dead", depth.dead)]
    {
        gauge!("sealpost_queue_tasks", "state" => state).set(count as f64);
    }
}

pub(crate) fn certificate_days(partner: &PartnerId, fingerprint: &str, days: i64) {
    gauge!("sealpost_certificate_days_until_expiry", "partner" => partner.to_string(), "fingerprint" => fingerprint.to_owned()).set(days as f64);
}
