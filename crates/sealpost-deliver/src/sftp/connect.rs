//! From a connector to a logged-in SFTP connection.

use std::sync::Arc;

use russh::keys::Algorithm;
use sealpost_core::address::Reach;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SecretStore;

use super::address::Addresses;
use super::client::Client;
use super::credential::{self, Account};
use super::host_key::{Approved, Shown};
use super::session::{Refused, Session};
use super::{address, algorithms, login};

/// A logged-in connection.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) session: Session,
}

/// Connects and logs in.
///
/// # Errors
/// `SP-DELIVER-014` without an approved host key, before anything is sent; then as each step says.
pub(super) async fn connect(
    secrets: &dyn SecretStore,
    reach: &Reach,
    settings: &ConnectorSettings,
) -> Result<Connection> {
    let approved = Arc::new(Approved::parse(settings)?);
    if approved.is_empty() {
        return Err(approved.missing(settings));
    }
    let account = credential::resolve(secrets, settings).await?;
    let addresses = address::resolve(secrets, settings, reach).await?;
    let session = trusted_session(settings, &approved, &addresses).await?;
    let (session, _) = log_in_or_again(secrets, session, settings, &approved, &addresses, &account).await?;
    let client = Client::start(&session, settings).await?;
    Ok(Connection { client, session })
}

/// As [`log_in`]; where the server refuses, once more with what the secrets say by then, if that is something else: they may have
/// been changed a moment ago, and what is kept of them is not used again.
pub(super) async fn log_in_or_again(
    secrets: &dyn SecretStore,
    session: Session,
    settings: &ConnectorSettings,
    approved: &Arc<Approved>,
    addresses: &Addresses,
    account: &Account,
) -> Result<(Session, String)> {
    let refused = match log_in(session, settings, approved, addresses, account).await {
        Err(error) if error.is(&codes::deliver::AUTHENTICATION) => error,
        outcome => return outcome,
    };
    let Some(account) = credential::successor(secrets, settings, account).await? else { return Err(refused) };
    let session = trusted_session(settings, approved, addresses).await?;
    log_in(session, settings, approved, addresses, &account).await
}

/// Logs in, with each version of the credentials on a connection of its own, the first on `session`. Returns what was
/// accepted, too.
///
/// # Errors
/// `SP-DELIVER-005` where the server refuses all of them. What else goes wrong is not the credentials' fault, and ends it.
pub(super) async fn log_in(
    session: Session,
    settings: &ConnectorSettings,
    approved: &Arc<Approved>,
    addresses: &Addresses,
    account: &Account,
) -> Result<(Session, String)> {
    let mut fresh = Some(session);
    let mut refusals: Vec<String> = Vec::new();
    for stage in &account.stages {
        let mut session = match fresh.take() {
            Some(session) => session,
            None => trusted_session(settings, approved, addresses).await?,
        };
        let name = stage.name.as_ref().map(|name| format!(" (`{name}`)")).unwrap_or_default();
        match login::login(&mut session, settings, &account.user, stage).await {
            Ok(accepted) => return Ok((session, format!("{accepted}{name}"))),
            Err(error) if error.is(&codes::deliver::AUTHENTICATION) && account.stages.len() > 1 => {
                refusals.push(format!("{}{name}", error.detail()));
                session.close().await;
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(&codes::deliver::AUTHENTICATION, refusals.join("; ")))
}

/// A connection whose server has shown an approved key.
///
/// A fingerprint does not say which type of key it is of, and certificates come before bare keys. Where a server's first
/// key is not an approved one and another may be, it is asked for its keys of the other types, each on a fresh connection.
/// One that shows what it was not asked for is not asked again: each connection uses up a type, so there are few of them.
pub(super) async fn trusted_session(
    settings: &ConnectorSettings,
    approved: &Arc<Approved>,
    addresses: &Addresses,
) -> Result<Session> {
    let mut shown: Vec<Shown> = Vec::new();
    loop {
        let (stream, _) = address::connect(settings, addresses).await?;
        let types: Vec<Algorithm> = shown.iter().map(|shown| shown.key.algorithm()).collect();
        match Session::open(settings, approved, &types, stream).await {
            Ok(session) => return Ok(session),
            Err(Refused::Key(key)) => {
                let was_asked_for = algorithms::asked_for(approved, &types, &key.key.algorithm());
                shown.push(key);
                if !was_asked_for || !approved.may_know_another(&shown) {
                    return Err(approved.mismatch(settings, &shown));
                }
            }
            Err(Refused::NoSuchType) => return Err(approved.mismatch(settings, &shown)),
            Err(Refused::Failed(error)) => return Err(error),
        }
    }
}
