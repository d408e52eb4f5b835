//! Removing what the attempts of a failed delivery left.

use std::time::Duration;

use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::Traces;
use tokio::time::timeout;

use super::asides::{self, Asides};
use super::client::Client;
use super::names::Names;
use super::packet::{REMOVE, Request};
use super::pool::Lease;
use super::status::Fault;
use super::{Sftp, directory};

/// A request to remove a file.
pub(super) fn removal(path: String) -> impl FnOnce(u32) -> Request {
    move |id| Request::new(REMOVE, id).string(path.as_bytes())
}

/// Removes the hidden files of a delivery, also the one that an unfinished rename names. A file that was to be replaced, and
/// was not, gets its name back.
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
    let intended =
        traces.intent.filter(|intent| intent.account == settings.account()).map(|intent| intent.temporary_path.clone());
    let unknown = put_back(client, &names, intended.as_deref()).await?;
    let mut stuck = None;
    let hidden = names.all_hidden().into_iter().filter(|path| !unknown.contains(path));
    let paths: Vec<String> = hidden.chain(intended).collect();
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

/// Gives a file that was moved aside its name back, where nothing has taken its place: its replacement was cut off in
/// between, or refused. Where `intended`, the hidden file of a recorded intent, is gone, ours took its place, and the partner
/// took ours. Gives the names of which the server does not tell whether there is something: it may be the partner's.
///
/// # Errors
/// Then it stays where it is, and nothing else is removed: it is the partner's.
async fn put_back(client: &Client, names: &Names, intended: Option<&str>) -> Result<Vec<String>> {
    let Asides { there, unknown } = asides::look(client, names).await?;
    let Some((aside, _)) = there.first() else { return Ok(unknown) };
    let visible = names.visible();
    let failed = |fault: Fault| fault.into_error(&format!("rename `{aside}` to `{visible}`"));
    if let Some(temporary) = intended
        && client.is_gone(temporary).await.map_err(failed)?
    {
        return Ok(unknown);
    }
    if client.is_gone(&visible).await.map_err(failed)? {
        client.rename(aside, &visible).await.map_err(failed)?;
    }
    Ok(unknown)
}
