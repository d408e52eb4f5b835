//! What is removed with all that is its own may be more than one write holds. So the first step takes the record away and
//! notes what is left to do; from then on nothing of it is found and nothing new can be made. The rest goes in further
//! steps, each of which may be done twice: whoever comes next after a crash goes on.
//!
//! Nobody waits for the rest: a webhook may have been told a million things. It goes in a task beside, and then once a minute,
//! for some seconds at a time.

use std::time::{Duration, Instant};

use sealpost_core::error::codes;
use sealpost_core::id::{ChangeId, PartnerId, WebhookId};
use sealpost_core::identity::Identity;
use sealpost_core::partner::ApiKey;
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::notifications::Listed;
use super::step::step;
use super::usage::Counter;
use super::{
    Key, SkRange, Step, TableLedger, api_keys, challenges, changes, connectors, notifications, partners, usage,
    webhooks,
};

#[cfg(test)]
mod tests;

/// Records that go in one step, each with its places in lists and its tasks.
const AT_ONCE: u32 = 10;
/// Removals that were cut short and are read at once.
const TAKEN_UP: u32 = 5;
/// How long whoever comes by goes on. The sweep has other things to do, and its function is ended after a while.
pub(super) const LONGEST: Duration = Duration::from_secs(5);

/// The partition of what is left to do.
const LEFT: &str = "removals";

/// What is left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
enum Removal {
    /// Of a partner.
    Partner {
        id: PartnerId,
        identities: Vec<Identity>,
        changes: Vec<ChangeId>,
        /// Tells it from other removals of a partner of this name.
        #[serde(default)]
        number: u64,
    },
    /// Of a webhook.
    Webhook { id: WebhookId },
}

impl Removal {
    fn key(&self) -> Key {
        match self {
            Self::Partner { id, .. } => of_partner(id),
            Self::Webhook { id } => Key::new(LEFT, format!("webhook#{id}")),
        }
    }
}

fn of_partner(id: &PartnerId) -> Key {
    Key::new(LEFT, format!("partner#{id}"))
}

/// Whether something of a partner that was removed is still there. Guards that it stays so.
pub(super) async fn of_partner_is_under_way(step: &mut Step, id: &PartnerId) -> Result<bool> {
    Ok(step.get::<Removal>(&of_partner(id)).await?.is_some())
}

/// Whether this is left to do. Guards that it stays so: once somebody else has finished it, there may be a new partner of the
/// name, whose things are found in the same places.
async fn is_left(step: &mut Step, removal: &Removal) -> Result<bool> {
    Ok(step.get::<Removal>(&removal.key()).await?.is_some_and(|left| left == *removal))
}

/// Notes that the notifications of a webhook have to go.
pub(super) fn begin_webhook(step: &mut Step, id: &WebhookId) -> Result<()> {
    let removal = Removal::Webhook { id: id.clone() };
    step.put(&removal.key(), &removal)
}

/// Takes a partner away, unless something of it is under way, and notes what has to go.
async fn begin_partner(step: &mut Step, id: &PartnerId) -> Result<bool> {
    if partners::held(step, id).await?.is_none() {
        return Ok(false);
    }
    let (jobs, deliveries) = step.under_way(id).await?;
    if jobs + deliveries > 0 {
        return Err(Error::new(
            &codes::ledger::IN_USE,
            format!("partner {id} has {jobs} reports queued or running and {deliveries} deliveries under way"),
        ));
    }
    let identities = partners::held(step, id).await?.map(|partner| partner.identities).unwrap_or_default();
    let waiting: changes::Pending = step.get(&changes::pending(id)).await?.unwrap_or_default();
    for webhook in webhooks::held(step, id).await? {
        begin_webhook(step, &webhook.id)?;
    }
    step.delete(&webhooks::key(id));
    step.delete(&changes::pending(id));
    step.delete(&api_keys::given(id));
    step.delete(&connectors::given(id));
    partners::remove(step, id);
    let changes = waiting.into_values().collect();
    let removal = Removal::Partner { id: id.clone(), identities, changes, number: rand::random() };
    step.put(&removal.key(), &removal)?;
    Ok(true)
}

/// How long somebody goes on. Looked at after each step, so that everybody gets further.
#[derive(Clone, Copy)]
struct Patience {
    begun: Instant,
    most: Duration,
}

impl Patience {
    fn of(most: Duration) -> Self {
        Self { begun: Instant::now(), most }
    }

    fn is_over(&self) -> bool {
        self.begun.elapsed() >= self.most
    }
}

impl TableLedger {
    /// Removes a partner with all that is its own. Its past reports, decided changes and the audit trail stay as a
    /// record.
    pub(super) async fn remove_with_all(&self, id: &PartnerId) -> Result<bool> {
        let removed = step!(self, |step| begin_partner(step, id).await)?;
        self.finish_beside();
        Ok(removed)
    }

    /// Goes on with removals in a task of its own. Who has removed something has more to do that must follow, and is never told
    /// again that there was something to remove: so neither a failure of the rest nor the time that it takes comes between.
    ///
    /// The task ends with its process, and that of a function is frozen with its answer. What is left then is taken up by the
    /// next sweep, or by a worker.
    pub(super) fn finish_beside(&self) {
        let ledger = self.clone();
        tokio::spawn(async move { ledger.go_on_with_removals().await });
    }

    /// Goes on with removals. What fails is logged, and left to who comes by next.
    pub(super) async fn go_on_with_removals(&self) {
        if let Err(error) = self.finish_removals().await {
            tracing::warn!(%error, "what was removed has left something behind: a worker or the next sweep goes on with it");
        }
    }

    /// Goes on with removals that have begun, this process's and those of one that died, as long as there is patience. What
    /// one of them fails with keeps nobody from the others, and is given back.
    async fn finish_removals(&self) -> Result<()> {
        let _alone = self.removing.lock().await;
        let patience = Patience::of(self.removing_for);
        let mut outcome = Ok(());
        let mut range = SkRange::All;
        loop {
            let left: Vec<(String, Removal)> = self.read_range(LEFT, range, false, TAKEN_UP).await?;
            let Some((last, _)) = left.last() else { return outcome };
            range = SkRange::After(last.clone());
            for (_, removal) in &left {
                outcome = outcome.and(self.finish(removal, patience).await);
                if patience.is_over() {
                    return outcome;
                }
            }
        }
    }

    /// Does what is left to do for a partner of this name, all of it: the next one of the name waits for it.
    pub(super) async fn finish_partner(&self, id: &PartnerId) -> Result<()> {
        let left: Option<Removal> = self.read(&of_partner(id)).await?;
        match left {
            Some(removal) => self.finish(&removal, Patience::of(Duration::MAX)).await,
            None => Ok(()),
        }
    }

    /// Goes on with one, to its end or that of the patience. Each of its steps does nothing where somebody else has finished the
    /// removal meanwhile.
    async fn finish(&self, removal: &Removal, patience: Patience) -> Result<()> {
        let lists_are_empty = match removal {
            Removal::Webhook { id } => self.finish_webhook(removal, id, patience).await?,
            Removal::Partner { id, .. } => {
                self.finish_connectors(removal, id, patience).await?
                    && self.finish_api_keys(removal, id, patience).await?
                    && self.finish_edge(removal, id, patience).await?
            }
        };
        if !lists_are_empty {
            return Ok(());
        }
        self.finish_named(removal).await?;
        step!(self, |step| {
            if is_left(step, removal).await? {
                step.delete(&removal.key());
            }
            Ok(())
        })
    }

    /// What a removal names itself. Whatever the patience: it is no more than one item holds, and who begins with it again
    /// begins with the first of it.
    async fn finish_named(&self, removal: &Removal) -> Result<()> {
        let Removal::Partner { id, identities, changes, .. } = removal else { return Ok(()) };
        for some in identities.chunks(AT_ONCE as usize) {
            step!(self, |step| {
                if is_left(step, removal).await? {
                    for identity in some {
                        partners::release(step, identity, id).await?;
                    }
                }
                Ok(())
            })?;
        }
        for some in changes.chunks(AT_ONCE as usize) {
            step!(self, |step| {
                if is_left(step, removal).await? {
                    for change in some {
                        changes::remove(step, change).await?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The notifications of a webhook. `false` where there may be more of them, here and in what follows.
    async fn finish_webhook(&self, removal: &Removal, id: &WebhookId, patience: Patience) -> Result<bool> {
        let list = notifications::list_of(id);
        loop {
            let some: Vec<(String, Listed)> = self.below(&list, "", AT_ONCE).await?;
            if some.is_empty() {
                break;
            }
            let goes_on = step!(self, |step| {
                let goes_on = is_left(step, removal).await?;
                if goes_on {
                    for (_, listed) in &some {
                        notifications::remove(step, id, listed).await?;
                    }
                }
                Ok(goes_on)
            })?;
            if !goes_on {
                return Ok(true);
            }
            if patience.is_over() {
                return Ok(false);
            }
        }
        step!(self, |step| {
            if is_left(step, removal).await? {
                notifications::forget_pings(step, id);
            }
            Ok(())
        })?;
        Ok(true)
    }

    async fn finish_connectors(&self, removal: &Removal, partner: &PartnerId, patience: Patience) -> Result<bool> {
        let (list, prefix) = (connectors::list_of(partner), connectors::prefix(partner));
        loop {
            let some: Vec<(String, sealpost_core::connector::Connector)> = self.below(&list, &prefix, AT_ONCE).await?;
            if some.is_empty() {
                return Ok(true);
            }
            let goes_on = step!(self, |step| {
                let goes_on = is_left(step, removal).await?;
                if goes_on {
                    for (_, connector) in &some {
                        connectors::remove(step, &connector.id).await?;
                    }
                }
                Ok(goes_on)
            })?;
            if !goes_on {
                return Ok(true);
            }
            if patience.is_over() {
                return Ok(false);
            }
        }
    }

    async fn finish_api_keys(&self, removal: &Removal, partner: &PartnerId, patience: Patience) -> Result<bool> {
        loop {
            let some: Vec<(String, ApiKey)> =
                self.below(&partners::partition(partner), api_keys::PREFIX, AT_ONCE).await?;
            if some.is_empty() {
                return Ok(true);
            }
            let goes_on = step!(self, |step| {
                let goes_on = is_left(step, removal).await?;
                if goes_on {
                    some.iter().for_each(|(_, key)| api_keys::remove(step, key));
                }
                Ok(goes_on)
            })?;
            if !goes_on {
                return Ok(true);
            }
            if patience.is_over() {
                return Ok(false);
            }
        }
    }

    /// Counters and open challenges.
    async fn finish_edge(&self, removal: &Removal, partner: &PartnerId, patience: Patience) -> Result<bool> {
        let partition = partners::partition(partner);
        loop {
            let counters: Vec<(String, Counter)> = self.below(&partition, usage::PREFIX, AT_ONCE).await?;
            let challenges: Vec<(String, serde_json::Value)> =
                self.below(&partition, challenges::PREFIX, AT_ONCE).await?;
            if counters.is_empty() && challenges.is_empty() {
                return Ok(true);
            }
            let goes_on = step!(self, |step| {
                let goes_on = is_left(step, removal).await?;
                if goes_on {
                    counters.iter().for_each(|(name, counter)| usage::remove(step, partner, name, counter));
                    challenges.iter().for_each(|(place, _)| step.delete(&Key::new(partition.clone(), place.clone())));
                }
                Ok(goes_on)
            })?;
            if !goes_on {
                return Ok(true);
            }
            if patience.is_over() {
                return Ok(false);
            }
        }
    }
}
