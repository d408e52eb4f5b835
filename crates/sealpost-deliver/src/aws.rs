//! How AWS is called: where, and with whose keys. Shared by what calls it.

use std::sync::Arc;

use schemars::JsonSchema;
use sealpost_aws::sigv4::SigningKeys;
use sealpost_aws::{Client, Credentials, Fault, Patience, Service, endpoint, region};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// Where a service is, and the keys that it is called with. All of it may be left to the environment, as the SDKs read it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AwsSettings {
    /// The region; `AWS_REGION` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The address; `AWS_ENDPOINT_URL_…` or Amazon's own when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The access key's id. Without it the credentials come from the environment: `AWS_…` variables, web identity,
    /// container or instance role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The access key's secret, as a reference such as `env:AWS_SECRET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub secret_access_key: Option<SecretRef>,
}

/// A client that is made when it is first needed, and again after its keys were refused: they may have been changed.
pub(crate) struct Caller {
    service: Service,
    settings: AwsSettings,
    secrets: Arc<dyn SecretStore>,
    client: Mutex<Option<Arc<Client>>>,
}

impl Caller {
    pub(crate) fn new(service: Service, settings: AwsSettings, secrets: Arc<dyn SecretStore>) -> Self {
        Self { service, settings, secrets, client: Mutex::default() }
    }

    pub(crate) async fn client(&self) -> Result<Arc<Client>, Fault> {
        let mut held = self.client.lock().await;
        if let Some(client) = &*held {
            return Ok(client.clone());
        }
        let variable = |name: &str| std::env::var(name).ok();
        let region = self.settings.region.clone().or_else(|| region(&variable)).unwrap_or_default();
        let address = self.settings.endpoint.clone().unwrap_or_else(|| endpoint(self.service, &region, &variable));
        let credentials = match (&self.settings.access_key_id, &self.settings.secret_access_key) {
            (None, None) => Credentials::from_environment(&variable)?,
            (Some(id), Some(reference)) => {
                let unreadable = |error: sealpost_core::Error| Fault::Secret(error.code(), error.detail().to_owned());
                let secret = self.secrets.resolve(reference).await.map_err(unreadable)?;
                let secret = Secret::new(secret.expose_text().map_err(unreadable)?.as_bytes().to_vec());
                Credentials::fixed(SigningKeys { access_key_id: id.clone(), secret, session_token: None })
            }
            _ => return Err(Fault::Settings("`access_key_id` and `secret_access_key` belong together".to_owned())),
        };
        let client = Arc::new(Client::new(self.service, &region, &address, credentials, Patience::default())?);
        *held = Some(client.clone());
        Ok(client)
    }

    /// Told of every fault.
    pub(crate) async fn heed(&self, fault: &Fault) {
        if fault.refused().is_some_and(sealpost_aws::Refused::is_denied) {
            if let Some(reference) = &self.settings.secret_access_key {
                self.secrets.stale(reference).await;
            }
            *self.client.lock().await = None;
        }
    }
}

/// How the names of Amazon's endpoints end, those for IPv6 as well among them (the partitions of its SDKs).
const AMAZON: [&str; 6] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".api.amazonwebservices.eu",
];

/// Whether an address is Amazon's own, or an interface endpoint of a network there; `None` where it names no host.
pub(crate) fn is_amazons(address: &str) -> Option<bool> {
    let address = url::Url::parse(address).ok()?;
    address.host_str().map(|host| AMAZON.iter().any(|end| host.ends_with(end)))
}
