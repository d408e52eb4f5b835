//! The S3 store: Amazon's, or a compatible one.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::SecretRef;

use crate::fault::{self, Intent};
use crate::settings::S3Settings;

mod condition;
mod pending;
mod remove;
mod upload;

pub(crate) use remove::remove;
pub(crate) use upload::{LARGEST, S3Upload, try_multipart};

use condition::CreateOnly;

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
}

impl Bucket {
    pub(crate) async fn open(settings: &S3Settings, secrets: &dyn SecretStore) -> Result<Self> {
        let invalid = |detail: String| Error::new(&codes::store::CONFIG, detail);
        let prefix = settings.prefix.trim_matches('/').to_owned();
        object_store::path::Path::parse(&prefix).map_err(|error| invalid(format!("`prefix` `{prefix}`: {error}")))?;
        if settings.bucket.is_empty() || settings.bucket.contains('/') {
            return Err(invalid(format!("`bucket` `{}` is not a bucket's name", settings.bucket)));
        }
        if settings.endpoint.as_deref().is_some_and(|url| url.starts_with("http://")) && !settings.allow_http {
            return Err(invalid("`endpoint` is http://, which needs `allow_http = true`".to_owned()));
        }
        let options = client_options(settings)?;
        let builder = with_credentials(builder(settings, &options), settings, secrets).await?;
        let refused = |error| invalid(format!("S3 settings: {error}")).caused_by(error);
        let plain = builder.clone().with_http_connector(ReqwestConnector::default());
        let replacing = plain.build().map_err(refused)?;
        let objects = builder.build().map_err(refused)?;
        let http = CreateOnly.connect(&options).map_err(|error| fault::of_store(error, "S3 client", Intent::Write))?;
        let name = format!("{}/{prefix}", settings.bucket);
        let bucket = settings.bucket.clone();
        Ok(Self { objects, replacing, http, bucket, name: name.trim_end_matches('/').to_owned(), prefix })
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

fn builder(settings: &S3Settings, options: &ClientOptions) -> AmazonS3Builder {
    // Only without a key of our own is the environment asked: it must not override what the configuration says.
    let mut builder =
        if settings.access_key_id.is_some() { AmazonS3Builder::new() } else { AmazonS3Builder::from_env() };
    let path_style = settings.path_style.unwrap_or(settings.endpoint.is_some());
    builder = builder
        .with_bucket_name(&settings.bucket)
        .with_virtual_hosted_style_request(!path_style)
        .with_client_options(options.clone())
        .with_http_connector(CreateOnly)
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
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(key) = &settings.kms_key_id {
        builder = builder.with_sse_kms_encryption(key);
    }
    builder
}

async fn with_credentials(
    mut builder: AmazonS3Builder,
    settings: &S3Settings,
    secrets: &dyn SecretStore,
) -> Result<AmazonS3Builder> {
    let text = async |reference: &SecretRef| -> Result<String> {
        Ok(secrets.resolve(reference).await?.expose_text()?.to_owned())
    };
    match (&settings.access_key_id, &settings.secret_access_key) {
        (Some(id), Some(secret)) => {
            builder = builder.with_access_key_id(id).with_secret_access_key(text(secret).await?);
            if let Some(token) = &settings.session_token {
                builder = builder.with_token(text(token).await?);
            }
            Ok(builder)
        }
        (None, None) => Ok(builder),
        _ => Err(Error::new(&codes::store::CONFIG, "`access_key_id` and `secret_access_key` belong together")),
    }
}
