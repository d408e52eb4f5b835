//! One read: lets a lease go on, or asks for the value.

use std::time::Duration;

use reqwest::Method;
use sealpost_core::error::codes;
use sealpost_core::secret::{CURRENT, Secret};
use sealpost_core::{Error, Result};
use serde_json::{Map, Value as Json};

use super::api::{Answer, Body};
use super::mount::{Engine, Mounts};
use super::session::{Login, Session};
use crate::kept::{Given, Lease};

/// The stage of the version before the latest, as AWS Secrets Manager names it.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";

type Fields = Map<String, Json>;

/// The value of a path, or its lease that goes on.
pub(super) async fn read(
    session: &Session,
    mounts: &Mounts,
    path: &str,
    stage: &str,
    old: Option<Lease>,
) -> Result<Given> {
    if let Some(lease) = old
        && let Some(given) = go_on(session, lease).await?
    {
        return Ok(given);
    }
    match mounts.engine(session, path).await? {
        Engine::Versioned { mount } => versioned(session, &below_data(path, &mount), stage).await,
        engine => {
            let (answer, login) = session.call_as(Method::GET, path, "", None).await?;
            let mut answer = answer.map_err(|fault| fault.of_read())?;
            let fields = answer.data.take().ok_or_else(|| missing("there is nothing"))?;
            if engine == Engine::Unknown && version(&fields).is_some() {
                return chosen(session, path, stage, fields).await;
            }
            if stage != CURRENT {
                return Err(missing(format!("what is there has no stage `{stage}`")));
            }
            Ok(plain(path, &answer, fields, &login))
        }
    }
}

/// `None` where it is to be replaced. Vault ends a lease with the token that it was taken with, whoever renews it: after
/// another login it is not counted on any more.
async fn go_on(session: &Session, lease: Lease) -> Result<Option<Given>> {
    let login = session.login().await?;
    if login.number != lease.login {
        return Ok(None);
    }
    let until_half = lease.left.saturating_sub(lease.whole / 2);
    if !until_half.is_zero() {
        // It was looked at because of the token only, which is still the same.
        let lease = Lease { counted: login.within(lease.left), ..lease };
        return Ok(Some(Given { value: None, lease: Some(lease), soon: Some(until_half) }));
    }
    if lease.renewable { renew(session, lease).await } else { Ok(None) }
}

/// `None` where it is to be replaced: its renewal is refused, or gives less than half of its time, because its last end nears.
async fn renew(session: &Session, lease: Lease) -> Result<Option<Given>> {
    let increment = lease.whole.as_secs();
    let body = Body::from([("lease_id", lease.id.as_str().into()), ("increment", increment.into())]);
    let (answer, login) = session.call_as(Method::PUT, "sys/leases/renew", "", Some(&body)).await?;
    match answer {
        Ok(answer) => {
            let left = Duration::from_secs(answer.lease_duration);
            if left < lease.whole / 2 || login.number != lease.login {
                return Ok(None);
            }
            let lease = Lease { left, counted: login.within(left), renewable: answer.renewable, ..lease };
            Ok(Some(Given { value: None, lease: Some(lease), soon: None }))
        }
        Err(fault) if fault.is_refusal() => Ok(None),
        Err(fault) => Err(fault.of_read()),
    }
}

async fn ask(session: &Session, path: &str, query: &str) -> Result<Answer> {
    session.call(Method::GET, path, query, None).await?.map_err(|fault| fault.of_read())
}

/// `data/` is what the API has before a secret's own path; people write it or not.
pub(super) fn below_data(path: &str, mount: &str) -> String {
    let rest = path.get(mount.len() + 1..).unwrap_or_default();
    if rest.starts_with("data/") { path.to_owned() } else { format!("{mount}/data/{rest}") }
}

async fn versioned(session: &Session, path: &str, stage: &str) -> Result<Given> {
    let answer = ask(session, path, "").await?;
    chosen(session, path, stage, answer.data.unwrap_or_default()).await
}

/// The version that the stage means; `latest` is the one that is there.
async fn chosen(session: &Session, path: &str, stage: &str, mut latest: Fields) -> Result<Given> {
    if stage == CURRENT {
        return inner(&mut latest);
    }
    let before = version(&latest).and_then(|number| number.checked_sub(1)).filter(|number| *number > 0);
    let before = before.ok_or_else(|| missing("there is no version before"))?;
    let mut answer = ask(session, path, &format!("?version={before}")).await?;
    inner(answer.data.as_mut().unwrap_or(&mut Fields::new()))
}

fn version(fields: &Fields) -> Option<u64> {
    fields.get("data").filter(|data| data.is_object() || data.is_null())?;
    fields.get("metadata")?.get("version")?.as_u64()
}

fn inner(fields: &mut Fields) -> Result<Given> {
    match fields.remove("data") {
        Some(Json::Object(data)) => Ok(Given::value(whole(&data))),
        _ => Err(missing("the version was deleted")),
    }
}

fn plain(path: &str, answer: &Answer, fields: Fields, login: &Login) -> Given {
    let time = Duration::from_secs(answer.lease_duration);
    // Key/value engines of version 1 say a time, and give no lease.
    let lease = (!answer.lease_id.is_empty() && !time.is_zero()).then(|| Lease {
        id: answer.lease_id.clone(),
        whole: time,
        left: time,
        counted: login.within(time),
        login: login.number,
        renewable: answer.renewable,
    });
    // A role whose password Vault changes says when it does so next.
    let next = path.contains("/static-creds/").then(|| fields.get("ttl").and_then(Json::as_u64)).flatten();
    Given { value: Some(whole(&fields)), lease, soon: next.map(|next| Duration::from_secs(next.saturating_add(1))) }
}

fn whole(fields: &Fields) -> Secret {
    Secret::new(serde_json::to_vec(fields).unwrap_or_default())
}

fn missing(detail: impl Into<String>) -> Error {
    Error::new(&codes::secrets::MISSING, format!("Vault: {}", detail.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_put_before_a_path_that_has_none() {
        for (path, full) in [
            ("secret/app", "secret/data/app"),
            ("secret/data/app", "secret/data/app"),
            ("secret/database/app", "secret/data/database/app"),
        ] {
            assert_eq!(below_data(path, "secret"), full);
        }
    }
}
