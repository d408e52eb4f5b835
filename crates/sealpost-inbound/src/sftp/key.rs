//! Host keys: read, made, shown.

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::secret::Secret;

/// The public half of a host key, as a partner approves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// The OpenSSH line: `ssh-ed25519 AAAA…`.
    pub public_key: String,
    /// The fingerprint: `SHA256:…`.
    pub fingerprint: String,
}

impl HostKey {
    pub(super) fn of(key: &PrivateKey) -> Result<Self> {
        let public_key = key.public_key().to_openssh().map_err(|error| invalid("host key", &error))?;
        Ok(Self { public_key, fingerprint: key.fingerprint(HashAlg::Sha256).to_string() })
    }
}

/// Makes an ed25519 host key; gives the private key in OpenSSH's format.
///
/// # Errors
/// `SP-CONFIG-001` when it can't be encoded, which does not happen.
pub fn generate_host_key() -> Result<Secret> {
    let key = fresh()?;
    let text = key.to_openssh(LineEnding::LF).map_err(|error| invalid("host key", &error))?;
    Ok(Secret::new(text.as_bytes().to_vec()))
}

/// The public half of a private key, for an `authorized_keys` line or an approved host key.
///
/// # Errors
/// `SP-CONFIG-001` where the key can't be read.
pub fn public_key_of(key: &Secret) -> Result<HostKey> {
    let key =
        russh::keys::decode_secret_key(key.expose_text()?, None).map_err(|error| invalid("private key", &error))?;
    HostKey::of(&key)
}

fn fresh() -> Result<PrivateKey> {
    PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).map_err(|error| invalid("host key", &error))
}

/// The host keys, or a fresh one when none are given.
pub(super) fn load(keys: &[Secret]) -> Result<Vec<PrivateKey>> {
    if keys.is_empty() {
        return Ok(vec![fresh()?]);
    }
    keys.iter()
        .enumerate()
        .map(|(index, key)| {
            russh::keys::decode_secret_key(key.expose_text()?, None)
                .map_err(|error| invalid(&format!("host key {}", index + 1), &error))
        })
        .collect()
}

pub(super) fn invalid(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(&codes::config::INVALID, format!("{what}: {error}"))
}
