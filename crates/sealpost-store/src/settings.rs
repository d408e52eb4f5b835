//! The `store` block of the configuration.

use std::path::PathBuf;

use object_store::path::Path;
use schemars::JsonSchema;
use sealpost_core::object::ObjectPath;
use sealpost_core::secret::SecretRef;
use serde::{Deserialize, Serialize};

/// Where sealed files are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StoreSettings {
    /// A directory, also a mounted file system.
    Local(LocalSettings),
    /// Amazon S3 or a compatible store.
    S3(Box<S3Settings>),
}

impl StoreSettings {
    /// What the types can't say: key, and words. Nothing is connected to or looked for.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Local(settings) => settings.problems(),
            Self::S3(settings) => settings.problems(),
        }
    }
}

/// A local directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalSettings {
    /// The directory; it is made when missing. Folders get mode 0700, files 0600.
    pub path: PathBuf,
    /// The name that the transfer API knows the directory by, as the first part of `/bucket/key`; `sealpost`.
    #[serde(default = "LocalSettings::usual_bucket")]
    pub bucket: String,
}

impl LocalSettings {
    /// Settings of a directory, with the usual bucket name.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bucket: Self::usual_bucket() }
    }

    fn usual_bucket() -> String {
        "sealpost".to_owned()
    }

    fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.path.as_os_str().is_empty() {
            problems.push(("path", "it is empty; expected a folder".to_owned()));
        }
        let place = format!("/{}", self.bucket).parse::<ObjectPath>();
        if !place.is_ok_and(|place| place.bucket() == self.bucket && place.key().is_empty()) {
            problems.push(("bucket", no_bucket(&self.bucket)));
        }
        problems
    }
}

/// A bucket of Amazon S3 or a compatible store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// The bucket's name.
    pub bucket: String,
    /// A folder in the bucket that everything goes below; none when empty.
    #[serde(default)]
    pub prefix: String,
    /// The region; that of `AWS_REGION`, else `AWS_DEFAULT_REGION`, when not given; `us-east-1` where none of them is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The address of a compatible store, such as `https://minio.example:9000`; Amazon's when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The access key's id. Without it the credentials come from the environment, as the AWS tools find them:
    /// `AWS_…` variables, web identity, container or instance role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The access key's secret, as a reference such as `env:S3_SECRET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub secret_access_key: Option<SecretRef>,
    /// A session token, for temporary credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub session_token: Option<SecretRef>,
    /// Id, secret and session token in one, as a reference to a JSON object with `access_key_id`, `secret_access_key` and
    /// `session_token`; `vault:aws/creds/store` answers so. Changed ones are taken up without a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub credentials: Option<SecretRef>,
    /// Whether an `http://` endpoint is allowed. The files are sealed, the credentials only sign; still: not over a
    /// network that others share.
    #[serde(default)]
    pub allow_http: bool,
    /// Whether the bucket stands in the path (`true`) or in the host name (`false`). In the path when an endpoint is
    /// given, in the host name on Amazon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
    /// A KMS key that the bucket encrypts with (SSE-KMS), by id or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// What S3 verifies each part by when it arrives, and keeps: `sha256`, `crc64nvme` or `none`; `sha256` on Amazon, `none` where
    /// an endpoint is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    /// A PEM file with certificate authorities to trust besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Longest time for one request (at most 8 MiB) in seconds; 60.
    #[serde(default = "S3Settings::request_timeout")]
    pub timeout_s: u64,
    /// Longest time to connect in seconds; 5.
    #[serde(default = "S3Settings::connect_timeout")]
    pub connect_timeout_s: u64,
}

/// A checksum of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// SHA-256 of each part.
    Sha256,
    /// CRC-64/NVME of each part.
    Crc64nvme,
    /// None beside the signature's.
    None,
}

impl S3Settings {
    fn request_timeout() -> u64 {
        60
    }

    fn connect_timeout() -> u64 {
        5
    }

    fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if let Err(error) = Path::parse(self.prefix.trim_matches('/')) {
            problems.push(("prefix", error.to_string()));
        }
        if self.bucket.is_empty() || self.bucket.contains('/') {
            problems.push(("bucket", no_bucket(&self.bucket)));
        }
        if self.endpoint.as_deref().is_some_and(|url| url.starts_with("http://")) && !self.allow_http {
            problems.push(("endpoint", "it is http://, which needs `allow_http = true`".to_owned()));
        }
        let (id, secret) = (self.access_key_id.is_some(), self.secret_access_key.is_some());
        if self.credentials.is_some() && (id || secret || self.session_token.is_some()) {
            let words = "it has all of it: `access_key_id`, `secret_access_key` and `session_token` are not for it";
            problems.push(("credentials", words.to_owned()));
        } else if id != secret {
            problems.push(("access_key_id", "it and `secret_access_key` belong together".to_owned()));
        }
        problems
    }
}

fn no_bucket(name: &str) -> String {
    format!("`{name}` is not a bucket's name")
}
