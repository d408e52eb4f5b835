//! Removing what the attempts of a failed delivery left.

use std::time::Duration;

use sealpost_core::address::Reach;
use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{SecretStore, Traces};
use tokio::time::timeout;

use super::connect::{Connection, connect};
use super::directory;
use super::names::Names;
use super::packet::{REMOVE, Request};
use super::status::Fault;

/// A request to remove a file.
pub(super) fn removal(path: String) -> impl FnOnce(u32) -> Request {
    move |id| Request::new(REMOVE, id).string(path.as_bytes())
}

/// Removes the hidden files of a delivery, also the one that an unfinished rename names.
pub(super) async fn discard(
    secrets: &dyn SecretStore,
    reach: &Reach,
    connector: &Connector,
    traces: Traces<'_>,
) -> Result<()> {
    let limit = connector.settings.limits.transfer_timeout_s.max(1);
    timeout(Duration::from_secs(limit), remove_all(secrets, reach, connector, traces))
        .await
        .map_err(|_| Error::new(&codes::deliver::DEADLINE, format!("tidying up not finished within {limit} s")))?
}

async fn remove_all(
    secrets: &dyn SecretStore,
    reach: &Reach,
    connector: &Connector,
    traces: Traces<'_>,
) -> Result<()> {
    let Connection { client, session } = connect(secrets, reach, &connector.settings).await?;
    // No directory is made just to find it empty.
    let mut settings = connector.settings.clone();
    settings.create_directories = false;
    let folder = match directory::enter(&client, &settings).await {
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
    session.close().await;
    stuck.map_or(Ok(()), Err)
}
