//! What a connector logs in with, resolved from its secrets.

use std::sync::Arc;

use russh::MethodKind;
use russh::keys::{HashAlg, PrivateKey};
use sealpost_core::connector::{ConnectorSettings, Login};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};

use super::{key, user_secret};

/// A resolved way to log in.
pub(super) enum Credential {
    Key(Arc<PrivateKey>),
    Password(Secret),
    KeyboardInteractive(Secret),
    /// A password for servers that take it by keyboard-interactive only.
    PasswordByPrompt(Secret),
}

/// Who logs in.
pub(super) struct Account {
    pub(super) user: String,
    /// To be tried in this order, each on a connection of its own: what a server accepted of one must not count for the next.
    pub(super) stages: Vec<Stage>,
}

/// What is tried on one connection.
pub(super) struct Stage {
    /// The version's stage of the secret that it comes from.
    pub(super) name: Option<String>,
    pub(super) credentials: Vec<Credential>,
}

/// Resolves all of the connector's credentials, before the server is bothered.
///
/// # Errors
/// What the secret store says; `SP-DELIVER-015` for unusable keys, `SP-DELIVER-021` where no method is configured.
pub(super) async fn resolve(secrets: &dyn SecretStore, settings: &ConnectorSettings) -> Result<Account> {
    if let Some(secret) = &settings.user_secret {
        return user_secret::resolve(secrets, settings, secret).await;
    }
    let mut credentials = Vec::with_capacity(settings.login.len());
    for login in &settings.login {
        credentials.push(match login {
            Login::PrivateKey { key, passphrase, public_key: _ } => {
                Credential::Key(key::load(secrets, key, passphrase.as_ref()).await?)
            }
            Login::Password { password } => Credential::Password(secrets.resolve(password).await?),
            Login::KeyboardInteractive { password } => {
                Credential::KeyboardInteractive(secrets.resolve(password).await?)
            }
        });
    }
    if credentials.is_empty() {
        return Err(Error::new(&codes::deliver::CONFIG, "the connector names no way to log in (`login` is empty)"));
    }
    Ok(Account { user: settings.user.clone(), stages: vec![Stage { name: None, credentials }] })
}

/// What the secrets say when they are asked again, now that this account was refused; `None` where it is the same.
///
/// # Errors
/// Where they can't be asked now: then nobody knows whether the account is wrong.
pub(super) async fn successor(
    secrets: &dyn SecretStore,
    settings: &ConnectorSettings,
    refused: &Account,
) -> Result<Option<Account>> {
    for reference in references(settings) {
        secrets.stale(reference).await;
    }
    match resolve(secrets, settings).await {
        Ok(account) => Ok((!account.is(refused)).then_some(account)),
        Err(error) if error.is_retried() => Err(error),
        Err(_) => Ok(None),
    }
}

/// Where the credentials come from.
fn references(settings: &ConnectorSettings) -> Vec<&SecretRef> {
    if let Some(secret) = &settings.user_secret {
        return vec![&secret.secret];
    }
    let mut all = Vec::new();
    for login in &settings.login {
        match login {
            Login::PrivateKey { key, passphrase, public_key: _ } => {
                all.push(key);
                all.extend(passphrase);
            }
            Login::Password { password } | Login::KeyboardInteractive { password } => all.push(password),
        }
    }
    all
}

impl Account {
    /// Whether nothing of it would be presented otherwise.
    fn is(&self, other: &Self) -> bool {
        self.user == other.user
            && self.stages.len() == other.stages.len()
            && self.stages.iter().zip(&other.stages).all(|(one, two)| one.is(two))
    }
}

impl Stage {
    fn is(&self, other: &Self) -> bool {
        self.credentials.len() == other.credentials.len()
            && self.credentials.iter().zip(&other.credentials).all(|(one, two)| one.is(two))
    }
}

impl Credential {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Key(one), Self::Key(two)) => one.public_key() == two.public_key(),
            (Self::Password(one), Self::Password(two))
            | (Self::KeyboardInteractive(one), Self::KeyboardInteractive(two))
            | (Self::PasswordByPrompt(one), Self::PasswordByPrompt(two)) => one.expose() == two.expose(),
            _ => false,
        }
    }

    /// The method that it is presented by.
    pub(super) fn kind(&self) -> MethodKind {
        match self {
            Self::Key(_) => MethodKind::PublicKey,
            Self::Password(_) => MethodKind::Password,
            Self::KeyboardInteractive(_) | Self::PasswordByPrompt(_) => MethodKind::KeyboardInteractive,
        }
    }

    /// The method, with the key's fingerprint: what an operator compares with the partner.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Key(key) => format!("publickey {} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256)),
            Self::Password(_) => "password".to_owned(),
            Self::KeyboardInteractive(_) | Self::PasswordByPrompt(_) => "keyboard-interactive".to_owned(),
        }
    }
}
