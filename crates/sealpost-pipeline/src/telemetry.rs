//! Metrics of the flow. Names stand here and nowhere else; units are in the names.

use std::collections::{BTreeMap, BTreeSet};
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
    metrics::describe_counter!(
        "sealpost_report_attempts_failed_total",
        "Attempts to produce a report that failed and are repeated, by error code."
    );
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

pub(crate) fn attempt_failed(error: &Error) {
    counter!("sealpost_report_attempts_failed_total", "code" => error.code().id).increment(1);
}

pub(crate) fn delivered(delivery: &Delivery, stopwatch: Stopwatch) {
    counter!("sealpost_deliveries_total", "outcome" => "delivered").increment(1);
    counter!("sealpost_delivered_bytes_total").increment(delivery.file.size);
    histogram!("sealpost_deliver_seconds").record(stopwatch.elapsed().as_secs_f64());
}

pub(crate) fn delivery_cancelled() {
    counter!("sealpost_deliveries_total", "outcome" => "cancelled").increment(1);
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

/// Whose a certificate is, and its fingerprint.
type CertificateOf = (PartnerId, String);

/// The certificates whose days were published.
#[derive(Default)]
pub(crate) struct CertificateDays(BTreeSet<CertificateOf>);

impl CertificateDays {
    /// Publishes the days of all certificates that are used; of one whose days can't be told now, those of before stay. What is
    /// used no longer becomes NaN: a gauge that nobody sets keeps its figure, an alarm about what was replaced long ago.
    pub(crate) fn publish(&mut self, used: BTreeMap<CertificateOf, Option<i64>>) {
        for gone in self.0.iter().filter(|known| !used.contains_key(*known)) {
            certificate_days(gone, f64::NAN);
        }
        self.0.retain(|known| used.contains_key(known));
        for (certificate, days) in used {
            if let Some(days) = days {
                certificate_days(&certificate, days as f64);
                self.0.insert(certificate);
            }
        }
    }
}

fn certificate_days((partner, fingerprint): &CertificateOf, days: f64) {
    gauge!("sealpost_certificate_days_until_expiry", "partner" => partner.to_string(), "fingerprint" => fingerprint.clone()).set(days);
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn a_certificate_that_is_used_no_longer_has_no_days() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let mut published = CertificateDays::default();
        let mut publish = |used: &[(&str, Option<i64>)]| {
            let of_acme =
                |fingerprint: &str| -> CertificateOf { ("acme".parse().expect("an id"), fingerprint.to_owned()) };
            let used = used.iter().map(|(fingerprint, days)| (of_acme(fingerprint), *days)).collect();
            metrics::with_local_recorder(&recorder, || published.publish(used));
            let text = metrics.render();
            ["AA", "BB"].map(|fingerprint| {
                let line = format!(
                    "sealpost_certificate_days_until_expiry{{partner=\"acme\",fingerprint=\"{fingerprint}\"}} "
                );
                text.lines().find_map(|text| text.strip_prefix(&line)).map(str::to_owned)
            })
        };
        let told = |days: [&str; 2]| days.map(|days| Some(days.to_owned()));
        assert_eq!(publish(&[("AA", Some(3)), ("BB", Some(400))]), told(["3", "400"]));
        assert_eq!(publish(&[("AA", None), ("BB", Some(399))]), told(["3", "399"]), "it is still used");
        assert_eq!(publish(&[("BB", Some(398))]), told(["NaN", "398"]));
        assert_eq!(publish(&[("AA", Some(700)), ("BB", Some(397))]), told(["700", "397"]), "used again");
    }
}
