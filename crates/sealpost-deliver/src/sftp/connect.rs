//! From a connector to a logged-in SFTP connection.

use std::sync::Arc;

use russh::keys::Algorithm;
use sealpost_core::address::Reach;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::Result;
use sealpost_core::port::SecretStore;

use super::address::Addresses;
use super::client::Client;
use super::host_key::{Approved, Shown};
use super::session::{Refused, Session};
use super::{address, login};

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
    let credentials = login::resolve(secrets, settings).await?;
    let addresses = address::resolve(settings, reach).await?;
    let mut session = trusted_session(settings, &approved, &addresses).await?;
    login::login(&mut session, settings, &credentials).await?;
    let client = Client::start(&session, settings).await?;
    Ok(Connection { client, session })
}

/// A connection whose server has shown an approved key.
///
/// A fingerprint does not say which type of key it is of, and certificates come before bare keys. Where a server's first
/// key is not an approved one and another may be, it is asked for its keys of the other types, each on a fresh connection.
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
                shown.push(key);
                if !approved.may_know_another(&shown) {
                    return Err(approved.mismatch(settings, &shown));
                }
            }
            Err(Refused::NoSuchType) => return Err(approved.mismatch(settings, &shown)),
            Err(Refused::Failed(error)) => return Err(error),
        }
    }
}
