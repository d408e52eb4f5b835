//! Removing what the attempts of a failed delivery left.

use std::time::Duration;

use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::Traces;
use tokio::time::timeout;

use super::names::Names;
use super::packet::{REMOVE, Request};
use super::pool::Lease;
use super::status::Fault;
use super::{Sftp, directory};

/// A request to remove a file.
pub(super) fn removal(path: String) -> impl FnOnce(u32) -> Request {
    move |id| Request::new(REMOVE, id).string(path.as_bytes())
}

/// Removes the hidden files of a delivery, also the one that an unfinished rename names.
pub(super) async fn discard(engine: &Sftp, connector: &Connector, traces: Traces<'_>) -> Result<()> {
    let limit = connector.settings.limits.transfer_timeout_s.max(1);
    timeout(Duration::from_secs(limit), remove_all(engine, connector, traces))
        .await
        .map_err(|_| Error::new(&codes::deliver::DEADLINE, format!("tidying up not finished within {limit} s")))?
}

async fn remove_all(engine: &Sftp, connector: &Connector, traces: Traces<'_>) -> Result<()> {
    loop {
        let lease = engine.lease(connector).await?;
        let removed = remove(&lease, connector, traces).await;
        let again = removed.as_ref().is_err_and(|error| lease.judge(error));
        lease.finish().await;
        if !again {
            return removed;
        }
    }
}

async fn remove(lease: &Lease, connector: &Connector, traces: Traces<'_>) -> Result<()> {
    let client = lease.client();
    // No directory is made just to find it empty.
    let mut settings = connector.settings.clone();
    settings.create_directories = false;
    let folder = match directory::enter(client, &settings).await {
        Err(error) if error.is(&codes::deliver::DIRECTORY) => return Ok(()),
        folder => folder?,
    };
    let names = Names::new(folder, &traces);
    let intended = traces
        .intent
        .iter()
        .filter(|intent| intent.account == settings.account())
        .map(|intent| intent.temporary_path.clone());
    let mut stuck = None;
    let paths: Vec<String> = names.all_hidden().into_iter().chain(intended).collect();
    let answers = client.ask_all("tidy up", paths.iter().cloned().map(removal)).await?;
    for (path, answer) in paths.iter().zip(answers) {
        if let Err(Fault::Refused(refusal)) = answer
            && !refusal.is_missing()
        {
            stuck = Some(refusal.error(&format!("remove `{path}`")));
        }
    }
    stuck.map_or(Ok(()), Err)
}
