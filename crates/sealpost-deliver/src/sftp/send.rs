//! One attempt of a delivery.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::address::Reach;
use sealpost_core::connector::ExistingFile;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{SecretStore, Shipment};
use sealpost_core::receipt::{Certainty, Receipt};
use tokio::time::timeout;

use super::client::Client;
use super::connect::{Connection, connect};
use super::discard::removal;
use super::names::Names;
use super::publish::{Candidate, publish};
use super::resume::{Standing, look, refuse_existing};
use super::upload::upload;
use super::{directory, sidecar};

/// Sends the shipment within the connector's time limit.
pub(super) async fn send(secrets: &dyn SecretStore, reach: &Reach, shipment: Shipment<'_>) -> Result<Receipt> {
    let started_at = Timestamp::now();
    let limit = shipment.connector.settings.limits.transfer_timeout_s.max(1);
    timeout(Duration::from_secs(limit), attempt(secrets, reach, &shipment, started_at))
        .await
        .map_err(|_| Error::new(&codes::deliver::DEADLINE, format!("not finished within {limit} s")))?
}

async fn attempt(
    secrets: &dyn SecretStore,
    reach: &Reach,
    shipment: &Shipment<'_>,
    started_at: Timestamp,
) -> Result<Receipt> {
    let settings = &shipment.connector.settings;
    let Connection { client, session } = connect(secrets, reach, settings).await?;
    let delivered = deliver(&client, shipment).await;
    let (host_key, algorithms) = (session.host_key(), session.algorithms());
    let delivered_at = Timestamp::now();
    // Goodbye also after a failure that leaves the connection whole; bounded.
    session.close().await;
    let delivered = delivered?;
    Ok(Receipt {
        certainty: delivered.certainty,
        url: format!("sftp://{}:{}", settings.host, settings.port),
        remote_path: delivered.path,
        size: shipment.file.size(),
        sha256: shipment.sha256.unwrap_or_default().to_owned(),
        host_key,
        algorithms,
        bytes_sent: delivered.bytes_sent,
        started_at,
        delivered_at,
    })
}

struct Delivered {
    path: String,
    certainty: Certainty,
    bytes_sent: u64,
}

async fn deliver(client: &Client, shipment: &Shipment<'_>) -> Result<Delivered> {
    let settings = &shipment.connector.settings;
    let folder = directory::enter(client, settings).await?;
    let names = Names::new(folder, &shipment.traces);
    let standing = look(client, shipment, &names).await?;
    if settings.existing_file == ExistingFile::Fail && matches!(standing, Standing::Partial(_) | Standing::Nothing) {
        refuse_existing(client, &names).await?;
    }
    let own = names.temporary(names.attempt);
    let (temporary, intended, bytes_sent) = match standing {
        Standing::Published { path, present } => {
            // The marker may be what the crash prevented. Where the file is gone, the partner did not wait for it.
            if settings.done_file && present {
                sidecar::done(client, &names, &path).await?;
            }
            tidy(client, &names).await?;
            return Ok(Delivered { path, certainty: Certainty::Recovered, bytes_sent: 0 });
        }
        Standing::Complete(temporary) => (temporary, true, 0),
        Standing::Partial(there) => (own, false, upload(client, shipment, &names, Some(there)).await?),
        Standing::Nothing => (own, false, upload(client, shipment, &names, None).await?),
    };
    let candidate = Candidate { temporary: &temporary, intended };
    let (path, certainty) = publish(client, shipment, &names, candidate).await?;
    if settings.done_file {
        sidecar::done(client, &names, &path).await?;
    }
    tidy(client, &names).await?;
    Ok(Delivered { path, certainty, bytes_sent })
}

/// Removes what earlier attempts left. The file is delivered: a refusal changes nothing about that.
async fn tidy(client: &Client, names: &Names) -> Result<()> {
    if names.attempt > 1 {
        client.ask_all("tidy up", names.all_hidden().into_iter().map(removal)).await?;
    }
    Ok(())
}
