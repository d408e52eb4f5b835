//! `aws-sm:NAME`, `aws-sm:ARN`, `aws-sm:NAME#member`: a secret of AWS Secrets Manager, or one member of a JSON secret.
//!
//! The region is the ARN's, else `AWS_REGION`'s; address and credentials are those of the environment, as the SDKs read it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealpost_aws::{Client, Credentials, Fault, Patience, SECRETS_MANAGER, endpoint, region, region_of_arn};
use sealpost_core::error::codes;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{CURRENT, Secret, SecretRef};
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::kept::{Given, Kept, Key, Limits};
use crate::{Environment, Surroundings, unreachable};
use name::Name;

mod name;

struct SecretsManager {
    environment: Arc<dyn Environment>,
    /// One client per region, made when it is first needed.
    clients: Mutex<HashMap<String, Arc<Client>>>,
    credentials: Mutex<Option<Credentials>>,
    kept: Kept,
}

pub(crate) fn build(surroundings: &Surroundings) -> Arc<dyn SecretStore> {
    Arc::new(SecretsManager {
        environment: surroundings.environment.clone(),
        clients: Mutex::default(),
        credentials: Mutex::default(),
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
        let client = self.client(id).map_err(|fault| failed(&fault))?;
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

    fn client(&self, id: &str) -> Result<Arc<Client>, Fault> {
        let variable = |name: &str| self.environment.variable(name)?.into_string().ok();
        let region = region_of_arn(id)
            .map(str::to_owned)
            .or_else(|| region(&variable))
            .ok_or_else(|| Fault::Settings("no region: set AWS_REGION, or name the secret by its ARN".to_owned()))?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&region) {
            return Ok(client.clone());
        }
        let endpoint = endpoint(SECRETS_MANAGER, &region, &variable);
        let credentials = self.credentials(&variable)?;
        let client = Client::new(SECRETS_MANAGER, &region, &endpoint, credentials, Patience::default())?;
        let client = Arc::new(client);
        clients.insert(region, client.clone());
        Ok(client)
    }

    /// One chain for all regions: it keeps temporary keys until they expire.
    fn credentials(&self, variable: sealpost_aws::Variable<'_>) -> Result<Credentials, Fault> {
        let mut credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credentials) = &*credentials {
            return Ok(credentials.clone());
        }
        Ok(credentials.insert(Credentials::from_environment(variable)?).clone())
    }
}

/// What the service said, as our codes. It never repeats a value.
fn failed(fault: &Fault) -> Error {
    let code = match fault.refused().map(|refused| refused.kind.as_str()) {
        // The second is a secret that is marked for deletion.
        Some("ResourceNotFoundException" | "InvalidRequestException") => &codes::secrets::MISSING,
        Some("InvalidParameterException" | "ValidationException") => &codes::secrets::REFERENCE,
        _ if fault.refused().is_some_and(sealpost_aws::Refused::is_denied) => &codes::secrets::DENIED,
        _ => &codes::secrets::UNREACHABLE,
    };
    Error::new(code, format!("AWS Secrets Manager: {fault}"))
}
