//! Metrics of transfers.

use metrics::{counter, histogram};
use sealpost_core::error::Error;
use sealpost_core::transfer::TransferItem;

use super::Stopwatch;

pub(super) fn describe() {
    metrics::describe_counter!(
        "sealpost_transfer_items_total",
        "Items of transfers that ended, by action and outcome."
    );
    metrics::describe_counter!("sealpost_transfer_bytes_total", "Bytes of files sent and retrieved, by action.");
    metrics::describe_histogram!("sealpost_transfer_seconds", "Time of the attempt that completed an item, by action.");
    metrics::describe_counter!(
        "sealpost_transfer_attempts_failed_total",
        "Attempts at items of transfers that failed and are repeated, by error code."
    );
    metrics::describe_counter!(
        "sealpost_transfer_events_total",
        "Events of transfers and deliveries, by sink and outcome."
    );
}

pub(crate) fn completed(item: &TransferItem, stopwatch: Stopwatch) {
    let action = item.action.kind().as_str();
    counter!("sealpost_transfer_items_total", "action" => action, "outcome" => "completed").increment(1);
    counter!("sealpost_transfer_bytes_total", "action" => action).increment(item.bytes);
    histogram!("sealpost_transfer_seconds", "action" => action).record(stopwatch.elapsed().as_secs_f64());
}

pub(crate) fn attempt_failed(error: &Error) {
    counter!("sealpost_transfer_attempts_failed_total", "code" => error.code().id).increment(1);
}

pub(crate) fn failed(item: &TransferItem, error: &Error) {
    let action = item.action.kind().as_str();
    counter!("sealpost_transfer_items_total", "action" => action, "outcome" => "failed").increment(1);
    counter!("sealpost_errors_total", "code" => error.code().id).increment(1);
}

pub(crate) fn event_taken(sink: &'static str) {
    counter!("sealpost_transfer_events_total", "sink" => sink, "outcome" => "taken").increment(1);
}

pub(crate) fn event_given_up(sink: &'static str) {
    counter!("sealpost_transfer_events_total", "sink" => sink, "outcome" => "given_up").increment(1);
}
