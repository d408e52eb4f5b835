//! One remote file, brought to its landing over as many connections as it takes.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Result};
use sealpost_core::port::Retrieved;
use tokio::time::sleep;

use super::Sftp;
use super::download::{Download, Halt, Version};
use super::fetch::fetch;
use super::limiter::Limiter;
use super::operation::within;

/// Pauses before the connection is made again. After the last of them without a further byte it is given up, and the
/// queue decides when the file is tried from its beginning.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// Retrieves a file within the connector's time limit.
pub(super) async fn retrieve(engine: &Sftp, connector: &Connector, mut download: Download<'_>) -> Result<Retrieved> {
    let limiter = engine.limits.of(connector);
    within(&connector.settings, async {
        let mut failures = 0;
        loop {
            let before = download.landed();
            let broken = match attempt(engine, connector, &limiter, &mut download).await? {
                Outcome::Retrieved(retrieved) => return Ok(retrieved),
                Outcome::WasDead => continue,
                Outcome::Broken(error) => error,
            };
            if download.landed() > before {
                failures = 0;
            }
            // Before it has begun nothing is lost: the queue tries again.
            let Some(pause) = PAUSES.get(failures).filter(|_| download.has_begun()) else { return Err(broken) };
            failures += 1;
            tracing::debug!(path = download.path, landed = download.landed(), error = %broken, "the connection is made again");
            sleep(*pause).await;
        }
    })
    .await
}

/// How one connection's work ended, where that is not for good.
enum Outcome {
    Retrieved(Retrieved),
    /// The connection had been kept for us, and the server has given it up meanwhile.
    WasDead,
    Broken(Error),
}

async fn attempt(
    engine: &Sftp,
    connector: &Connector,
    limiter: &Limiter,
    download: &mut Download<'_>,
) -> Result<Outcome> {
    let lease = match engine.lease(connector).await.map_err(Halt::from) {
        Ok(lease) => lease,
        Err(Halt::Broken(error)) => return Ok(Outcome::Broken(error)),
        Err(Halt::Final(error)) => return Err(error),
    };
    let fetched = fetch(engine, &connector.settings, &lease, limiter, download).await;
    let was_dead = matches!(&fetched, Err(Halt::Broken(error) | Halt::Final(error)) if lease.judge(error));
    let (host_key, algorithms) = lease.identity();
    lease.finish().await;
    match fetched {
        Ok(Version { size, modified }) => Ok(Outcome::Retrieved(Retrieved {
            url: format!("sftp://{}", connector.settings.server()),
            size,
            modified: modified.and_then(|seconds| Timestamp::from_second(i64::from(seconds)).ok()),
            host_key,
            algorithms,
        })),
        Err(_) if was_dead => Ok(Outcome::WasDead),
        Err(Halt::Broken(error)) => Ok(Outcome::Broken(error)),
        Err(Halt::Final(error)) => Err(error),
    }
}
