//! How AWS is called: where, and with whose keys. Shared by what calls it.

use std::sync::Arc;

use schemars::JsonSchema;
use sealpost_aws::sigv4::SigningKeys;
use sealpost_aws::{Client, Credentials, Fault, Patience, Service, Variable, endpoint, region};
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

impl AwsSettings {
    /// The region, and the address that a service is called at there.
    fn place(&self, service: Service, variable: Variable<'_>) -> (String, String) {
        let region = self.region.clone().or_else(|| region(variable)).unwrap_or_default();
        let address = self.endpoint.clone().unwrap_or_else(|| endpoint(service, &region, variable));
        (region, address)
    }

    /// Whether the service is called at an address of Amazon's own, or at an interface endpoint of a network there; `None` where
    /// the address names no host.
    pub(crate) fn is_amazons(&self, service: Service, variable: Variable<'_>) -> Option<bool> {
        is_amazons(service, &self.place(service, variable).1)
    }
}

/// A variable of the environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
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
        let (region, address) = self.settings.place(self.service, &environment);
        let credentials = match (&self.settings.access_key_id, &self.settings.secret_access_key) {
            (None, None) => Credentials::from_environment(&environment)?,
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

/// `transfer.REGION`, `transfer-fips.REGION`, and `vpce-….transfer.REGION.vpce`. Other names that end so belong to what customers run
/// there, such as load balancers: behind them may be another Sealpost.
fn is_amazons(service: Service, address: &str) -> Option<bool> {
    let address = url::Url::parse(address).ok()?;
    let host = address.host_str()?;
    let is_the_service = |name: &str| name.strip_suffix("-fips").unwrap_or(name) == service.name;
    let start = AMAZON.iter().find_map(|end| host.strip_suffix(end));
    Some(start.is_some_and(|start| match start.split('.').collect::<Vec<_>>()[..] {
        [name, _] | [_, name, _, "vpce"] => is_the_service(name),
        _ => false,
    }))
}

#[cfg(test)]
mod tests {
    use sealpost_aws::{EVENTBRIDGE, TRANSFER};

    use super::*;

    #[test]
    fn only_the_names_of_the_service_itself_are_amazons() {
        for (host, is_so) in [
            ("transfer.eu-central-1.amazonaws.com", true),
            ("transfer-fips.us-east-1.amazonaws.com", true),
            ("transfer.cn-north-1.amazonaws.com.cn", true),
            ("transfer.eusc-de-east-1.amazonaws.eu", true),
            ("transfer.eu-central-1.api.aws", true),
            ("Transfer.eu-central-1.AmazonAWS.com:443", true),
            ("vpce-1.transfer.eu-west-1.vpce.amazonaws.com", true),
            ("vpce-1-2-eu-west-1a.transfer-fips.eu-west-1.vpce.amazonaws.com", true),
            // Load balancers, machines, API Gateway, endpoints of a customer's own service.
            ("sealpost-123.elb.eu-central-1.amazonaws.com", false),
            ("transfer.elb.eu-central-1.amazonaws.com", false),
            ("ec2-203-0-113-1.eu-central-1.compute.amazonaws.com", false),
            ("abc.execute-api.eu-central-1.amazonaws.com", false),
            ("vpce-1.vpce-svc-2.eu-west-1.vpce.amazonaws.com", false),
            ("events.eu-central-1.amazonaws.com", false),
            ("transfer.eu-central-1.example.com", false),
            ("127.0.0.1:8082", false),
        ] {
            assert_eq!(is_amazons(TRANSFER, &format!("https://{host}/")), Some(is_so), "{host}");
        }
        assert_eq!(is_amazons(EVENTBRIDGE, "https://events.eu-central-1.amazonaws.com"), Some(true));
        assert_eq!(is_amazons(TRANSFER, "nonsense"), None);
    }

    #[test]
    fn an_address_of_the_environment_counts_as_one_of_the_settings() {
        let of = |endpoint: Option<&str>, set: &[(&str, &str)]| {
            let settings = AwsSettings { endpoint: endpoint.map(str::to_owned), ..AwsSettings::default() };
            settings.is_amazons(TRANSFER, &|name| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let region = ("AWS_REGION", "eu-central-1");
        assert_eq!(of(None, &[region]), Some(true));
        for variable in ["AWS_ENDPOINT_URL_TRANSFER", "AWS_ENDPOINT_URL"] {
            assert_eq!(of(None, &[region, (variable, "https://sealpost.example")]), Some(false), "{variable}");
        }
        let amazons = "https://transfer.eu-central-1.amazonaws.com";
        assert_eq!(of(Some(amazons), &[("AWS_ENDPOINT_URL", "https://sealpost.example")]), Some(true));
    }
}
