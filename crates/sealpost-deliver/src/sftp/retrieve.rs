//! One remote file, brought to its landing over as many connections as it takes.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::address::Reach;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::Result;
use sealpost_core::port::{Retrieval, Retrieved, SecretStore};
use tokio::time::sleep;

use super::connect::{Connection, connect};
use super::deadline::within;
use super::download::{Download, Halt, Version};
use super::fetch::fetch;

/// Pauses before the connection is made again. After the last of them without a further byte it is given up, and the
/// queue decides when the file is tried from its beginning.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// Retrieves a file within the connector's time limit.
pub(super) async fn retrieve(secrets: &dyn SecretStore, reach: &Reach, retrieval: Retrieval<'_>) -> Result<Retrieved> {
    let Retrieval { connector, path, landing } = retrieval;
    let settings = &connector.settings;
    let mut download = Download::new(path, landing);
    within(settings, async {
        let mut failures = 0;
        loop {
            let before = download.landed();
            let error = match attempt(secrets, reach, settings, &mut download).await {
                Ok(retrieved) => return Ok(retrieved),
                Err(Halt::Final(error)) => return Err(error),
                Err(Halt::Broken(error)) => error,
            };
            if download.landed() > before {
                failures = 0;
            }
            let Some(pause) = PAUSES.get(failures) else { return Err(error) };
            failures += 1;
            tracing::debug!(%path, landed = download.landed(), %error, "the connection is made again");
            sleep(*pause).await;
        }
    })
    .await
}

async fn attempt(
    secrets: &dyn SecretStore,
    reach: &Reach,
    settings: &ConnectorSettings,
    download: &mut Download<'_>,
) -> Result<Retrieved, Halt> {
    let Connection { client, session } = match connect(secrets, reach, settings).await {
        Ok(connection) => connection,
        Err(error) if download.has_begun() => return Err(error.into()),
        Err(error) => return Err(Halt::Final(error)),
    };
    let fetched = fetch(&client, download).await;
    let (host_key, algorithms) = (session.host_key(), session.algorithms());
    session.close().await;
    let Version { size, modified } = fetched?;
    Ok(Retrieved {
        url: format!("sftp://{}:{}", settings.host, settings.port),
        size,
        modified: modified.and_then(|seconds| Timestamp::from_second(i64::from(seconds)).ok()),
        host_key,
        algorithms,
    })
}
