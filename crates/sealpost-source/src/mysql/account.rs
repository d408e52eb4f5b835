//! Who logs in: user name and password, from the settings and secrets.

use std::borrow::Cow;

use sealpost_core::error::codes::source::LOGIN;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{CURRENT, Secret, SecretRef};
use sealpost_core::{Error, Result};
use serde::Deserialize;

use super::settings::MySqlSettings;

/// The stage of a version that a rotation has given to the server, but not made the current one yet.
const PENDING: &str = "AWSPENDING";

/// A user name with its password.
pub(super) struct Account {
    pub(super) user: String,
    pub(super) password: Option<Secret>,
}

/// What a secret with both has: RDS writes it into Secrets Manager, and Vault's database engine answers so.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    username: Cow<'a, str>,
    #[serde(borrow)]
    password: Cow<'a, str>,
}

impl Account {
    /// The account, as its secret says now.
    ///
    /// # Errors
    /// What the secret store says; `SP-SOURCE-002` for `credentials` of another form.
    pub(super) async fn resolve(settings: &MySqlSettings, secrets: &dyn SecretStore) -> Result<Self> {
        Self::of_stage(settings, secrets, CURRENT).await
    }

    async fn of_stage(settings: &MySqlSettings, secrets: &dyn SecretStore, stage: &str) -> Result<Self> {
        let Some(reference) = &settings.credentials else {
            let password = match &settings.password {
                Some(reference) => Some(resolve(secrets, reference, stage).await?),
                None => None,
            };
            return Ok(Self { user: settings.user.clone(), password });
        };
        let text = resolve(secrets, reference, stage).await?;
        // What the parser says may repeat some of it.
        let members: Members<'_> = serde_json::from_slice(text.expose()).map_err(|_| {
            let wanted = "expected a JSON object with the texts `username` and `password`";
            Error::new(&LOGIN, format!("`credentials`: {wanted}")).caused_by(format!("secret reference `{reference}`"))
        })?;
        let password = Secret::new(members.password.into_owned().into_bytes());
        Ok(Self { user: members.username.into_owned(), password: Some(password) })
    }

    /// What else may open the server, now that this was refused: what the secret says when it is asked again, and what a
    /// rotation is about to make current. Each is given once.
    ///
    /// # Errors
    /// Where the store can't be asked now: then nobody knows whether the account is wrong.
    pub(super) async fn successors(self, settings: &MySqlSettings, secrets: &dyn SecretStore) -> Result<Vec<Self>> {
        let Some(reference) = settings.credentials.as_ref().or(settings.password.as_ref()) else {
            return Ok(Vec::new());
        };
        secrets.stale(reference).await;
        let mut known = vec![self];
        match Self::of_stage(settings, secrets, CURRENT).await {
            Ok(account) => account.unless_known(&mut known),
            Err(error) if error.is_retried() => return Err(error),
            Err(_) => {}
        }
        // Most stores have no such stage.
        if let Ok(account) = Self::of_stage(settings, secrets, PENDING).await {
            account.unless_known(&mut known);
        }
        known.remove(0);
        Ok(known)
    }

    fn unless_known(self, known: &mut Vec<Self>) {
        let bytes = |account: &Self| account.password.as_ref().map(|password| password.expose().to_vec());
        if !known.iter().any(|other| other.user == self.user && bytes(other) == bytes(&self)) {
            known.push(self);
        }
    }
}

async fn resolve(secrets: &dyn SecretStore, reference: &SecretRef, stage: &str) -> Result<Secret> {
    if stage == CURRENT { secrets.resolve(reference).await } else { secrets.resolve_stage(reference, stage).await }
}
