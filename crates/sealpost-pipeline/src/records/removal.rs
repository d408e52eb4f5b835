//! The removal of a partner.

use sealpost_core::change::ChangeAction;
use sealpost_core::connector::Connector;
use sealpost_core::error::Result;
use sealpost_core::id::PartnerId;

use crate::audit::Author;
use crate::unattended::though_nobody_waits;
use crate::{Pipeline, log};

/// In words, for the log.
const REMOVAL: &str = "the removal of a partner";

impl Pipeline {
    /// Removes a partner with its connectors, keys and kept secrets. Gives the connectors: what the engine keeps of them elsewhere
    /// is the caller's to remove. `None` where there was no such partner.
    ///
    /// In a task of its own, which goes on where the caller goes away: that something is under way is no rare answer, so it
    /// is noted once it is done.
    ///
    /// # Errors
    /// `SP-LEDGER-008` while it has reports queued or running, or deliveries under way.
    pub async fn remove_partner(&self, author: &Author, id: &PartnerId) -> Result<Option<Vec<Connector>>> {
        let (pipeline, author, id) = (self.clone(), author.clone(), id.clone());
        though_nobody_waits(REMOVAL, async move { pipeline.remove_with_all(&author, &id).await }).await
    }

    /// The same, with what the engine keeps of its connectors elsewhere. The partner is gone all the same where that fails: the
    /// log tells what may be left.
    ///
    /// # Errors
    /// As [`remove_partner`](Self::remove_partner).
    pub async fn remove_partner_everywhere(&self, author: &Author, id: &PartnerId) -> Result<bool> {
        let (pipeline, author, id) = (self.clone(), author.clone(), id.clone());
        though_nobody_waits(REMOVAL, async move {
            let connectors = pipeline.remove_with_all(&author, &id).await?;
            pipeline.retire_all(connectors.as_deref().unwrap_or_default()).await;
            Ok(connectors.is_some())
        })
        .await
    }

    async fn remove_with_all(&self, author: &Author, id: &PartnerId) -> Result<Option<Vec<Connector>>> {
        let connectors = self.parts.records.connectors(Some(id)).await?;
        // They go with the partner, and what was handed in for them is in the vault already.
        let waiting = self.waiting_of(id).await?;
        if !self.parts.records.remove_partner(id).await? {
            return Ok(None);
        }
        for connector in &connectors {
            self.forget_unused(id, &connector.name, &connector.settings.login).await;
        }
        for change in &waiting {
            if let ChangeAction::PutDestination { name, settings, .. } = &change.action {
                self.forget_unused(id, name, &settings.login).await;
            }
        }
        self.note(author, id, "partner.remove", &format!("partner {id}"), "").await?;
        Ok(Some(connectors))
    }

    async fn retire_all(&self, gone: &[Connector]) {
        for connector in gone {
            if let Err(error) = self.parts.transport.retire(connector).await {
                log::transfer::connector_leftover(&connector.id, &error);
            }
        }
    }
}
