//! `aws-sm:NAME`, `aws-sm:ARN`, `aws-sm:NAME#member`: a secret of AWS Secrets Manager, or one member of a JSON secret.
//!
//! The region is the ARN's, else `AWS_REGION`'s; address and credentials are those of the environment, as the SDKs read it.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealpost_aws::Fault;
use sealpost_core::error::codes;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{CURRENT, Secret, SecretRef};
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::kept::{Given, Kept, Key, Limits};
use crate::{Surroundings, unreachable};
use name::Name;

mod clients;
mod name;

pub(crate) use clients::Clients;

struct SecretsManager {
    clients: Clients,
    kept: Kept,
}

pub(crate) fn build(surroundings: &Surroundings) -> Arc<dyn SecretStore> {
    Arc::new(SecretsManager {
        clients: Clients::new(surroundings),
        kept: Kept::new(Limits::of(&surroundings.settings)),
    })
}

#[async_trait]
impl SecretStore for SecretsManager {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        self.resolve_stage(reference, CURRENT).await
    }

    async fn resolve_stage(&self, reference: &SecretRef, stage: &str) -> Result<Secret> {
        let here = |error: Error| error.context(format!("`{reference}`"));
        let name = Name::read(reference.rest()).map_err(here)?;
        let key = Key { id: name.id.to_owned(), stage: stage.to_owned() };
        let value = self.kept.get(&key, |_| self.fetch(name.id, stage)).await.map_err(here)?;
        name.pick(&value).map_err(here)
    }

    async fn stale(&self, reference: &SecretRef) {
        if let Ok(name) = Name::read(reference.rest()) {
            self.kept.stale(name.id);
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ask<'a> {
    secret_id: &'a str,
    /// Always said: without it the answer is the current version of most, but not of all, that speak this protocol.
    version_stage: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    secret_string: Option<String>,
    /// In base64.
    secret_binary: Option<String>,
}

impl SecretsManager {
    async fn fetch(&self, id: &str, stage: &str) -> Result<Given> {
        let client = self.clients.of(id).map_err(|fault| failed(&fault))?;
        let answer = client.call("GetSecretValue", &Ask { secret_id: id, version_stage: stage }).await;
        match answer.map_err(|fault| failed(&fault))? {
            Answer { secret_string: Some(text), .. } => Ok(Given::value(Secret::new(text.into_bytes()))),
            Answer { secret_binary: Some(text), .. } => match STANDARD.decode(text) {
                Ok(bytes) => Ok(Given::value(Secret::new(bytes))),
                Err(_) => Err(unreachable("AWS Secrets Manager answered with what is no base64")),
            },
            Answer { .. } => Err(Error::new(&codes::secrets::MISSING, "the secret has no value")),
        }
    }
}

/// What the service said, as our codes. It never repeats a value.
pub(crate) fn failed(fault: &Fault) -> Error {
    let code = match fault.refused().map(|refused| refused.kind.as_str()) {
        // The second is a secret that is marked for deletion.
        Some("ResourceNotFoundException" | "InvalidRequestException") => &codes::secrets::MISSING,
        Some("InvalidParameterException" | "ValidationException") => &codes::secrets::REFERENCE,
        _ if fault.refused().is_some_and(sealpost_aws::Refused::is_denied) => &codes::secrets::DENIED,
        _ if matches!(fault, Fault::Settings(_)) => &codes::secrets::SETTINGS,
        _ => &codes::secrets::UNREACHABLE,
    };
    Error::new(code, format!("AWS Secrets Manager: {fault}"))
}
