//! How to log in at a destination. What a partner hands in goes to the vault at once; records hold references.

use sealpost_core::change::{Change, ChangeAction};
use sealpost_core::connector::{ConnectorSettings, Login};
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::port::SecretVault;
use sealpost_core::secret::{Secret, SecretRef};

use crate::{Pipeline, keys, log};

/// How many random characters the name of a kept secret ends with.
const RANDOM: usize = 16;

/// How a partner wants to log in.
#[derive(Debug, Default)]
pub enum Credential {
    /// As before: for a destination that is changed.
    #[default]
    AsBefore,
    /// With a password.
    Password(Secret),
    /// With the same answer to every hidden prompt.
    KeyboardInteractive(Secret),
    /// With a key pair that we make; the partner gets the public half.
    GeneratedKey,
}

impl Pipeline {
    /// The login of a destination, with its secrets in the vault.
    pub(super) async fn login(
        &self,
        partner: &PartnerId,
        name: &str,
        wish: &Credential,
        before: Option<&ConnectorSettings>,
        after: &ConnectorSettings,
    ) -> Result<Vec<Login>> {
        // A place of its own for each: an attempt that has read the old record must not get the new password.
        let place = format!("{partner}/{name}/{}", keys::random(RANDOM));
        Ok(vec![match wish {
            Credential::AsBefore => return as_before(before, after),
            Credential::Password(secret) => Login::Password { password: self.vault()?.keep(&place, secret).await? },
            Credential::KeyboardInteractive(secret) => {
                Login::KeyboardInteractive { password: self.vault()?.keep(&place, secret).await? }
            }
            Credential::GeneratedKey => {
                let vault = self.vault()?;
                let (private, public) = self.parts.transport.login_key(&format!("sealpost {partner}/{name}"))?;
                let key = vault.keep(&place, &private).await?;
                Login::PrivateKey { key, passphrase: None, public_key: Some(public) }
            }
        }])
    }

    fn vault(&self) -> Result<&dyn SecretVault> {
        self.parts.vault.as_deref().ok_or_else(|| {
            let detail = "no secret of a partner can be kept here; the setting is `[self_service] vault`";
            Error::new(&codes::request::NOT_OFFERED, detail)
        })
    }

    /// Removes secrets from the vault that were handed in or made here and that no destination uses, and none that waits for
    /// approval. What can't be removed is logged: nothing refers to it any more.
    pub(crate) async fn forget_unused(&self, partner: &PartnerId, name: &str, logins: &[Login]) {
        let Some(vault) = &self.parts.vault else { return };
        // Of any connector: an operator may have given a connector another name, with the same reference.
        let connectors = match self.parts.records.connectors(None).await {
            Ok(connectors) => connectors,
            Err(error) => return log::secret_stays(partner, name, &error),
        };
        let waiting = match self.waiting_of(partner).await {
            Ok(waiting) => waiting,
            Err(error) => return log::secret_stays(partner, name, &error),
        };
        let settings = connectors.iter().map(|connector| &connector.settings).chain(waiting.iter().filter_map(wanted));
        let used: Vec<&SecretRef> = settings.flat_map(|settings| &settings.login).flat_map(references).collect();
        let kept = logins.iter().flat_map(references).filter(|one| is_kept_here(partner, one));
        for reference in kept.filter(|one| !used.contains(one)) {
            if let Err(error) = vault.forget(reference).await {
                log::secret_stays(partner, name, &error);
            }
        }
    }
}

/// What a destination is to be after a change that brings its own login.
fn wanted(change: &Change) -> Option<&ConnectorSettings> {
    match &change.action {
        ChangeAction::PutDestination { settings, login_stays: false, .. } => Some(settings),
        _ => None,
    }
}

/// Whether a secret is named as [`Pipeline::login`] names what it keeps. Others at the same place are the operator's: a key that
/// connectors of a partner file log in with may be in the folder that is the vault, too.
fn is_kept_here(partner: &PartnerId, reference: &SecretRef) -> bool {
    // Vault's have a field behind the name.
    let path = reference.rest().split_once('#').map_or(reference.rest(), |(path, _)| path);
    let mut parts = path.rsplit('/');
    let is_random = parts.next().is_some_and(|last| keys::is_random(last, RANDOM));
    // Of any connector: it may have been renamed since.
    is_random && parts.next().is_some() && parts.next() == Some(partner.as_str())
}

/// The secrets that a way to log in refers to.
fn references(login: &Login) -> Vec<&SecretRef> {
    match login {
        Login::PrivateKey { key, passphrase, .. } => std::iter::once(key).chain(passphrase).collect(),
        Login::Password { password } | Login::KeyboardInteractive { password } => vec![password],
    }
}

/// A password is for the account that it was given for: pointed at another server, it would be handed to that one. A
/// private key that was made for the destination never leaves us.
pub(super) fn as_before(before: Option<&ConnectorSettings>, after: &ConnectorSettings) -> Result<Vec<Login>> {
    let refused = |detail: &str| {
        let field = FieldError::new("/login", detail);
        Err(Error::new(&codes::request::INVALID, "a way to log in is needed").with_fields(vec![field]))
    };
    let Some(before) = before else { return refused("missing") };
    // User and key may be one secret of the operator's, or the transfer service's own; neither is a login that stays.
    if before.login.is_empty() {
        return refused("give one: the present one was set up by the operator and can't be kept by a change");
    }
    // A private key of the operator's may open other accounts of that server too: which one is not the partner's to choose.
    let is_ours = |login: &Login| matches!(login, Login::PrivateKey { public_key: Some(_), .. });
    if !before.login.iter().all(is_ours) && before.account() != after.account() {
        return refused("give it again: it was for another server, port or user");
    }
    Ok(before.login.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_named_is_not_taken_for_what_is_kept_here() {
        let acme: PartnerId = "acme".parse().expect("an id");
        let is_ours = |text: &str| is_kept_here(&acme, &text.parse().expect("a reference"));
        for random in [keys::random(RANDOM), "abcdefghijkmnpqr".to_owned()] {
            assert!(is_ours(&format!("file:data/secrets/acme/main/{random}")), "{random}");
            assert!(is_ours(&format!("vault:secret/sealpost/partners/acme/main/{random}#value")), "{random}");
            assert!(is_ours(&format!("aws-sm:sealpost/partners/acme/main/{random}")), "{random}");
            assert!(!is_ours(&format!("file:data/secrets/globex/main/{random}")), "{random}");
            assert!(!is_ours(&format!("file:data/secrets/acme/{random}")), "{random}");
        }
        for named in [
            "file:secrets/acme-key",
            "file:secrets/acme/main",
            "file:secrets/acme/main/key",
            "file:secrets/acme/main/id-ed25519-acme-",
            "file:secrets/acme/main/abcdefghijkmnpqr.pem",
            "vault:secret/acme/main/password#value",
            "env:ABCDEFGHIJKMNPQR",
        ] {
            assert!(!is_ours(named), "{named}");
        }
    }
}
