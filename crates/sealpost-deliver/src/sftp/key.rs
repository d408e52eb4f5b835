//! Private keys: OpenSSH and PEM (PKCS#1, PKCS#8, SEC1), with or without a passphrase.

use std::sync::Arc;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, decode_secret_key};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};

/// Fetches and reads a private key.
///
/// # Errors
/// What the secret store says; `SP-DELIVER-015` for a key that can't be used. Neither repeats anything of the key.
pub(super) async fn load(
    secrets: &dyn SecretStore,
    key: &SecretRef,
    passphrase: Option<&SecretRef>,
) -> Result<Arc<PrivateKey>> {
    let text = secrets.resolve(key).await?;
    let passphrase = match passphrase {
        Some(reference) => Some(secrets.resolve(reference).await?),
        None => None,
    };
    // Partners see the detail of a failed delivery. Where our secrets lie is for the log, which has the cause.
    let unusable = |why: &str| {
        let error = Error::new(&codes::deliver::CREDENTIAL, format!("the private key to log in with: {why}"));
        error.caused_by(format!("secret reference `{key}`"))
    };
    // A passphrase is stretched on purpose, for some tenths of a second: not beside what others wait for.
    let decoded = tokio::task::spawn_blocking(move || decode(&text, passphrase.as_ref())).await;
    let decoded = decoded.unwrap_or_else(|_| Err("it can't be read".to_owned()));
    decoded.map(Arc::new).map_err(|why| unusable(&why))
}

fn decode(text: &Secret, passphrase: Option<&Secret>) -> Result<PrivateKey, String> {
    let text = std::str::from_utf8(text.expose()).map_err(|_| "it is not text; expected OpenSSH or PEM".to_owned())?;
    let passphrase = passphrase.map(Secret::expose_text).transpose().map_err(|error| error.detail().to_owned())?;
    read(text, passphrase)
}

/// Makes an Ed25519 key pair: the private key as OpenSSH writes it, and the public key's line.
pub(super) fn generate(comment: &str) -> Result<(Secret, String)> {
    let made = || -> Result<(Secret, String), russh::keys::ssh_key::Error> {
        let mut key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)?;
        key.set_comment(comment);
        let text = key.to_openssh(LineEnding::LF)?;
        Ok((Secret::new(text.as_bytes().to_vec()), key.public_key().to_openssh()?))
    };
    made().map_err(|error| Error::new(&codes::deliver::CREDENTIAL, format!("no key could be made: {error}")))
}

/// Reads a key; the error is a sentence about what is wrong with it.
pub(super) fn read(text: &str, passphrase: Option<&str>) -> Result<PrivateKey, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.contains("-----BEGIN PUBLIC KEY-----") {
        return Err("it is a public key; the private one is needed".to_owned());
    }
    // OpenSSL's traditional encryption (RFC 1421 headers) is MD5-based and unsupported but for one variant.
    if text.contains("DEK-Info:")
        && !(text.contains("DEK-Info: AES-128-CBC,") && text.contains("BEGIN RSA PRIVATE KEY"))
    {
        return Err("its old PEM encryption is not supported; convert it with `ssh-keygen -p -f KEY`".to_owned());
    }
    let encrypted = text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("DEK-Info:");
    let openssh = text.contains("BEGIN OPENSSH PRIVATE KEY");
    if encrypted && passphrase.is_none() {
        return Err("it has a passphrase, and the connector names none".to_owned());
    }
    // A passphrase given for a key that has none is ignored, as OpenSSH does.
    let passphrase = passphrase.filter(|_| encrypted || openssh);
    let key = decode_secret_key(text, passphrase).map_err(|error| match error {
        russh::keys::Error::KeyIsEncrypted => "it has a passphrase, and the connector names none".to_owned(),
        _ if passphrase.is_some() => "it can't be decrypted; wrong passphrase, or not a supported format".to_owned(),
        // The cause is not repeated: decoders quote what they read.
        _ => "it can't be read; expected OpenSSH or PEM (PKCS#1, PKCS#8, SEC1)".to_owned(),
    })?;
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. } => Ok(key),
        other => Err(format!("its type {other} is not supported; use ed25519, ECDSA or RSA")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_can_be_read_again() {
        let (private, public) = generate("sealpost acme").expect("a key");
        let key = read(private.expose_text().expect("text"), None).expect("readable");
        assert_eq!(key.public_key().to_openssh().expect("a line"), public);
        assert!(public.starts_with("ssh-ed25519 AAAA") && public.ends_with(" sealpost acme"), "{public}");
    }

    /// Has no key.
    struct NoKey;

    #[async_trait::async_trait]
    impl SecretStore for NoKey {
        async fn resolve(&self, _reference: &SecretRef) -> Result<Secret> {
            Ok(Secret::new(b"CANARY".to_vec()))
        }
    }

    #[tokio::test]
    async fn where_a_key_lies_is_told_to_the_log_only() {
        let key = "file:secrets/acme-key".parse().expect("a reference");
        let error = load(&NoKey, &key, None).await.expect_err("no key");
        assert!(error.is(&codes::deliver::CREDENTIAL) && !error.detail().contains("acme-key"), "{error}");
        let logged = format!("{error:?}");
        assert!(logged.contains("file:secrets/acme-key") && !logged.contains("CANARY"), "{logged}");
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        let said = |text: &str| read(text, None).unwrap_err();
        assert!(said("ssh-ed25519 AAAA me").contains("public key"));
        assert!(said("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n").contains("passphrase"));
        assert!(said("hunter2").contains("can't be read") && !said("hunter2").contains("hunter2"));
        let old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n";
        assert!(said(old).contains("ssh-keygen"));
    }
}
