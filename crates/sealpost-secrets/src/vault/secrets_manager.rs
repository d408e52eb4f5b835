//! `aws-sm:prefix`: one secret of AWS Secrets Manager for each value, below a name.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealpost_aws::{Client, Fault};
use sealpost_core::error::codes;
use sealpost_core::port::SecretVault;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_core::{Error, Result};
use serde_json::{Map, Value as Json, json};

use super::checked;
use crate::aws_sm::{Clients, failed};
use crate::{SecretsManagerSettings, Surroundings};

struct SecretsManagerVault {
    clients: Clients,
    prefix: String,
    settings: SecretsManagerSettings,
}

pub(super) fn build(surroundings: &Surroundings, rest: &str) -> Result<Arc<dyn SecretVault>> {
    let prefix = rest.trim_end_matches('/');
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
    // The service takes names of up to 512 characters.
    if prefix.is_empty() || prefix.starts_with('/') || prefix.len() > 300 || !prefix.bytes().all(is_name) {
        let detail = "expected `aws-sm:` and the beginning of the secrets' names, of letters, digits and `/_+=.@-`";
        return Err(Error::new(&codes::secrets::REFERENCE, detail));
    }
    Ok(Arc::new(SecretsManagerVault {
        clients: Clients::new(surroundings),
        prefix: prefix.to_owned(),
        settings: surroundings.settings.aws_sm.clone(),
    }))
}

#[async_trait]
impl SecretVault for SecretsManagerVault {
    async fn keep(&self, name: &str, value: &Secret) -> Result<SecretRef> {
        let id = format!("{}/{}", self.prefix, checked(name)?);
        let reference: SecretRef = format!("aws-sm:{id}").parse()?;
        let kept = self.put(&id, value).await;
        kept.map_err(|fault| failed(&fault).context(format!("`{reference}`")))?;
        Ok(reference)
    }

    async fn forget(&self, reference: &SecretRef) -> Result<()> {
        let inside = reference.rest().strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('/'));
        if reference.scheme() != "aws-sm" || inside.is_none_or(|name| checked(name).is_err()) {
            return Ok(());
        }
        match self.remove(reference.rest()).await {
            Err(fault) if !fault.is("ResourceNotFoundException") && !fault.is("InvalidRequestException") => {
                Err(failed(&fault).context(format!("`{reference}`")))
            }
            // It is gone, or marked for deletion already.
            _ => Ok(()),
        }
    }
}

impl SecretsManagerVault {
    /// Makes the secret, or a new version of it; one that is marked for deletion is taken back first.
    async fn put(&self, id: &str, value: &Secret) -> Result<(), Fault> {
        let client = self.clients.of(id)?;
        let mut create = content(value);
        create.insert("Name".to_owned(), id.into());
        if let Some(key) = &self.settings.kms_key_id {
            create.insert("KmsKeyId".to_owned(), key.as_str().into());
        }
        if !self.settings.tags.is_empty() {
            create.insert("Tags".to_owned(), tags(&self.settings.tags));
        }
        let made = client.call::<_, Json>("CreateSecret", &create).await;
        match made {
            Err(fault) if fault.is("ResourceExistsException") => {}
            Err(fault) if fault.is("InvalidRequestException") => restore(&client, id).await?,
            outcome => return outcome.map(drop),
        }
        let mut version = content(value);
        version.insert("SecretId".to_owned(), id.into());
        match client.call::<_, Json>("PutSecretValue", &version).await {
            Err(fault) if fault.is("InvalidRequestException") => {
                restore(&client, id).await?;
                client.call::<_, Json>("PutSecretValue", &version).await.map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    async fn remove(&self, id: &str) -> Result<(), Fault> {
        let how = match self.settings.recovery_days {
            0 => json!({"SecretId": id, "ForceDeleteWithoutRecovery": true}),
            days => json!({"SecretId": id, "RecoveryWindowInDays": days}),
        };
        self.clients.of(id)?.call::<_, Json>("DeleteSecret", &how).await.map(drop)
    }
}

async fn restore(client: &Client, id: &str) -> Result<(), Fault> {
    client.call::<_, Json>("RestoreSecret", &json!({ "SecretId": id })).await.map(drop)
}

/// The value, and a token by which a repeated call is known for the same one.
fn content(value: &Secret) -> Map<String, Json> {
    let mut members = Map::new();
    members.insert("ClientRequestToken".to_owned(), format!("{:032x}", rand::random::<u128>()).into());
    match std::str::from_utf8(value.expose()) {
        Ok(text) => members.insert("SecretString".to_owned(), text.into()),
        Err(_) => members.insert("SecretBinary".to_owned(), STANDARD.encode(value.expose()).into()),
    };
    members
}

fn tags(tags: &BTreeMap<String, String>) -> Json {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
