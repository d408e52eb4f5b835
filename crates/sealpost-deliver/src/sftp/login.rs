//! Login (RFC 4252, RFC 4256): the connector's methods in order, until the server is satisfied.

use std::sync::Arc;

use russh::MethodKind;
use russh::MethodSet;
use russh::client::{AuthResult, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::time::timeout;

use super::credential::{Credential, Stage};
use super::policy::Offer;
use super::session::{Ended, Session, handshake_limit, look};

/// What the server said to one method.
enum Answer {
    Accepted,
    Refused {
        remaining: MethodSet,
        partial: bool,
    },
    /// It was not asked: it takes nothing that this key may sign with.
    Unfit,
}

/// Logs in. Returns what was accepted, for the check's detail.
///
/// # Errors
/// `SP-DELIVER-005` with the methods tried and what the server still offers; `SP-DELIVER-006` past the limit.
pub(super) async fn login(
    session: &mut Session,
    settings: &ConnectorSettings,
    user: &str,
    stage: &Stage,
) -> Result<String> {
    let limit = handshake_limit(settings);
    let attempt = Attempt { user, sha1: Offer::of(settings)?.rsa_sha1_login };
    timeout(limit, try_all(session, &attempt, &stage.credentials)).await.map_err(|_| {
        Error::new(
            &codes::deliver::TIMEOUT,
            format!("`{}` did not finish the login within {} s", settings.host, limit.as_secs()),
        )
    })?
}

/// What all methods of a login have in common.
struct Attempt<'a> {
    user: &'a str,
    /// Whether our RSA key may sign with SHA-1.
    sha1: bool,
}

async fn try_all(session: &mut Session, attempt: &Attempt<'_>, credentials: &[Credential]) -> Result<String> {
    let mut unused: Vec<&Credential> = credentials.iter().collect();
    let mut accepted: Vec<String> = Vec::new();
    let mut history: Vec<String> = Vec::new();
    let mut offered: Option<MethodSet> = None;
    // After each partial success the server wants another method, perhaps one that it refused before.
    'stage: loop {
        for (place, credential) in unused.iter().enumerate() {
            let name = credential.describe();
            let stands_in = matches!(credential, Credential::PasswordByPrompt(_));
            if stands_in && offered.as_ref().is_none_or(|offered| offered.contains(&MethodKind::Password)) {
                continue;
            }
            if offered.as_ref().is_some_and(|offered| !offered.contains(&credential.kind())) {
                history.push(format!("{name} (not offered)"));
                continue;
            }
            match credential.present(session, attempt).await? {
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
                    if let Some(error) = hung_up(session, attempt.user, &history, &remaining).await {
                        return Err(error);
                    }
                    offered = Some(remaining);
                }
                // The next one may be the right one, as where the server refuses.
                Answer::Unfit => {
                    history.push(format!(
                        "{name} (the server takes RSA signatures only with SHA-1, which is not safe any more)"
                    ));
                }
            }
        }
        return Err(refused(attempt.user, &history, offered.as_ref()));
    }
}

/// The error of a login that leads nowhere. `offered` is what the server still offers, where it was asked for anything.
fn refused(user: &str, history: &[String], offered: Option<&MethodSet>) -> Error {
    let mut detail = format!("user `{user}`: tried {}", history.join(", "));
    if let Some(offered) = offered {
        let offered: Vec<&str> = offered.iter().map(<&'static str>::from).collect();
        let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
        detail = format!("{detail}; the server still offers {offered}");
    }
    Error::new(&codes::deliver::AUTHENTICATION, detail)
}

/// The error, where the server ended the connection instead of answering. Many servers do so when they have refused often
/// enough; one that only stops or is full has not refused anything. One that names nothing that remains has refused too, and `russh`
/// ends the connection for it.
async fn hung_up(session: &mut Session, user: &str, history: &[String], remaining: &MethodSet) -> Option<Error> {
    if remaining.is_empty() || session.handle.is_closed() {
        // The connection's task has ended, or is about to. Before that, it notes why.
        drop((&mut session.handle).await);
    }
    if !session.handle.is_closed() {
        return None;
    }
    // Not in the `match`: the lock would be held there, and `broken` takes it too.
    let ended = look(&session.seen).ended.clone();
    Some(match ended {
        Some(Ended::Disconnected { message, passing: false }) => Error::new(
            &codes::deliver::AUTHENTICATION,
            format!("user `{user}`: tried {}; the server disconnected: {message}", history.join(", ")),
        ),
        Some(Ended::NoMethod) => refused(user, history, Some(remaining)),
        _ => session.broken("login"),
    })
}

impl Credential {
    async fn present(&self, session: &mut Session, attempt: &Attempt<'_>) -> Result<Answer> {
        let user = attempt.user;
        match self {
            Self::Key(key) => present_key(session, attempt, key).await,
            Self::Password(password) => {
                let answer = session.handle.authenticate_password(user, password.expose_text()?).await;
                Ok(answer.map_or_else(|_| Answer::none(), Answer::from))
            }
            Self::KeyboardInteractive(password) | Self::PasswordByPrompt(password) => {
                answer_prompts(session, user, password.expose_text()?).await
            }
        }
    }
}

/// RSA keys sign with SHA-2 (RFC 8332). `ssh-rsa` is SHA-1: last, and only where the connector has an exception.
async fn present_key(session: &mut Session, attempt: &Attempt<'_>, key: &Arc<PrivateKey>) -> Result<Answer> {
    let user = attempt.user;
    let mut hashes = if key.algorithm().is_rsa() {
        match session.handle.best_supported_rsa_hash().await.map_err(|_| session.broken("login"))? {
            Some(Some(hash)) => vec![Some(hash)],
            // The server does not say (no `server-sig-algs`, RFC 8308): try both.
            None => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
            Some(None) if attempt.sha1 => Vec::new(),
            Some(None) => return Ok(Answer::Unfit),
        }
    } else {
        vec![None]
    };
    if key.algorithm().is_rsa() && attempt.sha1 {
        hashes.push(None);
    }
    let mut answer = Answer::none();
    for hash in hashes {
        let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
        let said = session.handle.authenticate_publickey(user, key).await;
        answer = said.map_or_else(|_| Answer::none(), Answer::from);
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
        match said {
            Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(Answer::Accepted),
            Ok(KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success }) => {
                return Ok(Answer::Refused { remaining: remaining_methods, partial: partial_success });
            }
            Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => {
                let answers = prompts
                    .iter()
                    .map(|prompt| if prompt.echo { String::new() } else { password.to_owned() })
                    .collect();
                said = session.handle.authenticate_keyboard_interactive_respond(answers).await;
            }
            Err(_) => return Ok(Answer::none()),
        }
    }
    Err(Error::new(&codes::deliver::AUTHENTICATION, format!("user `{user}`: keyboard-interactive asks without end")))
}

impl Answer {
    /// None came, for the connection ended instead: [`hung_up`] tells whether that is a refusal. To passwords and keys `russh`
    /// itself gives it so.
    fn none() -> Self {
        Self::Refused { remaining: MethodSet::empty(), partial: false }
    }
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
