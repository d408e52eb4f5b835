//! Vaults: where secrets are kept that partners hand in. A vault is named as a secret is, by scheme: `file:data/secrets`.

use std::sync::Arc;

use sealpost_core::error::codes;
use sealpost_core::port::SecretVault;
use sealpost_core::secret::SecretRef;
use sealpost_core::{Error, Result};

use crate::Surroundings;

mod folder;
mod key_value;
mod secrets_manager;

/// Most characters of a secret's name.
const LONGEST_NAME: usize = 200;

/// Makes a vault of what stands behind the scheme.
pub type BuildVault = fn(surroundings: &Surroundings, rest: &str) -> Result<Arc<dyn SecretVault>>;

/// A row of the table of vaults.
pub struct VaultEntry {
    /// The scheme: what stands before the colon.
    pub scheme: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// How it is written, as an example.
    pub example: &'static str,
    /// Makes it; `None` for one that is known, but not in this build.
    pub build: Option<BuildVault>,
}

/// Every known vault.
pub static VAULTS: &[VaultEntry] = &[
    VaultEntry {
        scheme: "file",
        summary: "a folder with one file per secret, which only its owner can read",
        example: "file:data/secrets",
        build: Some(folder::build),
    },
    VaultEntry {
        scheme: "vault",
        summary: "a key/value engine of HashiCorp Vault, below a path",
        example: "vault:secret/sealpost/partners",
        build: Some(key_value::build),
    },
    VaultEntry {
        scheme: "aws-sm",
        summary: "AWS Secrets Manager, below a name",
        example: "aws-sm:sealpost/partners",
        build: Some(secrets_manager::build),
    },
];

/// The vault that a configuration names.
///
/// # Errors
/// `SP-SECRETS-004` for one that is not in this build, `-001` for what names none.
pub fn vault(place: &SecretRef, surroundings: &Surroundings) -> Result<Arc<dyn SecretVault>> {
    let writable: Vec<&str> = VAULTS.iter().filter(|entry| entry.build.is_some()).map(|entry| entry.example).collect();
    match VAULTS.iter().find(|entry| entry.scheme == place.scheme()) {
        Some(VaultEntry { build: Some(build), .. }) => build(surroundings, place.rest()),
        Some(entry) => Err(Error::new(
            &codes::secrets::NOT_IN_BUILD,
            format!(
                "`{}:…` is {}, which can't be written to yet; use `{}`",
                entry.scheme,
                entry.summary,
                writable.join("` or `")
            ),
        )),
        None => Err(Error::new(
            &codes::secrets::REFERENCE,
            format!(
                "`{}:…` is no place that secrets can be written to; use `{}`",
                place.scheme(),
                writable.join("` or `")
            ),
        )),
    }
}

/// Names are parts of a path: letters, digits and `-` between slashes, so none leads anywhere else.
fn checked(name: &str) -> Result<&str> {
    let good = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if name.len() <= LONGEST_NAME && name.split('/').all(good) {
        return Ok(name);
    }
    Err(Error::new(&codes::secrets::REFERENCE, "a secret's name is 1 to 200 of a-z, 0-9, - and /"))
}

#[cfg(test)]
mod tests;
