//! Connectors as the transfer API sees them: its own, and those of partners, which it shows and does not change.

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::ConnectorId;
use sealpost_core::port::Edit;
use sealpost_core::transfer::TransferConnector;

use crate::{Pipeline, log};

impl Pipeline {
    /// A connector of the transfer API, or a partner's.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    pub async fn transfer_connector(&self, id: &ConnectorId) -> Result<Option<TransferConnector>> {
        if let Some(own) = self.parts.transfers.transfer_connector(id).await? {
            return Ok(Some(own));
        }
        Ok(self.parts.records.connector(id).await?.as_ref().map(TransferConnector::of_partner))
    }

    /// Connectors of both kinds by id, after this one, and whether there are more.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    pub async fn transfer_connectors(
        &self,
        after: Option<&ConnectorId>,
        limit: u32,
    ) -> Result<(Vec<TransferConnector>, bool)> {
        let mut all = self.parts.transfers.transfer_connectors(after, limit.saturating_add(1)).await?;
        let of_partners = self.parts.records.connectors(None).await?;
        let wanted = of_partners.iter().filter(|connector| after.is_none_or(|after| connector.id > *after));
        all.extend(wanted.map(TransferConnector::of_partner));
        all.sort_by(|one, other| one.id.cmp(&other.id));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = all.len() > limit;
        all.truncate(limit);
        Ok((all, more))
    }

    /// Creates a connector of the transfer API.
    ///
    /// # Errors
    /// `SP-REQUEST-037` where there are as many as configured; `SP-LEDGER-001`.
    pub async fn create_transfer_connector(&self, connector: &TransferConnector) -> Result<()> {
        let most = self.parts.settings.transfer.most_connectors;
        self.parts.transfers.create_transfer_connector(connector, most).await
    }

    /// Changes a connector by a pure function. `None` where there is none.
    ///
    /// # Errors
    /// `SP-LEDGER-008` for a partner's; what `edit` says; `SP-LEDGER-001`.
    pub async fn edit_transfer_connector(
        &self,
        id: &ConnectorId,
        edit: &Edit<TransferConnector>,
    ) -> Result<Option<TransferConnector>> {
        let edited = self.parts.transfers.edit_transfer_connector(id, edit).await?;
        if edited.is_none() {
            self.refuse_partners(id).await?;
        }
        Ok(edited)
    }

    /// Removes a connector, and what the engine keeps of it elsewhere. `false` where there was none. What was started on it and is not finished fails when its turn
    /// comes.
    ///
    /// # Errors
    /// `SP-LEDGER-008` for a partner's; `SP-LEDGER-001`.
    pub async fn remove_transfer_connector(&self, id: &ConnectorId) -> Result<bool> {
        let connector = self.parts.transfers.transfer_connector(id).await?;
        let removed = self.parts.transfers.remove_transfer_connector(id).await?;
        if !removed {
            self.refuse_partners(id).await?;
        } else if let Some(connector) = connector {
            self.retire(&connector).await;
        }
        Ok(removed)
    }

    /// Removes what the engine keeps of a connector elsewhere. The connector is gone all the same where that fails.
    async fn retire(&self, connector: &TransferConnector) {
        let retired = async { self.parts.transport.retire(&connector.engine(None)?).await };
        if let Err(error) = retired.await {
            log::transfer::connector_leftover(&connector.id, &error);
        }
    }

    async fn refuse_partners(&self, id: &ConnectorId) -> Result<()> {
        match self.parts.records.connector(id).await? {
            None => Ok(()),
            Some(connector) => Err(Error::new(
                &codes::ledger::IN_USE,
                format!("connector {id} is partner {}'s: it changes with the partner", connector.partner),
            )),
        }
    }
}
