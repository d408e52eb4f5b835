//! The service's connector for one of ours: the one that is named, the one with our tag, or a new one.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sealpost_aws::{Fault, Repeat, TRANSFER};
use sealpost_core::connector::Connector;
use sealpost_core::error::Result;
use sealpost_core::port::Establishing;
use sealpost_core::secret::CURRENT;

use super::shapes::{Connectors, Described, Facts, Made, Make, Named, Page, SftpConfig, TAG, Tag};
use super::trust::Trust;
use super::wanted::{Wanted, config, wanted};
use super::{AwsTransfer, AwsTransferSettings, failure};
use crate::aws::environment;

/// A page of a list; the service has 100 connectors per account unless asked for more.
const PAGE: u32 = 1000;
/// A new connector is `PENDING` for some seconds.
const LOOKS: u32 = 30;
const PAUSE: Duration = Duration::from_secs(2);

/// A connector of the service.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) arn: String,
    /// What was done for it when it was looked for.
    pub(super) outcome: Establishing,
    /// What it was when it was found or made; nothing for one that the settings name.
    wanted: Option<Wanted>,
    /// Where it leads and whom it trusts, and when that was seen.
    pub(super) trust: Trust,
}

impl Found {
    /// Whether it was made by us, not named by the settings.
    pub(super) fn is_made_by_us(&self) -> bool {
        self.wanted.is_some()
    }
}

/// Whoever looks for a connector holds it, so that none is made twice.
pub(super) type Place = tokio::sync::Mutex<Option<Arc<Found>>>;

/// The service's connector for one of ours, changed or made where that is needed. One that was made by us is looked at again after
/// a minute: another process may have brought it up to settings that do not hold any more.
///
/// # Errors
/// `SP-DELIVER-014`, `-021` and `-029`.
pub(super) async fn find(engine: &AwsTransfer, connector: &Connector, needs_key: bool) -> Result<Arc<Found>> {
    let wanted = match &connector.settings.aws_connector {
        Some(_) => None,
        None => Some(wanted(&connector.settings, is_ours(engine), needs_key)?),
    };
    let place = place(engine, connector);
    let mut held = place.lock().await;
    if let Some(found) = held.as_ref().filter(|found| found.wanted == wanted)
        && connector.settings.aws_connector.as_ref().is_none_or(|id| id.as_str() == found.id)
        && (!found.is_made_by_us() || found.trust.is_fresh())
    {
        return Ok(found.clone());
    }
    let found = match (&connector.settings.aws_connector, wanted) {
        (Some(id), _) => {
            let facts = describe(engine, id.as_str()).await.map_err(|fault| failure::of_fault(&fault))?;
            let trust = Trust::of(&facts);
            Found { id: id.to_string(), arn: facts.arn, outcome: Establishing::Kept, wanted: None, trust }
        }
        (None, Some(wanted)) => {
            // One that was made is looked for by its tag once more: another process may have made one at the same time.
            let is_settled = |found: &&Arc<Found>| found.is_made_by_us() && found.outcome != Establishing::Made;
            let known = held.as_ref().filter(is_settled).map(|found| found.id.as_str());
            made_by_us(engine, connector, known, wanted).await?
        }
        (None, None) => return Err(config("no connector")),
    };
    Ok(held.insert(Arc::new(found)).clone())
}

/// One that the settings name, as it is now: described after `known` was, and within a minute.
///
/// # Errors
/// As [`find`].
pub(super) async fn find_anew(engine: &AwsTransfer, connector: &Connector, known: &Found) -> Result<Arc<Found>> {
    let place = place(engine, connector);
    let mut held = place.lock().await;
    // Of several that come here at once the first asks for all.
    if held.as_ref().is_some_and(|found| std::ptr::eq(&**found, known) || !found.trust.is_fresh()) {
        *held = None;
    }
    drop(held);
    find(engine, connector, true).await
}

/// The id of another connector of the service that was made for the same of ours, and leads to the same server, as two processes
/// make them at the same time; by its ARN.
///
/// # Errors
/// `SP-DELIVER-029`.
pub(super) async fn twin(
    engine: &AwsTransfer,
    connector: &Connector,
    found: &Found,
    arn: &str,
) -> Result<Option<String>> {
    let Some(wanted) = &found.wanted else { return Ok(None) };
    // Of the same service, region and account.
    let id = found.arn.strip_suffix(found.id.as_str()).and_then(|start| arn.strip_prefix(start));
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
    let facts = with_tag(engine, id, &tag(connector)).await.map_err(|fault| failure::of_fault(&fault))?;
    Ok(facts.filter(|facts| facts.url.as_deref() == Some(wanted.url.as_str())).map(|_| id.to_owned()))
}

/// Removes what was made at the service for one of ours; the ARN of the connector that was used. One that the settings name is not
/// ours to remove, and nothing is asked for it: to look for a tag is to look at every connector, which needs rights that nothing
/// else does.
///
/// # Errors
/// `SP-DELIVER-021` and `-029`.
pub(super) async fn retire(engine: &AwsTransfer, connector: &Connector) -> Result<Option<String>> {
    if connector.settings.aws_connector.is_some() {
        return Ok(None);
    }
    // Nobody looks for it again: the ledger has forgotten the connector.
    let left = format!("a connector with the tag `{TAG}={}` may be left at the service, remove it there", connector.id);
    let fault = |fault: Fault| failure::of_fault(&fault).context(&left);
    let tag = tag(connector);
    let mut removed = None;
    // There are two where two processes made one at the same time.
    for id in listed(engine, "").await.map_err(fault)? {
        let Some(facts) = with_tag(engine, &id, &tag).await.map_err(fault)? else { continue };
        remove(engine, connector, &id).await.map_err(fault)?;
        forget(engine, connector).await;
        removed.get_or_insert(facts.arn);
    }
    Ok(removed)
}

/// Removes one of the service; one that is not there any more is removed.
async fn remove(engine: &AwsTransfer, connector: &Connector, id: &str) -> Result<(), Fault> {
    match engine.call::<_, serde_json::Value>("DeleteConnector", &Named { connector_id: id }).await {
        Err(refused) if !refused.is("ResourceNotFoundException") => return Err(refused),
        _ => {}
    }
    tracing::info!(connector = %connector.id, aws_connector = id, "the service's connector was removed");
    Ok(())
}

/// Forgets it: the service says that it is not there any more.
pub(super) async fn forget(engine: &AwsTransfer, connector: &Connector) {
    *place(engine, connector).lock().await = None;
}

fn place(engine: &AwsTransfer, connector: &Connector) -> Arc<Place> {
    let mut all = engine.found.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(connector.id.clone()).or_default().clone()
}

fn tag(connector: &Connector) -> Tag {
    Tag { key: TAG.to_owned(), value: connector.id.to_string() }
}

/// Whether the address that is called is of our own transfer API: neither Amazon's own, nor an interface endpoint of a network there.
pub(super) fn is_ours(engine: &AwsTransfer) -> bool {
    engine.settings.aws.is_amazons(TRANSFER, &environment) == Some(false)
}

/// The one that is `known` as long as it is there, else the one with our tag, else a new one.
async fn made_by_us(engine: &AwsTransfer, connector: &Connector, known: Option<&str>, wanted: Wanted) -> Result<Found> {
    let fault = |fault: Fault| failure::of_fault(&fault);
    let known = match known {
        Some(id) => match describe(engine, id).await {
            Ok(facts) => Some((id.to_owned(), facts)),
            // Removed meanwhile.
            Err(gone) if gone.is("ResourceNotFoundException") => None,
            Err(other) => return Err(fault(other)),
        },
        None => None,
    };
    let there = match known {
        Some(known) => Some(known),
        None => tagged(engine, &tag(connector), &wanted.url).await.map_err(fault)?,
    };
    let (id, facts, outcome) = match there {
        Some((id, facts)) => as_wanted(engine, connector, id, facts, &wanted).await?,
        None => made(engine, connector, &wanted).await?,
    };
    let trust = Trust::of(&facts);
    let arn = active(engine, &id, facts).await?;
    Ok(Found { id, arn, outcome, wanted: Some(wanted), trust })
}

/// One that is there, changed where it is not what is wanted.
async fn as_wanted(
    engine: &AwsTransfer,
    connector: &Connector,
    id: String,
    facts: Facts,
    wanted: &Wanted,
) -> Result<(String, Facts, Establishing)> {
    if is_as(&facts, wanted, &engine.settings) {
        return Ok((id, facts, Establishing::Kept));
    }
    let fault = |fault: Fault| failure::of_fault(&fault);
    tracing::info!(connector = %connector.id, aws_connector = id, "the service's connector is brought up to date");
    let mut wanted = wanted.clone();
    // What is left out of a change stays as it is there, and no list of stages may be empty.
    if facts.sftp_config.is_some_and(|config| !stages(&config).is_empty()) {
        wanted.config.ordered_user_secret_version_stages.get_or_insert_with(|| vec![CURRENT.to_owned()]);
    }
    let change = make(engine, &wanted, Some(&id), None)?;
    engine.call::<_, Made>("UpdateConnector", &change).await.map_err(fault)?;
    let facts = describe(engine, &id).await.map_err(fault)?;
    Ok((id, facts, Establishing::Changed))
}

/// A new one, or the one with a lower id that another process has made meanwhile.
async fn made(engine: &AwsTransfer, connector: &Connector, wanted: &Wanted) -> Result<(String, Facts, Establishing)> {
    let fault = |fault: Fault| failure::of_fault(&fault);
    let new = make(engine, wanted, None, Some([tag(connector)]))?;
    // A second one would be a connector that nobody looks after.
    let made = engine.call_with::<_, Made>("CreateConnector", &new, &[], Repeat::WithoutEffect).await;
    let id = made.map_err(fault)?.connector_id;
    tracing::info!(connector = %connector.id, aws_connector = id, "the service has a new connector for it");
    // Whatever its address: the other process may have had other settings.
    match tagged(engine, &tag(connector), "").await.map_err(fault)? {
        Some((lower, facts)) if lower < id => {
            // A worker may have no right to; then it goes with the partner.
            if let Err(fault) = remove(engine, connector, &id).await {
                let told = "the service's second connector for it is left there";
                tracing::warn!(connector = %connector.id, aws_connector = id, %fault, "{told}");
            }
            as_wanted(engine, connector, lower, facts, wanted).await
        }
        _ => {
            let facts = describe(engine, &id).await.map_err(fault)?;
            Ok((id, facts, Establishing::Made))
        }
    }
}

fn make<'a>(
    engine: &'a AwsTransfer,
    wanted: &'a Wanted,
    id: Option<&'a str>,
    tags: Option<[Tag; 1]>,
) -> Result<Make<'a>> {
    let role = engine.settings.access_role.as_deref().ok_or_else(|| {
        config("`access_role` is needed to make a connector of AWS Transfer Family; or name one by `aws_connector`")
    })?;
    Ok(Make {
        connector_id: id,
        url: &wanted.url,
        access_role: role,
        logging_role: engine.settings.logging_role.as_deref(),
        sftp_config: &wanted.config,
        security_policy_name: &wanted.policy,
        tags,
    })
}

/// The connector with the tag; of several the one with the lowest id, so that everybody finds the same. Those with our URL are
/// looked at first: a list names no tags.
async fn tagged(engine: &AwsTransfer, tag: &Tag, url: &str) -> Result<Option<(String, Facts)>, Fault> {
    for id in listed(engine, url).await? {
        if let Some(facts) = with_tag(engine, &id, tag).await? {
            return Ok(Some((id, facts)));
        }
    }
    Ok(None)
}

/// The ids of all that send by SFTP: those with this URL first, the lower before the higher.
async fn listed(engine: &AwsTransfer, url: &str) -> Result<Vec<String>, Fault> {
    let mut all = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = Page { max_results: PAGE, next_token: token.as_deref() };
        let answer: Connectors = engine.call("ListConnectors", &page).await?;
        all.extend(answer.connectors.into_iter().filter(|one| !one.connector_id.is_empty()));
        match answer.next_token {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    all.sort_by_key(|one| (one.url.as_deref() != Some(url), one.connector_id.clone()));
    let all = all.into_iter().filter(|one| one.url.as_deref().is_some_and(|url| url.starts_with("sftp:")));
    Ok(all.map(|one| one.connector_id).collect())
}

/// The connector of this id, where it is there and has the tag.
async fn with_tag(engine: &AwsTransfer, id: &str, tag: &Tag) -> Result<Option<Facts>, Fault> {
    match describe(engine, id).await {
        Ok(facts) if facts.tags.as_ref().is_some_and(|tags| tags.contains(tag)) => Ok(Some(facts)),
        Ok(_) => Ok(None),
        // Removed meanwhile.
        Err(fault) if fault.is("ResourceNotFoundException") => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn describe(engine: &AwsTransfer, id: &str) -> Result<Facts, Fault> {
    let answer: Described = engine.call("DescribeConnector", &Named { connector_id: id }).await?;
    Ok(answer.connector)
}

/// Whether it is what we want; a role that the settings leave out may be any.
fn is_as(facts: &Facts, wanted: &Wanted, settings: &AwsTransferSettings) -> bool {
    let sorted = |keys: &Option<Vec<String>>| {
        let mut keys = keys.clone().unwrap_or_default();
        keys.sort_unstable();
        keys
    };
    let has_role = |role: &Option<String>, there: &Option<String>| role.is_none() || role == there;
    let config = facts.sftp_config.clone().unwrap_or_default();
    facts.url.as_deref() == Some(wanted.url.as_str())
        && config.user_secret_id == wanted.config.user_secret_id
        && sorted(&config.trusted_host_keys) == sorted(&wanted.config.trusted_host_keys)
        && config.max_concurrent_connections.is_none_or(|count| Some(count) == wanted.config.max_concurrent_connections)
        && stages(&config) == stages(&wanted.config)
        && has_role(&settings.access_role, &facts.access_role)
        && has_role(&settings.logging_role, &facts.logging_role)
        && facts.security_policy_name.as_deref() == Some(wanted.policy.as_str())
}

/// The stages that it tries, none where that is the current one alone: it is what the service takes where it is told none.
fn stages(config: &SftpConfig) -> &[String] {
    match config.ordered_user_secret_version_stages.as_deref() {
        Some([only]) if only == CURRENT => &[],
        all => all.unwrap_or_default(),
    }
}

/// Its ARN, once it can be used.
async fn active(engine: &AwsTransfer, id: &str, mut facts: Facts) -> Result<String> {
    for _ in 0..LOOKS {
        match facts.status.as_deref() {
            Some("PENDING") => tokio::time::sleep(PAUSE).await,
            Some("ERRORED") => {
                let message = failure::plain(facts.error_message.as_deref().unwrap_or("without a message"));
                return Err(config(&format!("the connector {id} of AWS Transfer Family is in error: {message}")));
            }
            _ => break,
        }
        facts = describe(engine, id).await.map_err(|fault| failure::of_fault(&fault))?;
    }
    Ok(facts.arn)
}

#[cfg(test)]
mod tests;
