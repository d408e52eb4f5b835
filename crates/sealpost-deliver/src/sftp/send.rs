//! One attempt of a delivery.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::connector::ExistingFile;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::Shipment;
use sealpost_core::receipt::{Certainty, Receipt};
use tokio::time::timeout;

use super::asides::take_back;
use super::client::Client;
use super::discard::removal;
use super::limiter::Limiter;
use super::names::{Names, ROUNDS};
use super::pool::Lease;
use super::publish::{Candidate, publish};
use super::resume::{Standing, look, refuse_existing};
use super::status::Refusal;
use super::streams::{self, Prepared};
use super::touched::Touched;
use super::upload::{Uploaded, upload};
use super::{Sftp, directory, sidecar};

/// One attempt on one connection.
pub(super) struct Attempt<'a> {
    pub(super) engine: &'a Sftp,
    pub(super) lease: &'a Lease,
    pub(super) shipment: &'a Shipment<'a>,
    pub(super) names: &'a Names,
    pub(super) limiter: &'a Limiter,
    pub(super) prepared: Prepared,
    /// The path of this round's hidden file.
    pub(super) own: String,
}

impl Attempt<'_> {
    /// The file's channel.
    pub(super) fn client(&self) -> &Client {
        self.lease.client()
    }

    /// The error of a refusal to write.
    pub(super) async fn explain(&self, refusal: Refusal, what: &str) -> Error {
        self.client().explain(refusal, what, &self.names.folder).await
    }
}

/// Sends the shipment within the connector's time limit.
pub(super) async fn send(engine: &Sftp, shipment: Shipment<'_>) -> Result<Receipt> {
    let started_at = Timestamp::now();
    let limit = shipment.connector.settings.limits.transfer_timeout_s.max(1);
    timeout(Duration::from_secs(limit), attempt(engine, &shipment, started_at))
        .await
        .map_err(|_| Error::new(&codes::deliver::DEADLINE, format!("not finished within {limit} s")))?
}

async fn attempt(engine: &Sftp, shipment: &Shipment<'_>, started_at: Timestamp) -> Result<Receipt> {
    let connector = shipment.connector;
    let mut round = 0;
    let journal = Touched::new(shipment.journal);
    let shipment = &Shipment { journal: &journal, ..*shipment };
    loop {
        let lease = engine.lease(connector).await?;
        let delivered = deliver(engine, &lease, shipment, &journal, round).await;
        let again = delivered.as_ref().is_err_and(|error| lease.judge(error)) && !journal.is_touched();
        let (host_key, algorithms) = lease.identity();
        let delivered_at = Timestamp::now();
        lease.finish().await;
        if again && round + 1 < ROUNDS {
            // It was kept for us and the server has given it up meanwhile, or it broke with several channels: nothing is
            // recorded yet, and what was sent is continued under a name that nothing left on that connection knows.
            tracing::debug!(connector = %connector.id, "the connection was dead; making another one");
            round += 1;
            continue;
        }
        let delivered = delivered?;
        return Ok(Receipt {
            certainty: delivered.certainty,
            url: format!("sftp://{}", connector.settings.server()),
            remote_path: delivered.path,
            size: shipment.file.size(),
            sha256: shipment.sha256.unwrap_or_default().to_owned(),
            host_key,
            algorithms,
            bytes_sent: delivered.bytes_sent,
            started_at,
            delivered_at,
        });
    }
}

struct Delivered {
    path: String,
    certainty: Certainty,
    bytes_sent: u64,
}

async fn deliver(
    engine: &Sftp,
    lease: &Lease,
    shipment: &Shipment<'_>,
    journal: &Touched<'_>,
    round: u32,
) -> Result<Delivered> {
    let settings = &shipment.connector.settings;
    let (prepared, entered) =
        tokio::join!(streams::prepare(settings, lease, shipment.file.size()), directory::enter_once(lease, settings));
    let (folder, known) = entered?;
    match deliver_into(engine, lease, shipment, folder, round, prepared).await {
        Err(error) if known && error.is(&codes::deliver::DIRECTORY) && !journal.is_touched() => {
            // Somebody has removed it since. Once the rename was about to be made, the next attempt looks at it anew.
            if let Some(link) = lease.link() {
                link.note_folder(&settings.directory, None);
            }
            let (folder, _) = directory::enter_once(lease, settings).await?;
            let prepared = streams::prepare(settings, lease, shipment.file.size()).await;
            deliver_into(engine, lease, shipment, folder, round, prepared).await
        }
        delivered => delivered,
    }
}

async fn deliver_into(
    engine: &Sftp,
    lease: &Lease,
    shipment: &Shipment<'_>,
    folder: String,
    round: u32,
    prepared: Prepared,
) -> Result<Delivered> {
    let client = lease.client();
    let settings = &shipment.connector.settings;
    let names = Names::new(folder, &shipment.traces).in_round(round);
    let limiter = engine.limits.of(shipment.connector);
    let own = names.own();
    let attempt = Attempt { engine, lease, shipment, names: &names, limiter: &limiter, prepared, own };
    // The first attempt finds nothing of earlier ones.
    let first = names.are_first() && shipment.traces.intent.is_none();
    let standing = if first { Standing::Nothing } else { look(client, shipment, &names).await? };
    let (temporary, intended, uploaded) = match standing {
        Standing::Published { path, present } => {
            let moved = tidy(client, shipment, &names, &path).await?;
            // The marker may be what the crash prevented. Where the file is gone, the partner did not wait for it.
            if settings.done_file && (present || moved) {
                sidecar::done(client, &names, &path).await?;
            }
            return Ok(Delivered { path, certainty: Certainty::Recovered, bytes_sent: 0 });
        }
        Standing::Complete(temporary) => (temporary, true, Uploaded { sent: 0, taken: None }),
        Standing::Partial(there) => {
            if settings.existing_file == ExistingFile::Fail {
                refuse_existing(client, &names).await?;
            }
            (attempt.own.clone(), false, upload(&attempt, Some(there)).await?)
        }
        Standing::Nothing => (attempt.own.clone(), false, upload(&attempt, None).await?),
    };
    let candidate = Candidate { temporary: &temporary, intended, taken: uploaded.taken };
    let (path, certainty) = publish(client, shipment, &names, candidate).await?;
    if settings.done_file {
        sidecar::done(client, &names, &path).await?;
    }
    tidy(client, shipment, &names, &path).await?;
    Ok(Delivered { path, certainty, bytes_sent: uploaded.sent })
}

/// Removes what earlier attempts and rounds left. The file is delivered to `path`: a refusal changes nothing about that. Returns
/// whether it had been moved from there since, and is there again.
async fn tidy(client: &Client, shipment: &Shipment<'_>, names: &Names, path: &str) -> Result<bool> {
    if names.are_first() {
        return Ok(false);
    }
    let mut hidden = names.all_hidden();
    let mut moved = false;
    let replaces = shipment.connector.settings.existing_file == ExistingFile::Replace;
    if replaces && !client.features.posix_rename && path == names.visible() {
        let asides: HashSet<String> = names.asides().into_iter().collect();
        hidden.retain(|path| !asides.contains(path));
        let (replaced, was_moved) = take_back(client, shipment, names).await?;
        hidden.extend(replaced);
        moved = was_moved;
    }
    client.ask_all("tidy up", hidden.into_iter().map(removal)).await?;
    Ok(moved)
}
