//! The check of a connector: the same operations as a delivery, with a few bytes, step by step.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sealpost_core::address::Reach;
use sealpost_core::connector::{Connector, ConnectorSettings};
use sealpost_core::error::{Error, Failure, Result, codes};
use sealpost_core::port::{CheckStep, SecretStore};

use super::address::Addresses;
use super::client::Client;
use super::host_key::{Approved, Shown};
use super::packet::{CREATE, FOR_WRITE, TRUNCATE};
use super::session::{Refused, Session, look};
use super::status::Fault;
use super::{address, announced, connect, credential, directory};

const CONTENT: &[u8] = b"Sealpost checks whether it can deliver here. This file may be removed.\n";

/// The steps done so far.
struct Steps {
    done: Vec<CheckStep>,
    begun: Instant,
    /// The key that the server showed, for the step that comes next.
    shown: Option<String>,
}

/// The check is over: the last step has failed.
struct Stop;

impl Steps {
    fn begin(&mut self) {
        self.begun = Instant::now();
    }

    fn note<T>(&mut self, step: &str, result: Result<(String, T)>) -> Result<T, Stop> {
        let (detail, failure, value) = match result {
            Ok((detail, value)) => (detail, None, Ok(value)),
            Err(error) => (error.detail().to_owned(), Some(Failure::from(&error)), Err(Stop)),
        };
        let elapsed_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.done.push(CheckStep { step: step.to_owned(), detail, elapsed_ms, failure, host_key: self.shown.take() });
        self.begin();
        value
    }
}

/// Runs the check; the steps are those of the port, up to the first that fails.
pub(super) async fn check(secrets: &dyn SecretStore, reach: &Reach, connector: &Connector) -> Vec<CheckStep> {
    let mut steps = Steps { done: Vec::new(), begun: Instant::now(), shown: None };
    let settings = &connector.settings;
    let checked = async {
        let session = log_in(secrets, reach, settings, &mut steps).await?;
        deliver_a_little(session, settings, &mut steps).await
    };
    // A stop is in the steps already.
    if checked.await.is_err() {
        tracing::debug!(connector = %connector.id, "the check stopped");
    }
    steps.done
}

/// Runs the steps of the check up to the login. Where no key is approved, the server's is shown, and nobody logs in.
pub(super) async fn probe(secrets: &dyn SecretStore, reach: &Reach, connector: &Connector) -> Vec<CheckStep> {
    let mut steps = Steps { done: Vec::new(), begun: Instant::now(), shown: None };
    match log_in(secrets, reach, &connector.settings, &mut steps).await {
        Ok(session) => session.close().await,
        Err(Stop) => tracing::debug!(connector = %connector.id, "the probe stopped"),
    }
    steps.done
}

/// The steps up to the login.
async fn log_in(
    secrets: &dyn SecretStore,
    reach: &Reach,
    settings: &ConnectorSettings,
    steps: &mut Steps,
) -> Result<Session, Stop> {
    // What nobody has approved and what is no longer allowed is known before anything is sent.
    let approved = match Approved::parse(settings) {
        Ok(approved) => Arc::new(approved),
        Err(error) => return steps.note("host_key", Err(error)),
    };
    let resolved = address::resolve(secrets, settings, reach).await;
    let resolved = resolved.map(|addresses| (addresses.to_string(), addresses));
    let addresses = steps.note("resolve", resolved)?;

    let connected = address::connect(settings, &addresses).await;
    let stream = steps.note("connect", connected.map(|(stream, place)| (place, stream)))?;

    let session = exchange_keys(settings, &approved, &addresses, stream, steps).await?;

    let logged_in = async {
        let account = credential::resolve(secrets, settings).await?;
        let (session, accepted) =
            connect::log_in_or_again(secrets, session, settings, &approved, &addresses, &account).await?;
        Ok((format!("user `{}` with {accepted}", account.user), session))
    };
    let logged_in = logged_in.await;
    let session = steps.note("login", logged_in)?;
    for announced in announced::candidates(&session, settings, &approved).await {
        steps.shown = Some(public_key_line(&announced));
        steps.note("announced_key", Ok((format!("{announced}, the server has it too; not approved"), ())))?;
    }
    Ok(session)
}

/// The steps after the login.
async fn deliver_a_little(session: Session, settings: &ConnectorSettings, steps: &mut Steps) -> Result<(), Stop> {
    let entered = async {
        let client = Client::start(&session, settings).await?;
        let folder = directory::enter(&client, settings).await?;
        Ok((format!("`{folder}`"), (client, folder)))
    };
    let entered = entered.await;
    let (client, folder) = steps.note("directory", entered)?;
    let result = try_a_file(&client, &folder, steps).await;
    session.close().await;
    result
}

/// Key exchange and host key. The key that the server shows is in the detail in any case, so that it can be compared
/// with the partner's and approved.
async fn exchange_keys(
    settings: &ConnectorSettings,
    approved: &Arc<Approved>,
    addresses: &Addresses,
    stream: tokio::net::TcpStream,
    steps: &mut Steps,
) -> Result<Session, Stop> {
    let first = Session::open(settings, approved, &[], stream).await;
    let session = match first {
        Ok(session) => session,
        Err(Refused::Failed(error)) => return steps.note("key_exchange", Err(error)),
        Err(Refused::NoSuchType) => {
            let error =
                Error::new(&codes::deliver::NEGOTIATION, "the server has no host key of a type that is accepted");
            return steps.note("key_exchange", Err(error));
        }
        Err(Refused::Key(shown)) => {
            steps.note("key_exchange", Ok(("as far as the host key".to_owned(), ())))?;
            let line = public_key_line(&shown);
            if approved.may_know_another(std::slice::from_ref(&shown)) {
                // It may have an approved key of another type.
                let other = connect::trusted_session(settings, approved, addresses).await;
                steps.shown = Some(other.as_ref().map_or_else(|_| line.clone(), shown_by));
                return steps.note("host_key", other.map(|session| (described(&session), session)));
            }
            let error = approved.mismatch(settings, std::slice::from_ref(&shown));
            steps.shown = Some(line.clone());
            let error = Error::new(error.code(), format!("{}; to approve: `{line}`", error.detail()));
            return steps.note("host_key", Err(error));
        }
    };
    steps.note("key_exchange", Ok((session.algorithms(), ())))?;
    let detail = described(&session);
    steps.shown = Some(shown_by(&session));
    steps.note("host_key", Ok((detail, session)))
}

fn shown_by(session: &Session) -> String {
    look(&session.seen).shown.as_ref().map(public_key_line).unwrap_or_default()
}

fn described(session: &Session) -> String {
    look(&session.seen).shown.as_ref().map(|shown| format!("{shown}, approved")).unwrap_or_default()
}

fn public_key_line(shown: &Shown) -> String {
    shown.key.to_openssh().unwrap_or_default()
}

/// Writes, verifies, renames and removes a hidden file.
async fn try_a_file(client: &Client, folder: &str, steps: &mut Steps) -> Result<(), Stop> {
    let unique = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or_default();
    let name = directory::join(folder, &format!(".sealpost-check.{unique}.part"));
    let renamed = directory::join(folder, &format!(".sealpost-check.{unique}.renamed"));

    let written = write(client, folder, &name).await;
    if written.is_err() {
        drop(client.remove(&name).await);
    }
    steps.note("write", written.map(|()| (format!("`{name}`, {} bytes, size verified", CONTENT.len()), ())))?;

    let moved = client.rename(&name, &renamed).await.map_err(|fault| fault.into_error(&format!("rename `{name}`")));
    if moved.is_err() {
        drop(client.remove(&name).await);
    }
    steps.note("rename", moved.map(|()| (format!("to `{renamed}`"), ())))?;

    let removed = client.remove(&renamed).await.map_err(|fault| fault.into_error(&format!("remove `{renamed}`")));
    steps.note("remove", removed.map(|()| (String::new(), ())))
}

async fn write(client: &Client, folder: &str, name: &str) -> Result<()> {
    let steps = async {
        let handle = client.open(name, FOR_WRITE | CREATE | TRUNCATE).await?;
        client.write_start(&handle, CONTENT).await?;
        client.close(&handle).await?;
        client.stat(name).await
    };
    let found: Result<_, Fault> = steps.await;
    let doing = format!("write `{name}`");
    match found {
        Ok(Some(found)) if found.size == Some(CONTENT.len() as u64) => Ok(()),
        Ok(found) => Err(Error::new(
            &codes::deliver::SIZE_MISMATCH,
            format!("`{name}`: {} bytes were sent, the server reports {found:?}", CONTENT.len()),
        )),
        Err(Fault::Refused(refusal)) => Err(client.explain(refusal, &doing, folder).await),
        Err(Fault::Failed(error)) => Err(error),
    }
}
