//! A secret with user name and credentials in one, of the form that AWS Transfer Family's connectors read from Secrets
//! Manager: `{"Username": …, "PrivateKey": …, "Password": …}`, one or both of the latter.

use std::borrow::Cow;
use std::sync::Arc;

use sealpost_core::connector::{Connector, ConnectorSettings, UserSecret};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{CURRENT, Secret};
use serde::Deserialize;

use super::credential::{Account, Credential, Stage};
use super::key;

/// Most characters of the whole secret, and of its members: those of AWS.
const MOST: usize = 12_000;
const MOST_USER: usize = 100;
const MOST_KEY: usize = 8_192;
const MOST_PASSWORD: usize = 1_024;

/// The secret's members. Others are ignored, as AWS does.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(rename = "Username", borrow)]
    user: Option<Cow<'a, str>>,
    #[serde(rename = "PrivateKey", borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(rename = "Password", borrow)]
    password: Option<Cow<'a, str>>,
}

/// What one version of the secret says.
struct Version {
    user: String,
    credentials: Vec<Credential>,
}

/// The connector with the user name that its secret says, where it has such a secret: what attempts are told apart by.
///
/// # Errors
/// As [`resolve`].
pub(super) async fn named<'a>(secrets: &dyn SecretStore, connector: &'a Connector) -> Result<Cow<'a, Connector>> {
    let Some(secret) = &connector.settings.user_secret else { return Ok(Cow::Borrowed(connector)) };
    let account = resolve(secrets, &connector.settings, secret).await?;
    let mut connector = connector.clone();
    connector.settings.user = account.user;
    Ok(Cow::Owned(connector))
}

/// All versions of the secret that there are, in the order in which to try them.
///
/// # Errors
/// What the secret store says, where no version is there; `SP-DELIVER-015` for one that can't be used, and where versions
/// name different users.
pub(super) async fn resolve(
    secrets: &dyn SecretStore,
    settings: &ConnectorSettings,
    secret: &UserSecret,
) -> Result<Account> {
    let current = [CURRENT.to_owned()];
    let stages = if secret.stages.is_empty() { &current[..] } else { &secret.stages[..] };
    let mut account: Option<Account> = None;
    let mut missing = None;
    for name in stages {
        let text = match secrets.resolve_stage(&secret.secret, name).await {
            Ok(text) => text,
            // A secret that was never rotated has no previous version.
            Err(error) if error.is(&codes::secrets::MISSING) => {
                missing.get_or_insert(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let version = read(&text).map_err(|why| {
            let error = Error::new(&codes::deliver::CREDENTIAL, format!("the secret to log in with (`{name}`): {why}"));
            error.caused_by(format!("secret reference `{}`", secret.secret))
        })?;
        let stage = Stage { name: Some(name.clone()), credentials: version.credentials };
        let known = account.get_or_insert_with(|| Account { user: version.user.clone(), stages: Vec::new() });
        if known.user != version.user || !(settings.user.is_empty() || settings.user == version.user) {
            return Err(Error::new(
                &codes::deliver::CREDENTIAL,
                format!("the secret to log in with (`{name}`): `Username` must be the same in every version"),
            ));
        }
        known.stages.push(stage);
    }
    account.ok_or_else(|| {
        missing.unwrap_or_else(|| Error::new(&codes::deliver::CREDENTIAL, "the secret to log in with has no version"))
    })
}

/// Reads one version; the error is a sentence that repeats nothing of it.
fn read(text: &Secret) -> Result<Version, String> {
    let text = std::str::from_utf8(text.expose()).map_err(|_| "it is not text")?;
    if text.chars().count() > MOST {
        return Err(format!("it is longer than {MOST} characters"));
    }
    // The cause is not repeated: it may quote a value.
    let members: Members<'_> = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(
        |_| "expected a JSON object with `Username`, and `PrivateKey` or `Password` or both, all of them texts",
    )?;
    let given = |value: Option<Cow<'_, str>>, name: &str, most: usize| match value {
        Some(value) if value.chars().count() > most => Err(format!("`{name}` is longer than {most} characters")),
        // What the console leaves of an empty field.
        Some(value) if value.is_empty() => Ok(None),
        value => Ok(value.map(Cow::into_owned)),
    };
    let user = given(members.user, "Username", MOST_USER)?.ok_or("`Username` is missing (names are case-sensitive)")?;
    let (key, password) =
        (given(members.key, "PrivateKey", MOST_KEY)?, given(members.password, "Password", MOST_PASSWORD)?);
    let mut credentials = Vec::new();
    if let Some(key) = key {
        let key = Secret::new(key.into_bytes());
        let key = key::read(key.expose_text().map_err(|_| "`PrivateKey` is not text")?, None);
        credentials.push(Credential::Key(Arc::new(key.map_err(|why| format!("`PrivateKey`: {why}"))?)));
    }
    if let Some(password) = password {
        // Many servers ask for passwords by keyboard-interactive only; the secret can't say so.
        let same = Secret::new(password.clone().into_bytes());
        credentials.push(Credential::Password(Secret::new(password.into_bytes())));
        credentials.push(Credential::PasswordByPrompt(same));
    }
    if credentials.is_empty() {
        return Err("it has neither `PrivateKey` nor `Password` (names are case-sensitive)".to_owned());
    }
    Ok(Version { user, credentials })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        read(&Secret::new(text.as_bytes().to_vec())).err().unwrap_or_default()
    }

    #[test]
    fn names_are_exact_and_limits_are_kept() {
        assert_eq!(said(r#"{"Username":"a","Password":"b"}"#), "");
        assert_eq!(said(r#"{"Username":"a","Password":"b","PrivateKey":"","Comment":"x"}"#), "");
        assert!(said(r#"{"username":"a","Password":"b"}"#).contains("`Username` is missing"));
        assert!(said(r#"{"Username":"a","password":"b"}"#).contains("neither"));
        assert!(said(r#"{"Username":"a"}"#).contains("neither"));
        assert!(said("hunter2").contains("JSON object") && !said("hunter2").contains("hunter2"));
        assert!(said(r#"{"Username":"a","Password":12345}"#).contains("texts"));
        assert!(said(r#"{"Username":"a","PrivateKey":"hunter2"}"#).contains("`PrivateKey`: it can't be read"));
        let sized = |user: usize, password: usize| {
            said(&format!(r#"{{"Username":"{}","Password":"{}"}}"#, "é".repeat(user), "é".repeat(password)))
        };
        assert_eq!(sized(100, 1_024), "");
        assert!(sized(101, 1).contains("`Username` is longer") && sized(1, 1_025).contains("`Password` is longer"));
        let long = format!(r#"{{"Username":"a","Password":"b","Comment":"{}"}}"#, "x".repeat(12_000));
        assert!(said(&long).contains("12000"));
    }
}
