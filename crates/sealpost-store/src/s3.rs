//! The S3 store: Amazon's, or a compatible one.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum as Algorithm};
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{BackoffConfig, Certificate, ClientOptions, GetOptions, GetResult, ObjectStore, RetryConfig};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SecretStore;

use crate::fault::{self, Intent};
use crate::settings::{Checksum, S3Settings};

mod condition;
mod credentials;
mod link;
mod pending;
mod remove;
mod upload;

pub(crate) use remove::remove;
pub(crate) use upload::{LARGEST, S3Upload, try_multipart};

use condition::Connector;
use credentials::OfSecrets;

/// The opened bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) objects: AmazonS3,
    /// The same without the condition on completed uploads, for objects that replace others.
    replacing: AmazonS3,
    /// For the one request that `object_store` doesn't offer, see [`pending`].
    http: HttpClient,
    /// The bucket's own name.
    pub(crate) bucket: String,
    /// `bucket/prefix`, for messages.
    pub(crate) name: String,
    /// Without slashes at its ends; may be empty.
    pub(crate) prefix: String,
    /// Whether the credentials are secrets, which may be changed while we run.
    changing: bool,
}

impl Bucket {
    pub(crate) async fn open(settings: &S3Settings, secrets: &Arc<dyn SecretStore>) -> Result<Self> {
        let prefix = settings.prefix.trim_matches('/').to_owned();
        let options = client_options(settings)?;
        let mut builder = builder(settings, &options, |name| std::env::var(name).ok());
        let credentials = OfSecrets::of(settings, secrets);
        if let Some(credentials) = &credentials {
            // What can't be had now is better said now.
            credentials.resolve().await?;
            builder = builder.with_credentials(Arc::new(credentials.clone()));
        }
        let connector = |create_only| Connector { create_only, credentials: credentials.clone() };
        let refused = |error| Error::new(&codes::store::CONFIG, format!("S3 settings: {error}")).caused_by(error);
        let replacing = builder.clone().with_http_connector(connector(false)).build().map_err(refused)?;
        let objects = builder.with_http_connector(connector(true)).build().map_err(refused)?;
        let http =
            connector(false).connect(&options).map_err(|error| fault::of_store(error, "S3 client", Intent::Write))?;
        let name = format!("{}/{prefix}", settings.bucket);
        let bucket = settings.bucket.clone();
        let (name, changing) = (name.trim_end_matches('/').to_owned(), credentials.is_some());
        Ok(Self { objects, replacing, http, bucket, name, prefix, changing })
    }

    /// What is known of an object. It is what each use of an object begins with: credentials that were changed since the last
    /// one are found out here, and the question is asked once more.
    pub(crate) async fn head(&self, path: &Path) -> object_store::Result<GetResult> {
        use object_store::Error as E;
        let head = || GetOptions { head: true, ..GetOptions::default() };
        match self.objects.get_opts(path, head()).await {
            Err(E::PermissionDenied { .. } | E::Unauthenticated { .. } | E::Generic { .. }) if self.changing => {
                self.objects.get_opts(path, head()).await
            }
            found => found,
        }
    }
}

/// Every wait has an end: connect, silence, one request, all repeats of one request.
fn client_options(settings: &S3Settings) -> Result<ClientOptions> {
    let mut options = ClientOptions::new()
        .with_allow_http(settings.allow_http)
        .with_connect_timeout(Duration::from_secs(settings.connect_timeout_s.max(1)))
        .with_timeout(Duration::from_secs(settings.timeout_s.max(1)));
    if let Some(file) = &settings.ca_file {
        let invalid =
            |detail: String| Error::new(&codes::store::CONFIG, format!("`ca_file` {}: {detail}", file.display()));
        let pem = std::fs::read(file).map_err(|error| invalid(error.to_string()))?;
        for certificate in Certificate::from_pem_bundle(&pem).map_err(|error| invalid(error.to_string()))? {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}

fn builder(
    settings: &S3Settings,
    options: &ClientOptions,
    variable: impl Fn(&str) -> Option<String>,
) -> AmazonS3Builder {
    // Only without a key of our own is the environment asked: it must not override what the configuration says.
    let is_own = settings.access_key_id.is_some() || settings.credentials.is_some();
    let mut builder = if is_own { AmazonS3Builder::new() } else { AmazonS3Builder::from_env() };
    let path_style = settings.path_style.unwrap_or(settings.endpoint.is_some());
    builder = builder
        .with_bucket_name(&settings.bucket)
        .with_virtual_hosted_style_request(!path_style)
        .with_client_options(options.clone())
        // Not every compatible store has the bulk request, and a job has one object.
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(5),
                base: 2.0,
            },
            max_retries: 4,
            retry_timeout: Duration::from_secs(settings.timeout_s.saturating_mul(2).clamp(2, 300)),
        });
    // The region is no part of a key: what the environment says of it holds for ours, too.
    let of_environment = || {
        let set = |name| variable(name).filter(|region| !region.is_empty());
        set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"))
    };
    if let Some(region) = settings.region.clone().or_else(of_environment) {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(key) = &settings.kms_key_id {
        builder = builder.with_sse_kms_encryption(key);
    }
    // Not every compatible store knows them.
    let usual = if settings.endpoint.is_none() { Checksum::Sha256 } else { Checksum::None };
    match settings.checksum.unwrap_or(usual) {
        Checksum::Sha256 => builder.with_checksum_algorithm(Algorithm::SHA256),
        Checksum::Crc64nvme => builder.with_checksum_algorithm(Algorithm::CRC64NVME),
        Checksum::None => builder,
    }
}

#[cfg(test)]
mod tests {
    use object_store::aws::AmazonS3ConfigKey;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_region_is_that_of_the_settings_else_of_the_environment_whoever_has_the_key() {
        let region = |more: serde_json::Value, environment: &[(&str, &str)]| {
            let mut settings = json!({"bucket": "b"});
            settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let settings: S3Settings = serde_json::from_value(settings).unwrap();
            let variable =
                |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            let options = client_options(&settings).unwrap();
            builder(&settings, &options, variable).get_config_value(&AmazonS3ConfigKey::Region)
        };
        let (own, default) = (("AWS_REGION", "eu-central-1"), ("AWS_DEFAULT_REGION", "eu-west-1"));
        for key in [
            json!({}),
            json!({"access_key_id": "id", "secret_access_key": "env:X"}),
            json!({"credentials": "vault:aws/creds/store"}),
        ] {
            assert_eq!(region(key.clone(), &[default, own]).as_deref(), Some("eu-central-1"), "{key}");
            assert_eq!(region(key.clone(), &[("AWS_REGION", ""), default]).as_deref(), Some("eu-west-1"), "{key}");
            let mut said = key.clone();
            said["region"] = json!("us-west-2");
            assert_eq!(region(said, &[own]).as_deref(), Some("us-west-2"), "{key}");
        }
        assert_eq!(region(json!({"access_key_id": "id", "secret_access_key": "env:X"}), &[]), None);
    }
}
