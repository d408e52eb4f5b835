//! Writes to key/value engines: a value is put at a path, and removed with all that the engine keeps of it.
//!
//! | version | put | removed |
//! | --- | --- | --- |
//! | 2 | `POST mount/data/path`: a new version | `DELETE mount/metadata/path`: every version. `DELETE mount/data/path` would hide the latest, and leave it there |
//! | 1 | `POST mount/path` | `DELETE mount/path` |
//!
//! <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>,
//! <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v1>
//!
//! Both may be made twice with the same outcome, so that requests are repeated as reads are.

use reqwest::Method;
use sealpost_core::error::codes;
use sealpost_core::{Error, Result};
use serde_json::json;
use tokio::sync::OnceCell;

use super::api::Body;
use super::connect;
use super::mount::{Engine, Mounts};
use super::read::below_data;
use super::server::Server;
use super::session::Session;
use crate::Surroundings;

/// The key/value engines of the Vault that the settings name.
pub(crate) struct KeyValue {
    surroundings: Surroundings,
    /// Made when it is first needed, as for reads.
    server: OnceCell<Server>,
}

impl KeyValue {
    pub(crate) fn new(surroundings: &Surroundings) -> Self {
        Self { surroundings: surroundings.clone(), server: OnceCell::new() }
    }

    /// Puts a text at a path, as the one field that is there from then on.
    pub(crate) async fn put(&self, path: &str, field: &'static str, text: &str) -> Result<()> {
        self.server().await?.put(path, field, text).await
    }

    /// Removes what is at a path. That there is nothing is no error; that no engine takes the path is one.
    pub(crate) async fn remove(&self, path: &str) -> Result<()> {
        self.server().await?.remove(path).await
    }

    async fn server(&self) -> Result<&Server> {
        self.server.get_or_try_init(|| connect(&self.surroundings)).await
    }
}

pub(super) async fn put(session: &Session, mounts: &Mounts, path: &str, field: &'static str, text: &str) -> Result<()> {
    let (path, body) = match mounts.engine(session, path).await? {
        Engine::Versioned { mount } => (below_data(path, &mount), Body::from([("data", json!({ field: text }))])),
        Engine::Plain => (path.to_owned(), Body::from([(field, text.into())])),
        Engine::Other => return Err(not_key_value()),
        Engine::Unknown => return Err(not_told()),
    };
    let written = session.call(Method::POST, &path, "", Some(&body)).await?;
    written.map(drop).map_err(|fault| fault.of_write())
}

pub(super) async fn remove(session: &Session, mounts: &Mounts, path: &str) -> Result<()> {
    let path = match mounts.engine(session, path).await? {
        Engine::Versioned { mount } => metadata(path, &mount),
        Engine::Plain => path.to_owned(),
        Engine::Other => return Err(not_key_value()),
        Engine::Unknown => return Err(not_told()),
    };
    // Vault says the same (204) whether there was something or not. 404 is of a path that no engine takes: the mount is gone, or of
    // another version than we know, and then the secret is still there.
    let removed = session.call(Method::DELETE, &path, "", None).await?;
    removed.map(drop).map_err(|fault| fault.of_write())
}

/// Where an engine of version 2 has all versions of a secret, and what it knows of them.
fn metadata(path: &str, mount: &str) -> String {
    let data = below_data(path, mount);
    let own = data.get(mount.len() + "/data/".len()..).unwrap_or_default();
    format!("{mount}/metadata/{own}")
}

fn not_key_value() -> Error {
    Error::new(&codes::secrets::REFERENCE, "Vault: there is no key/value engine at the path, so nothing is kept there")
}

/// A read finds out by its answer. A write in the wrong form might be taken, and a removal leave what it should remove.
fn not_told() -> Error {
    let detail = "Vault does not say which engine is at the path, so nothing was written or removed: our policy gives no \
        right there or at `sys/internal/ui/mounts/*`, or nothing is mounted; the version may also be said in \
        `[secrets.vault] kv`";
    Error::new(&codes::secrets::DENIED, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_removed_however_the_path_is_written() {
        for (path, mount, all) in [
            ("secret/app", "secret", "secret/metadata/app"),
            ("secret/data/app", "secret", "secret/metadata/app"),
            ("secret/data/data/app", "secret", "secret/metadata/data/app"),
            ("secret/database/app/1", "secret", "secret/metadata/database/app/1"),
            ("team/kv/app", "team/kv", "team/kv/metadata/app"),
        ] {
            assert_eq!(metadata(path, mount), all);
        }
    }
}
