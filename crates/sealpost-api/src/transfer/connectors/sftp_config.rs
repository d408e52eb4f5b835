//! `SftpConfig`, as it comes and as it is shown.

use sealpost_core::connector::UserSecret;
use sealpost_core::error::{Error, Result as CoreResult, codes};
use sealpost_core::secret::SecretRef;
use sealpost_core::transfer::TransferConnector;
use serde_json::{Map, Value as Json, json};

use super::{host_key, user_secret};
use crate::transfer::members::Members;
use crate::transfer::refusal::{Refusal, Result};
use crate::transfer::state::TransferState;

/// Connections at once when the caller says nothing.
pub(super) const CONNECTIONS: u32 = 1;

/// What a request says of it. What it does not say stays as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct SftpConfig {
    /// The secret as the caller names it, and as we do.
    user_secret: Option<(String, SecretRef)>,
    stages: Option<Vec<String>>,
    host_keys: Option<Vec<String>>,
    connections: Option<u32>,
}

impl SftpConfig {
    pub(super) fn read(state: &TransferState, input: &Members<'_>) -> Result<Self> {
        let secret = input.text("UserSecretId", 1..=2048)?;
        let secret = secret.map(|id| match user_secret::parse(id, &state.settings().user_secrets) {
            Ok(reference) => Ok((id.to_owned(), reference)),
            Err(what) => Err(Refusal::invalid(format!("SftpConfig.UserSecretId: {what}."))),
        });
        let entries = input.texts("TrustedHostKeys", 0..=10, 1..=2048)?;
        let host_keys = entries.map(|entries| entries.into_iter().map(host_key::parse).collect::<Option<Vec<_>>>());
        if let Some(None) = host_keys {
            return Err(Refusal::invalid(host_key::WRONG));
        }
        let stages = input.texts("OrderedUserSecretVersionStages", 1..=2, 1..=256)?;
        if stages.iter().flatten().any(|stage| !stage.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Refusal::invalid(
                "SftpConfig.OrderedUserSecretVersionStages: expected visible ASCII characters.",
            ));
        }
        Ok(Self {
            user_secret: secret.transpose()?,
            stages: stages.map(|stages| stages.into_iter().map(str::to_owned).collect()),
            host_keys: host_keys.flatten(),
            connections: input.integer("MaxConcurrentConnections", 1..=state.limits.most_connections)?,
        })
    }

    pub(super) fn apply(&self, connector: &mut TransferConnector) -> CoreResult<()> {
        let settings = &mut connector.settings;
        if let Some((id, reference)) = &self.user_secret {
            let stages = settings.user_secret.take().map(|secret| secret.stages).unwrap_or_default();
            connector.user_secret_id = Some(id.clone());
            settings.user_secret = Some(UserSecret { secret: reference.clone(), stages });
        }
        let Some(secret) = &mut settings.user_secret else {
            return Err(Error::new(&codes::request::INVALID, "SftpConfig.UserSecretId is needed."));
        };
        if let Some(stages) = &self.stages {
            secret.stages.clone_from(stages);
        }
        if let Some(keys) = &self.host_keys {
            settings.host_keys.clone_from(keys);
        }
        if let Some(connections) = self.connections {
            settings.limits.concurrency = connections;
        }
        Ok(())
    }
}

/// As answers have it.
pub(super) fn shown(connector: &TransferConnector) -> Json {
    let settings = &connector.settings;
    let mut config = Map::new();
    if let Some(id) = &connector.user_secret_id {
        config.insert("UserSecretId".to_owned(), id.as_str().into());
    }
    config.insert("TrustedHostKeys".to_owned(), json!(settings.host_keys));
    config.insert("MaxConcurrentConnections".to_owned(), settings.limits.concurrency.into());
    if let Some(stages) = settings.user_secret.as_ref().map(|secret| &secret.stages).filter(|all| !all.is_empty()) {
        config.insert("OrderedUserSecretVersionStages".to_owned(), json!(stages));
    }
    Json::Object(config)
}
