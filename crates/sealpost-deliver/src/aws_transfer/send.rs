//! One attempt: start, record, follow; or only follow what an earlier attempt started.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_aws::Repeat;
use sealpost_core::error::{Error, Result, Retry, codes};
use sealpost_core::port::Shipment;
use sealpost_core::receipt::{Certainty, Receipt};

use super::find::{Found, find, forget, is_ours, twin};
use super::follow::{Followed, follow};
use super::record::{Asked, Record};
use super::shapes::{Start, Started};
use super::trust;
use super::wanted::{can_do, config};
use super::{AwsTransfer, failure};

/// How soon a transfer that goes on is looked at again, at least and at most; in between a quarter of its age.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(300));

/// How long our own API can be asked for a start with the same token: it remembers them for a day.
const LONGEST_ASKED: Duration = Duration::from_secs(22 * 3600);

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
    let (through, transfer) = match earlier(engine, shipment, &found, &path).await? {
        // After a week the service has forgotten it. What is sent again replaces what may be there: the same bytes.
        Some((record, through)) => match follow(engine, shipment, &through, &record.transfer, false).await? {
            Followed::Completed => (through, record.transfer),
            Followed::Unknown => (found.id.clone(), begin(engine, shipment, &found, &path).await?),
            Followed::Underway => return Err(underway(engine, &record)),
        },
        None => (found.id.clone(), begin(engine, shipment, &found, &path).await?),
    };
    Ok(Receipt {
        certainty: Certainty::Verified,
        url: format!("sftp://{}:{}", settings.host, settings.port),
        remote_path: path,
        size: shipment.file.size(),
        sha256: shipment.sha256.unwrap_or_default().to_owned(),
        // The service holds the key against the trusted ones and tells neither which it was nor the algorithms.
        host_key: "aws_transfer".to_owned(),
        algorithms: format!("aws_transfer {through}/{transfer}"),
        bytes_sent: shipment.file.size(),
        started_at,
        delivered_at: Timestamp::now(),
    })
}

/// What an earlier attempt started for the same name, and the id of the service's connector that it was started through: this one,
/// or one that another process made of the same connector of ours.
async fn earlier(
    engine: &AwsTransfer,
    shipment: &Shipment<'_>,
    found: &Found,
    path: &str,
) -> Result<Option<(Record, String)>> {
    let Some((record, arn)) = Record::earlier(shipment, path) else { return Ok(None) };
    let through =
        if arn == found.arn { Some(found.id.clone()) } else { twin(engine, shipment.connector, found, arn).await? };
    Ok(through.map(|through| (record, through)))
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

/// Records that our own API is asked for a start, unless that was recorded before and nobody knows what came of it.
///
/// # Errors
/// `SP-DELIVER-031` where it was asked for too long ago: it forgets tokens after a day.
async fn ask(engine: &AwsTransfer, shipment: &Shipment<'_>, found: &Found, path: &str) -> Result<Asked> {
    let Some(asked) = Asked::earlier(shipment, found, path) else {
        let asked = Asked::new(shipment);
        shipment.journal.intend(asked.intent(found, path)).await?;
        return Ok(asked);
    };
    let (age, deadline) = (asked.age().unsigned_abs(), Duration::from_secs(engine.settings.follow_deadline_s));
    if age > deadline.min(LONGEST_ASKED) {
        let detail = format!("it was asked {} s ago to start the transfer, and never answered", age.as_secs());
        return Err(Error::new(&codes::deliver::NO_RESULT, detail));
    }
    Ok(asked)
}

/// Starts a transfer, records it, and follows it to its end.
async fn begin(engine: &AwsTransfer, shipment: &Shipment<'_>, found: &Found, path: &str) -> Result<String> {
    trust::hold(engine, shipment.connector, found, true).await?;
    let directory = &shipment.connector.settings.directory;
    let start = Start {
        connector_id: &found.id,
        send_file_paths: [shipment.object],
        remote_directory_path: if directory.is_empty() { None } else { Some(directory) },
    };
    // Ours finds by the token what was started before. The service has no tokens, and would start another transfer.
    let asked = if is_ours(engine) { Some(ask(engine, shipment, found, path).await?) } else { None };
    let header = asked.as_ref().map(|asked| ("x-sealpost-idempotency-token", asked.token.as_str()));
    let headers = header.as_slice();
    let repeat = if asked.is_some() { Repeat::Freely } else { Repeat::WithoutEffect };
    let started = engine.call_with::<_, Started>("StartFileTransfer", &start, headers, repeat).await;
    // A refusal that does not pass is the answer: nothing was started under this token.
    if asked.is_some() && started.as_ref().is_err_and(|fault| !fault.is_passing()) {
        shipment.journal.withdraw().await?;
    }
    let started = match started {
        Ok(started) => started,
        Err(fault) if fault.is("ResourceNotFoundException") && shipment.connector.settings.aws_connector.is_none() => {
            forget(engine, shipment.connector).await;
            let detail = format!("AWS Transfer Family: {fault}; it is looked for or made anew");
            return Err(Error::new(&codes::deliver::REMOTE_ENGINE, detail));
        }
        Err(fault) => return Err(failure::of_start(&fault)),
    };
    let record = Record::new(&started.transfer_id);
    shipment.journal.intend(record.intent(shipment, found, path)).await?;
    match follow(engine, shipment, &found.id, &started.transfer_id, true).await? {
        Followed::Completed => Ok(started.transfer_id),
        Followed::Underway => Err(underway(engine, &record)),
        Followed::Unknown => {
            let detail =
                format!("AWS Transfer Family does not know the transfer {} that it started", started.transfer_id);
            Err(Error::new(&codes::deliver::REMOTE_ENGINE, detail))
        }
    }
}
