//! `CreateConnector`.

use jiff::Timestamp;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::id::ConnectorId;
use sealpost_core::transfer::{AfterRetrieve, Landed, TransferConnector};
use serde_json::json;

use super::refuse_unoffered;
use super::sftp_config::CONNECTIONS;
use super::wanted::Wanted;
use crate::transfer::call::Call;
use crate::transfer::operations::Reply;
use crate::transfer::refusal::Refusal;
use crate::transfer::tags::{self, setting};

pub(in crate::transfer) async fn create(call: &Call) -> Reply {
    let input = call.input();
    refuse_unoffered(&input)?;
    input.required("AccessRole", 20..=2048)?;
    let wanted = Wanted::read(&call.state, &input)?;
    let Some(remote) = &wanted.remote else {
        return Err(Refusal::invalid("Url is needed: sftp://host or sftp://host:port."));
    };
    if !input.has("SftpConfig") {
        return Err(Refusal::invalid("SftpConfig is needed: connectors of this service are SFTP connectors."));
    }
    let mut connector = TransferConnector {
        id: ConnectorId::fresh(),
        url: remote.url.clone(),
        access_role: wanted.access_role.clone().unwrap_or_default(),
        logging_role: None,
        ip_address_type: None,
        user_secret_id: None,
        tags: tags::read(&input)?,
        settings: ConnectorSettings::new(&remote.host, remote.port, ""),
        landed: Landed::default(),
        after_retrieve: AfterRetrieve::default(),
        partner: None,
        created_at: Timestamp::now(),
    };
    connector.settings.limits.concurrency = CONNECTIONS;
    wanted.apply(&mut connector)?;
    setting::apply(&mut connector, setting::Allowed::of(call.state.settings()))?;
    call.state.pipeline.create_transfer_connector(&connector).await?;
    tracing::info!(target: "sealpost::transfer", connector = %connector.id, caller = %call.caller.id, url = connector.url, "connector created");
    Ok(Some(json!({"ConnectorId": connector.id})))
}
