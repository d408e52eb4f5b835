//! Secret references to values, by the scheme before the colon.
//!
//! | reference | the value is |
//! | --- | --- |
//! | `env:NAME` | the environment variable |
//! | `file:/path`, `file:path` | the file's content; relative to the configuration file's folder. Other stages lie beside it: `secret.json.AWSPREVIOUS` |
//! | `aws-sm:name`, `aws-sm:arn:…`, `aws-sm:name#member` | a secret of AWS Secrets Manager, or a member of a JSON one, by stages |
//! | `vault:path`, `vault:path#field` | what HashiCorp Vault answers at a path, or a field of it |
//!
//! Values of services are kept for a while and asked for once however many want them: see `kept`.
//!
//! What partners hand in is written to a vault, one of [`VAULTS`], and read through the same references.
//!
//! A further store is one more file and one more row of [`SECRET_STORES`]. Errors name the reference, never the value.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::error::codes;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_core::{Error, Result};

mod aws_sm;
mod env;
mod environment;
mod file;
mod hashicorp;
mod kept;
mod member;
mod settings;
mod vault;

pub use environment::{Environment, ProcessEnvironment};
pub use settings::{SecretsManagerSettings, SecretsSettings, VaultAuth, VaultSettings};
pub use vault::{BuildVault, VAULTS, VaultEntry, vault};

/// What the stores are built from.
#[derive(Clone)]
pub struct Surroundings {
    /// The folder that relative paths start from: the configuration file's.
    pub base_folder: PathBuf,
    /// Environment variables.
    pub environment: Arc<dyn Environment>,
    /// The `secrets` block.
    pub settings: SecretsSettings,
}

impl Surroundings {
    /// The environment of this process, and usual settings.
    #[must_use]
    pub fn new(base_folder: impl Into<PathBuf>) -> Self {
        Self {
            base_folder: base_folder.into(),
            environment: Arc::new(ProcessEnvironment),
            settings: SecretsSettings::default(),
        }
    }

    /// A variable that is set, to text, and not empty.
    fn text(&self, name: &str) -> Option<String> {
        self.environment.variable(name)?.into_string().ok().filter(|text| !text.is_empty())
    }
}

/// Makes a store in these surroundings.
pub type BuildStore = fn(&Surroundings) -> Arc<dyn SecretStore>;

/// A row of the table of secret stores.
pub struct SecretStoreEntry {
    /// The scheme: what stands before the colon of a reference.
    pub scheme: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// A reference, as an example.
    pub example: &'static str,
    /// Makes the store; `None` for one that is known, but not in this build.
    pub build: Option<BuildStore>,
}

/// Every known secret store.
pub static SECRET_STORES: &[SecretStoreEntry] = &[
    SecretStoreEntry {
        scheme: "env",
        summary: "an environment variable",
        example: "env:DATABASE_PASSWORD",
        build: Some(env::build),
    },
    SecretStoreEntry {
        scheme: "file",
        summary: "a file of at most 1 MiB; another stage of it is the file `<path>.<STAGE>` beside it",
        example: "file:/run/secrets/partner_key",
        build: Some(file::build),
    },
    SecretStoreEntry {
        scheme: "vault",
        summary: "HashiCorp Vault: key/value secrets, leases of its engines; `#field` is of what it answers",
        example: "vault:secret/data/sealpost#password",
        build: Some(hashicorp::build),
    },
    SecretStoreEntry {
        scheme: "aws-sm",
        summary: "AWS Secrets Manager; `#member` is of a JSON secret",
        example: "aws-sm:sealpost/database#password",
        build: Some(aws_sm::build),
    },
];

/// All stores of this build behind one: resolves each reference by its scheme.
pub struct SecretStores {
    stores: Vec<(&'static str, Arc<dyn SecretStore>)>,
}

impl SecretStores {
    /// The stores of this build, with the environment of this process. Relative paths start from `base_folder`.
    #[must_use]
    pub fn new(base_folder: impl Into<PathBuf>) -> Self {
        Self::with(&Surroundings::new(base_folder))
    }

    /// The stores of this build in these surroundings.
    #[must_use]
    pub fn with(surroundings: &Surroundings) -> Self {
        let stores = SECRET_STORES.iter().filter_map(|entry| Some((entry.scheme, entry.build?(surroundings))));
        Self { stores: stores.collect() }
    }

    /// The stores of this build that need no other one to be opened: what others find their own credentials in.
    fn simple(surroundings: &Surroundings) -> Self {
        let simple = SECRET_STORES.iter().filter(|entry| entry.scheme != hashicorp::SCHEME);
        let stores = simple.filter_map(|entry| Some((entry.scheme, entry.build?(surroundings))));
        Self { stores: stores.collect() }
    }

    fn store_of(&self, reference: &SecretRef) -> Result<&dyn SecretStore> {
        let store = self.stores.iter().find(|(scheme, _)| *scheme == reference.scheme());
        store.map(|(_, store)| &**store).ok_or_else(|| not_here(reference.scheme()))
    }
}

#[async_trait]
impl SecretStore for SecretStores {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        self.store_of(reference)?.resolve(reference).await
    }

    async fn resolve_stage(&self, reference: &SecretRef, stage: &str) -> Result<Secret> {
        self.store_of(reference)?.resolve_stage(reference, stage).await
    }

    async fn stale(&self, reference: &SecretRef) {
        if let Ok(store) = self.store_of(reference) {
            store.stale(reference).await;
        }
    }
}

/// Why no store has this scheme. Only the scheme is repeated: what follows an unknown one may be a password with a
/// colon in it that was written where a reference belongs — and so may the scheme.
fn not_here(scheme: &str) -> Error {
    let available: Vec<_> =
        SECRET_STORES.iter().filter(|entry| entry.build.is_some()).map(|entry| entry.scheme).collect();
    let available = available.join("`, `");
    match SECRET_STORES.iter().find(|entry| entry.scheme == scheme) {
        Some(entry) => Error::new(
            &codes::secrets::NOT_IN_BUILD,
            format!("`{}:…` is {}; this build has `{available}`", entry.scheme, entry.summary),
        ),
        None => Error::new(
            &codes::secrets::REFERENCE,
            format!("a reference has a scheme that no secret store has; this build has `{available}`"),
        ),
    }
}

/// A service that does not answer, or not as it should.
fn unreachable(detail: impl Into<String>) -> Error {
    Error::new(&codes::secrets::UNREACHABLE, detail)
}

#[cfg(test)]
mod tests;
