//! `vault:path`, `vault:path#field`: HashiCorp Vault or OpenBao, over its HTTP API.
//!
//! | path | the value is |
//! | --- | --- |
//! | `secret/data/app`, `secret/app` | a secret of a key/value engine of version 2: its latest version, or the one before (stage `AWSPREVIOUS`) |
//! | `kv/app` | the same of version 1 |
//! | `database/creds/role` | user name and password of a lease, which is renewed by half of its time; a new one is taken where that is refused, or gives too little, or the token that it was taken with nears its end |
//! | any other | what the engine answers to a read |
//!
//! Without `#field` it is all fields as a JSON object: what belongs together, like the user name and password of one lease, is
//! read together. The API: <https://developer.hashicorp.com/vault/api-docs>.
//!
//! Key/value engines are written to as well, for what partners hand in: see `write`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sealpost_core::error::codes;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{CURRENT, Secret, SecretRef};
use sealpost_core::{Error, Result};
use tokio::sync::OnceCell;

use crate::kept::{Kept, Key, Limits};
use crate::{SecretStores, Surroundings, member};
use api::Api;
use server::Server;
use session::Session;

mod api;
mod aws;
mod fault;
mod login;
mod mount;
mod path;
mod read;
mod server;
mod session;
mod write;

pub(crate) use api::address;
pub(crate) use path::Place;
pub(crate) use write::KeyValue;

/// What stands before the colon.
pub(crate) const SCHEME: &str = "vault";

/// A lease that nobody wanted for so long is left to its end. A query may run for hours with the user of one.
const UNWANTED: Duration = Duration::from_secs(24 * 3600);

struct Vault(Arc<Inner>);

/// What the tasks that keep leases hold on to, weakly.
struct Inner {
    surroundings: Surroundings,
    kept: Kept,
    /// Made when it is first needed: most installations have no Vault.
    server: OnceCell<Server>,
}

pub(crate) fn build(surroundings: &Surroundings) -> Arc<dyn SecretStore> {
    Arc::new(Vault(Arc::new(Inner {
        surroundings: surroundings.clone(),
        kept: Kept::new(Limits::of(&surroundings.settings)),
        server: OnceCell::new(),
    })))
}

#[async_trait]
impl SecretStore for Vault {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        self.resolve_stage(reference, CURRENT).await
    }

    async fn resolve_stage(&self, reference: &SecretRef, stage: &str) -> Result<Secret> {
        let here = |error: Error| error.context(format!("`{reference}`"));
        let place = Place::read(reference.rest()).map_err(here)?;
        if ![CURRENT, read::PREVIOUS].contains(&stage) {
            let detail = format!("`{SCHEME}:…` has no stage `{stage}`");
            return Err(here(Error::new(&codes::secrets::MISSING, detail)));
        }
        let key = Key { id: place.path.to_owned(), stage: stage.to_owned() };
        let inner = &self.0;
        let mut leased = None;
        let value = inner.kept.get(&key, |old| {
            let leased = &mut leased;
            let key = &key;
            async move {
                let given = inner.server().await?.read(&key.id, &key.stage, old).await?;
                *leased = given.lease.clone().filter(|lease| lease.renewable);
                Ok(given)
            }
        });
        let value = value.await.map_err(here)?;
        // Also one that was renewed: whoever tended it may have left it as unwanted.
        if let Some(lease) = leased
            && inner.kept.claim(&key, &lease.id)
        {
            tend(inner, key, lease.id, lease.counted / 2);
        }
        member::pick(&value, place.field).map_err(here)
    }

    async fn stale(&self, reference: &SecretRef) {
        if let Ok(place) = Place::read(reference.rest()) {
            self.0.kept.stale(place.path);
        }
    }
}

/// Keeps a lease from running out for as long as it is wanted and anybody holds the store.
fn tend(inner: &Arc<Inner>, key: Key, mut lease: String, first: Duration) {
    let inner = Arc::downgrade(inner);
    tokio::spawn(async move {
        let mut pause = first;
        loop {
            tokio::time::sleep(pause).await;
            let Some(inner) = inner.upgrade() else { return };
            let looked = inner.kept.tend(&key, &mut lease, UNWANTED, async |old| {
                inner.server().await?.read(&key.id, &key.stage, old).await
            });
            match looked.await {
                Some(next) => pause = next,
                None => return,
            }
        }
    });
}

impl Inner {
    async fn server(&self) -> Result<&Server> {
        self.server.get_or_try_init(|| connect(&self.surroundings)).await
    }
}

/// Reads the settings; nothing is connected yet.
async fn connect(surroundings: &Surroundings) -> Result<Server> {
    let api = Arc::new(Api::new(surroundings).await?);
    let others = SecretStores::simple(surroundings);
    let session = Session::new(api, surroundings, others);
    Ok(Server::new(session, surroundings.settings.vault.kv.clone()))
}
