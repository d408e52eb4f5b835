//! One attempt: start, record, follow; or only follow what an earlier attempt started.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_aws::{Fault, Repeat};
use sealpost_core::error::{Error, Result, Retry, codes};
use sealpost_core::port::Shipment;
use sealpost_core::receipt::{Certainty, Receipt};

use super::find::{Found, find, forget, is_ours};
use super::follow::{Followed, follow};
use super::record::Record;
use super::shapes::{Start, Started};
use super::wanted::{can_do, config};
use super::{AwsTransfer, failure};

/// How soon a transfer that goes on is looked at again, at least and at most; in between a quarter of its age. One of which it
/// is not known whether it was started is asked for again as soon, and later each time.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(300));

/// Sends the shipment within the connector's time limit.
pub(super) async fn send(engine: &AwsTransfer, shipment: &Shipment<'_>) -> Result<Receipt> {
    let limit = shipment.connector.settings.limits.transfer_timeout_s.max(1);
    let attempt = tokio::time::timeout(Duration::from_secs(limit), attempt(engine, shipment));
    attempt.await.map_err(|_| {
        let detail = format!("not finished within {limit} s; the next attempt goes on following it");
        Error::new(&codes::deliver::DEADLINE, detail)
    })?
}

async fn attempt(engine: &AwsTransfer, shipment: &Shipment<'_>) -> Result<Receipt> {
    let started_at = Timestamp::now();
    let settings = &shipment.connector.settings;
    can_do(settings)?;
    let name = shipment.object.rsplit('/').next().unwrap_or_default();
    if name != shipment.traces.file_name {
        return Err(config("AWS Transfer Family names the file as it is stored, and this one is to have another name"));
    }
    let found = find(engine, shipment.connector, true).await?;
    let path = format!("{}/{name}", settings.directory.trim_end_matches('/'));
    let path = if settings.directory.is_empty() { name.to_owned() } else { path };
    let transfer = match Record::earlier(shipment, &found, &path) {
        // After a week the service has forgotten it. What is sent again replaces what may be there: the same bytes.
        Some(record) => match follow(engine, shipment, &found, &record.transfer, false).await? {
            Followed::Completed => record.transfer,
            Followed::Unknown => begin(engine, shipment, &found, &path).await?,
            Followed::Underway => return Err(underway(engine, &record)),
        },
        None => begin(engine, shipment, &found, &path).await?,
    };
    Ok(Receipt {
        certainty: Certainty::Verified,
        url: format!("sftp://{}:{}", settings.host, settings.port),
        remote_path: path,
        size: shipment.file.size(),
        sha256: shipment.sha256.unwrap_or_default().to_owned(),
        // The service holds the key against the trusted ones and tells neither which it was nor the algorithms.
        host_key: "aws_transfer".to_owned(),
        algorithms: format!("aws_transfer {}/{transfer}", found.id),
        bytes_sent: shipment.file.size(),
        started_at,
        delivered_at: Timestamp::now(),
    })
}

/// The error for a transfer that goes on: not yet, or never.
fn underway(engine: &AwsTransfer, record: &Record) -> Error {
    let (age, deadline) = (record.age().unsigned_abs(), Duration::from_secs(engine.settings.follow_deadline_s));
    let detail = format!("transfer {}, started {} s ago", record.transfer, age.as_secs());
    if age > deadline {
        return Error::new(&codes::deliver::NO_RESULT, detail);
    }
    let pause = (age / 4).clamp(LOOK_AGAIN.0, LOOK_AGAIN.1).min(deadline - age + Duration::from_secs(1));
    Error::new(&codes::deliver::NOT_YET, detail).retried(Retry::After(pause))
}

/// The error for a start that our own API was asked for, and gave no answer to. It is no failure, so that the next attempt has
/// the same token: with another one it would start the transfer again.
fn unanswered(shipment: &Shipment<'_>, fault: &Fault) -> Error {
    let (attempts, failed) = (shipment.traces.attempts, shipment.traces.failed_attempts);
    let pause = LOOK_AGAIN.0.saturating_mul(attempts.saturating_sub(failed).max(1)).min(LOOK_AGAIN.1);
    let detail = format!("{fault}; whether that has started the transfer is asked again");
    Error::new(&codes::deliver::NOT_YET, detail).retried(Retry::After(pause))
}

/// Starts a transfer, records it, and follows it to its end.
async fn begin(engine: &AwsTransfer, shipment: &Shipment<'_>, found: &Found, path: &str) -> Result<String> {
    let directory = &shipment.connector.settings.directory;
    let start = Start {
        connector_id: &found.id,
        send_file_paths: [shipment.object],
        remote_directory_path: if directory.is_empty() { None } else { Some(directory) },
    };
    // The same after a crash, another after a failure that was recorded: that one is to be tried again.
    let token = format!("{}-{}", shipment.traces.id, shipment.traces.failed_attempts);
    let headers = [("x-sealpost-idempotency-token", token.as_str())];
    // Ours finds by the token what was started before. The service has no tokens, and would start another transfer.
    let is_ours = is_ours(engine);
    let repeat = if is_ours { Repeat::Freely } else { Repeat::WithoutEffect };
    let started = engine.call_with::<_, Started>("StartFileTransfer", &start, &headers, repeat).await;
    let started = match started {
        Ok(started) => started,
        Err(fault) if fault.is("ResourceNotFoundException") && shipment.connector.settings.aws_connector.is_none() => {
            forget(engine, shipment.connector).await;
            let detail = format!("AWS Transfer Family: {fault}; it is looked for or made anew");
            return Err(Error::new(&codes::deliver::REMOTE_ENGINE, detail));
        }
        Err(fault) if is_ours && failure::may_have_started(&fault) => return Err(unanswered(shipment, &fault)),
        Err(fault) => return Err(failure::of_start(&fault)),
    };
    let record = Record::new(&started.transfer_id);
    shipment.journal.intend(record.intent(shipment, found, path)).await?;
    match follow(engine, shipment, found, &started.transfer_id, true).await? {
        Followed::Completed => Ok(started.transfer_id),
        Followed::Underway => Err(underway(engine, &record)),
        Followed::Unknown => {
            let detail =
                format!("AWS Transfer Family does not know the transfer {} that it started", started.transfer_id);
            Err(Error::new(&codes::deliver::REMOTE_ENGINE, detail))
        }
    }
}
