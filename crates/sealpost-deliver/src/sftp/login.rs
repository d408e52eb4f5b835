//! Login (RFC 4252, RFC 4256): the connector's methods in order, until the server is satisfied.

use std::sync::Arc;

use russh::MethodKind;
use russh::MethodSet;
use russh::client::{AuthResult, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use sealpost_core::connector::{ConnectorSettings, Login};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::Secret;
use tokio::time::timeout;

use super::key;
use super::session::{Ended, Session, handshake_limit, look};

/// A resolved way to log in.
pub(super) enum Credential {
    Key(Arc<PrivateKey>),
    Password(Secret),
    KeyboardInteractive(Secret),
}

/// Resolves all of the connector's credentials, before the server is bothered.
///
/// # Errors
/// What the secret store says; `SP-DELIVER-015` for unusable keys, `SP-DELIVER-021` where no method is configured.
pub(super) async fn resolve(secrets: &dyn SecretStore, settings: &ConnectorSettings) -> Result<Vec<Credential>> {
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
    Ok(credentials)
}

/// What the server said to one method.
enum Answer {
    Accepted,
    Refused { remaining: MethodSet, partial: bool },
}

/// Logs in. Returns what was accepted, for the check's detail.
///
/// # Errors
/// `SP-DELIVER-005` with the methods tried and what the server still offers; `SP-DELIVER-006` past the limit.
pub(super) async fn login(
    session: &mut Session,
    settings: &ConnectorSettings,
    credentials: &[Credential],
) -> Result<String> {
    let limit = handshake_limit(settings);
    timeout(limit, try_all(session, settings, credentials)).await.map_err(|_| {
        Error::new(
            &codes::deliver::TIMEOUT,
            format!("`{}` did not finish the login within {} s", settings.host, limit.as_secs()),
        )
    })?
}

async fn try_all(session: &mut Session, settings: &ConnectorSettings, credentials: &[Credential]) -> Result<String> {
    let mut unused: Vec<&Credential> = credentials.iter().collect();
    let mut accepted: Vec<String> = Vec::new();
    let mut history: Vec<String> = Vec::new();
    let mut offered: Option<MethodSet> = None;
    // After each partial success the server wants another method, perhaps one that it refused before.
    'stage: loop {
        for (place, credential) in unused.iter().enumerate() {
            let name = credential.describe();
            if offered.as_ref().is_some_and(|offered| !offered.contains(&credential.kind())) {
                history.push(format!("{name} (not offered)"));
                continue;
            }
            match credential.present(session, settings).await? {
                Answer::Accepted => {
                    accepted.push(name);
                    return Ok(accepted.join(" and "));
                }
                Answer::Refused { remaining, partial: true } => {
                    history.push(format!("{name} (accepted, the server wants more)"));
                    accepted.push(name);
                    offered = Some(remaining);
                    unused.remove(place);
                    continue 'stage;
                }
                Answer::Refused { remaining, partial: false } => {
                    history.push(format!("{name} (refused)"));
                    if let Some(error) = hung_up(session, settings, &history) {
                        return Err(error);
                    }
                    offered = Some(remaining);
                }
            }
        }
        return Err(refused(settings, &history, offered.as_ref()));
    }
}

fn refused(settings: &ConnectorSettings, history: &[String], offered: Option<&MethodSet>) -> Error {
    let offered: Vec<&str> = offered.into_iter().flat_map(|set| set.iter()).map(<&'static str>::from).collect();
    let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
    Error::new(
        &codes::deliver::AUTHENTICATION,
        format!("user `{}`: tried {}; the server still offers {offered}", settings.user, history.join(", ")),
    )
}

/// The error, where the server ended the connection instead of answering.
fn hung_up(session: &Session, settings: &ConnectorSettings, history: &[String]) -> Option<Error> {
    if !session.handle.is_closed() {
        return None;
    }
    Some(match look(&session.seen).ended.clone() {
        Some(Ended::Disconnected(message)) => Error::new(
            &codes::deliver::AUTHENTICATION,
            format!("user `{}`: tried {}; the server disconnected: {message}", settings.user, history.join(", ")),
        ),
        _ => session.broken("login"),
    })
}

impl Credential {
    fn kind(&self) -> MethodKind {
        match self {
            Self::Key(_) => MethodKind::PublicKey,
            Self::Password(_) => MethodKind::Password,
            Self::KeyboardInteractive(_) => MethodKind::KeyboardInteractive,
        }
    }

    /// The method, with the key's fingerprint: what an operator compares with the partner.
    fn describe(&self) -> String {
        match self {
            Self::Key(key) => format!("publickey {} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256)),
            Self::Password(_) => "password".to_owned(),
            Self::KeyboardInteractive(_) => "keyboard-interactive".to_owned(),
        }
    }

    async fn present(&self, session: &mut Session, settings: &ConnectorSettings) -> Result<Answer> {
        let user = settings.user.as_str();
        match self {
            Self::Key(key) => present_key(session, user, key).await,
            Self::Password(password) => {
                let answer = session.handle.authenticate_password(user, password.expose_text()?).await;
                Ok(answer.map_err(|_| session.broken("login"))?.into())
            }
            Self::KeyboardInteractive(password) => answer_prompts(session, user, password.expose_text()?).await,
        }
    }
}

/// RSA keys sign with SHA-2 (RFC 8332) or not at all: `ssh-rsa` is SHA-1.
async fn present_key(session: &mut Session, user: &str, key: &Arc<PrivateKey>) -> Result<Answer> {
    let hashes = if key.algorithm().is_rsa() {
        match session.handle.best_supported_rsa_hash().await.map_err(|_| session.broken("login"))? {
            Some(Some(hash)) => vec![Some(hash)],
            // The server does not say (no `server-sig-algs`, RFC 8308): try both.
            None => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
            Some(None) => {
                return Err(Error::new(
                    &codes::deliver::AUTHENTICATION,
                    format!(
                        "user `{user}`: the server takes RSA signatures only with SHA-1, which is not safe any more"
                    ),
                ));
            }
        }
    } else {
        vec![None]
    };
    let mut answer = Answer::Refused { remaining: MethodSet::empty(), partial: false };
    for hash in hashes {
        let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
        let said = session.handle.authenticate_publickey(user, key).await.map_err(|_| session.broken("login"))?;
        answer = said.into();
        if !matches!(answer, Answer::Refused { partial: false, .. }) || session.handle.is_closed() {
            break;
        }
    }
    Ok(answer)
}

/// Answers every hidden prompt with the password, and visible ones with nothing (RFC 4256 section 3.4).
async fn answer_prompts(session: &mut Session, user: &str, password: &str) -> Result<Answer> {
    // More rounds than any server needs; the time limit bounds them anyway.
    const ROUNDS: usize = 10;
    let mut said = session.handle.authenticate_keyboard_interactive_start(user, None::<String>).await;
    for _ in 0..ROUNDS {
        match said.map_err(|_| session.broken("login"))? {
            KeyboardInteractiveAuthResponse::Success => return Ok(Answer::Accepted),
            KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                return Ok(Answer::Refused { remaining: remaining_methods, partial: partial_success });
            }
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let answers = prompts
                    .iter()
                    .map(|prompt| if prompt.echo { String::new() } else { password.to_owned() })
                    .collect();
                said = session.handle.authenticate_keyboard_interactive_respond(answers).await;
            }
        }
    }
    Err(Error::new(&codes::deliver::AUTHENTICATION, format!("user `{user}`: keyboard-interactive asks without end")))
}

impl From<AuthResult> for Answer {
    fn from(result: AuthResult) -> Self {
        match result {
            AuthResult::Success => Self::Accepted,
            AuthResult::Failure { remaining_methods, partial_success } => {
                Self::Refused { remaining: remaining_methods, partial: partial_success }
            }
        }
    }
}
