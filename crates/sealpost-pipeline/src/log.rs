//! What the flow says: one line per event, each failure once, where it is handled.
//!
//! Never logged: parameters, rows, file contents, keys, tokens. `error` means that someone must act.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::certificate::CertificateInfo;
use sealpost_core::change::Change;
use sealpost_core::connector::Connector;
use sealpost_core::delivery::Delivery;
use sealpost_core::error::{Error, Side};
use sealpost_core::id::PartnerId;
use sealpost_core::job::{Job, JobEvent};
use sealpost_core::notification::Notification;
use sealpost_core::receipt::Receipt;
use sealpost_core::task::Lease;
use tracing::{debug, error, info, warn};

use crate::telemetry::Stopwatch;
use crate::transfer::TransferSettings;

mod connector_line;
pub(crate) mod transfer;

use connector_line::connector_line;

/// The tracing target of lines that are already in the connector log format; the subscriber prints them as they are.
pub const CONNECTOR_LOG: &str = "connector_log";

/// Fields that every line about a job has.
macro_rules! about_job {
    ($level:ident, $job:expr, $($rest:tt)+) => {
        $level!(report.id = %$job.id, report.r#type = %$job.request.report_type, partner.id = %$job.request.partner, $($rest)+)
    };
}

/// Fields that every line about a delivery has.
macro_rules! about_delivery {
    ($level:ident, $delivery:expr, $($rest:tt)+) => {
        $level!(
            delivery.id = %$delivery.id, report.id = %$delivery.job, partner.id = %$delivery.partner, connector.id = %$delivery.connector,
            attempt = $delivery.attempts, $($rest)+
        )
    };
}

pub(crate) fn not_described(report: &sealpost_core::id::ReportTypeId, error: &Error) {
    warn!(report.r#type = %report, error.code = error.code().id, cause = ?error, "the database is down: the report type is described when it is first run");
}

pub(crate) fn admitted(job: &Job) {
    about_job!(info, job, format = %job.request.format, "report admitted");
}

pub(crate) fn left_to_another(job: &Job, pause: Duration) {
    let pause_ms = pause.as_millis() as u64;
    about_job!(warn, job, format = %job.request.format, pause_ms, "report type or format is not known here, the report waits for a process that knows it");
}

pub(crate) fn started(job: &Job) {
    about_job!(info, job, attempt = job.attempts, "report started");
}

pub(crate) fn stored(job: &Job, stopwatch: Stopwatch) {
    let elapsed_ms = stopwatch.elapsed_ms();
    about_job!(info, job, row_count = job.progress.rows, size_bytes = job.progress.bytes, elapsed_ms, "report stored");
}

pub(crate) fn attempt_failed(job: &Job, error: &Error, pause: Duration) {
    let pause_ms = pause.as_millis() as u64;
    about_job!(warn, job, attempt = job.attempts, error.code = error.code().id, pause_ms, cause = ?error, "report attempt failed, it is tried again");
}

pub(crate) fn failed(job: &Job, error: &Error) {
    about_job!(error, job, error.code = error.code().id, error.side = ?error.code().side, advice = error.code().advice, cause = ?error, "report failed");
}

pub(crate) fn revised(job: &Job, event: &JobEvent) {
    about_job!(
        info,
        job,
        event = event.name(),
        status = job.status.as_str(),
        "report {}",
        event.name().replace('_', " ")
    );
}

pub(crate) fn leftover(job: &Job, attempt: u32, error: &Error) {
    about_job!(warn, job, attempt, error.code = error.code().id, cause = ?error, "what an attempt left in the store could not be removed");
}

pub(crate) fn forgotten(job: &Job, attempt: u32) {
    about_job!(
        warn,
        job,
        attempt,
        "the store has an object of this attempt that the ledger does not know: it is removed"
    );
}

pub(crate) fn delivery_goes_on(delivery: &Delivery, error: &Error, pause: Duration) {
    let pause_ms = pause.as_millis() as u64;
    about_delivery!(
        info,
        delivery,
        error.code = error.code().id,
        detail = error.detail(),
        pause_ms,
        "delivery goes on, it is looked at again"
    );
}

pub(crate) fn delivery_started(delivery: &Delivery, connector: &Connector) {
    about_delivery!(info, delivery, remote.host = %connector.settings.host, "delivery started");
}

pub(crate) fn delivered(
    settings: &TransferSettings,
    delivery: &Delivery,
    connector: &Connector,
    receipt: &Receipt,
    stopwatch: Stopwatch,
) {
    let elapsed_ms = stopwatch.elapsed_ms();
    about_delivery!(
        info, delivery, remote.path = %receipt.remote_path, size_bytes = receipt.size, bytes_sent = receipt.bytes_sent, host_key = %receipt.host_key,
        certainty = ?receipt.certainty, elapsed_ms, "file delivered"
    );
    connector_line(settings, delivery, connector, Ok(receipt));
}

pub(crate) fn delivery_attempt_failed(
    settings: &TransferSettings,
    delivery: &Delivery,
    connector: &Connector,
    error: &Error,
    pause: Duration,
) {
    let pause_ms = pause.as_millis() as u64;
    about_delivery!(warn, delivery, error.code = error.code().id, pause_ms, cause = ?error, "delivery attempt failed, it is tried again");
    connector_line(settings, delivery, connector, Err(error));
}

pub(crate) fn delivery_cancelled(
    settings: &TransferSettings,
    delivery: &Delivery,
    connector: Option<&Connector>,
    error: &Error,
) {
    // Whoever deleted the report wants no file: nobody has to act.
    about_delivery!(info, delivery, error.code = error.code().id, "delivery cancelled");
    if let Some(connector) = connector {
        connector_line(settings, delivery, connector, Err(error));
    }
}

pub(crate) fn delivery_failed(
    settings: &TransferSettings,
    delivery: &Delivery,
    connector: Option<&Connector>,
    error: &Error,
) {
    let side: Side = error.code().side;
    about_delivery!(error, delivery, error.code = error.code().id, error.side = ?side, advice = error.code().advice, cause = ?error, "delivery failed");
    if let Some(connector) = connector {
        connector_line(settings, delivery, connector, Err(error));
    }
}

pub(crate) fn remote_leftover(delivery: &Delivery, error: &Error) {
    about_delivery!(warn, delivery, error.code = error.code().id, cause = ?error, "a hidden partial file may be left on the partner's server");
}

/// Fields that every line about a notification has.
macro_rules! about_notification {
    ($level:ident, $notification:expr, $($rest:tt)+) => {
        $level!(
            notification.id = %$notification.id, webhook.id = %$notification.webhook, partner.id = %$notification.partner,
            event = $notification.event.as_str(), attempt = $notification.attempts, answer = $notification.answer, $($rest)+
        )
    };
}

pub(crate) fn notified(notification: &Notification, stopwatch: Stopwatch) {
    let elapsed_ms = stopwatch.elapsed_ms();
    about_notification!(info, notification, elapsed_ms, "notification delivered");
}

pub(crate) fn notification_attempt_failed(notification: &Notification, error: &Error, pause: Duration) {
    let pause_ms = pause.as_millis() as u64;
    about_notification!(warn, notification, error.code = error.code().id, pause_ms, cause = ?error, "notification attempt failed, it is tried again");
}

pub(crate) fn notification_failed(notification: &Notification, error: &Error) {
    // Of a partner's server, and replayable by the partner: nobody here has to act.
    about_notification!(warn, notification, error.code = error.code().id, cause = ?error, "notification failed");
}

pub(crate) fn notification_replayed(notification: &Notification) {
    about_notification!(info, notification, "notification is posted again");
}

pub(crate) fn change_waits(change: &Change) {
    info!(partner.id = %change.partner, change.id = %change.id, action = change.action.name(), "a change waits for approval");
}

pub(crate) fn change_decided(change: &Change) {
    info!(
        partner.id = %change.partner, change.id = %change.id, action = change.action.name(),
        status = change.status.as_str(), "a change is {}", change.status.as_str()
    );
}

pub(crate) fn change_stays_begun(change: &Change, error: &Error) {
    warn!(
        partner.id = %change.partner, change.id = %change.id, error.code = error.code().id, cause = ?error,
        "a change of which nothing was done could not be given back; it can only be approved now"
    );
}

pub(crate) fn private_key_given(partner: &PartnerId) {
    warn!(partner.id = %partner, "a partner sent a private key instead of a certificate; nothing of it was kept");
}

pub(crate) fn secret_stays(partner: &PartnerId, name: &str, error: &Error) {
    warn!(
        partner.id = %partner, destination = name, error.code = error.code().id, cause = ?error,
        "a secret that nothing refers to any more could not be removed from the vault"
    );
}

pub(crate) fn certificate_expires(partner: &PartnerId, info: &CertificateInfo, now: Timestamp) {
    let days = info.days_until_expiry(now).unwrap_or_default();
    warn!(partner.id = %partner, certificate = %info.fingerprint, days_until_expiry = days, "a certificate is about to expire");
}

pub(crate) fn certificate_unusable(partner: &PartnerId, error: &Error) {
    error!(partner.id = %partner, error.code = error.code().id, advice = error.code().advice, cause = ?error, "a certificate can't be used");
}

pub(crate) fn lease_lost(lease: &Lease) {
    info!(task.id = %lease.task, epoch = lease.epoch, work = ?lease.work, "another worker has taken over this task");
}

pub(crate) fn handed_back(lease: &Lease) {
    info!(task.id = %lease.task, epoch = lease.epoch, work = ?lease.work, "time is up: the task goes back, for another worker to go on with");
}

pub(crate) fn task_trouble(lease: &Lease, error: &Error) {
    warn!(task.id = %lease.task, epoch = lease.epoch, work = ?lease.work, error.code = error.code().id, cause = ?error, "a task could not be ended in the ledger; it comes back");
}

pub(crate) fn task_buried(lease: &Lease, error: &Error) {
    error!(task.id = %lease.task, epoch = lease.epoch, work = ?lease.work, error.code = error.code().id, cause = ?error, "a task was moved to the dead letters");
}

pub(crate) fn task_unread(lease: &Lease, error: &Error, pause: Duration) {
    let pause_ms = pause.as_millis() as u64;
    error!(task.id = %lease.task, epoch = lease.epoch, work = ?lease.work, error.code = error.code().id, pause_ms, cause = ?error, "a task needs a record that can't be read here, it waits for a process that can");
}

pub(crate) fn heartbeat_trouble(lease: &Lease, error: &Error) {
    debug!(task.id = %lease.task, error.code = error.code().id, cause = ?error, "a heartbeat could not be written");
}

pub(crate) fn host_rests(host: &str, error: &Error, rest: Duration) {
    let rest_s = rest.as_secs();
    warn!(remote.host = host, error.code = error.code().id, rest_s, cause = ?error, "a server failed again and again; it is left alone for a while, and what is for it waits");
}

pub(crate) fn host_works(host: &str) {
    info!(remote.host = host, "a server that was left alone works again");
}

pub(crate) fn queue_trouble(error: &Error) {
    warn!(error.code = error.code().id, cause = ?error, "the ledger did not answer");
}
