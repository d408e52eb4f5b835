//! Requests and answers of the service, as far as they are used (API version 2018-11-05).

use serde::{Deserialize, Serialize};

/// The tag by which one of its connectors is known to be ours. Not with a colon: our own transfer API takes such tags as
/// settings.
pub(super) const TAG: &str = "sealpost-connector";

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named<'a> {
    pub(super) connector_id: &'a str,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SftpConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_secret_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trusted_host_keys: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_concurrent_connections: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ordered_user_secret_version_stages: Option<Vec<String>>,
}

/// `CreateConnector`, and with an id `UpdateConnector`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Make<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connector_id: Option<&'a str>,
    pub(super) url: &'a str,
    pub(super) access_role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logging_role: Option<&'a str>,
    pub(super) sftp_config: &'a SftpConfig,
    pub(super) security_policy_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<[Tag; 1]>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Made {
    pub(super) connector_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page<'a> {
    pub(super) max_results: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Connectors {
    pub(super) connectors: Vec<Listed>,
    #[serde(default)]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    #[serde(default)]
    pub(super) connector_id: String,
    #[serde(default)]
    pub(super) url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Described {
    pub(super) connector: Facts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Facts {
    pub(super) arn: String,
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) access_role: Option<String>,
    #[serde(default)]
    pub(super) logging_role: Option<String>,
    #[serde(default)]
    pub(super) tags: Option<Vec<Tag>>,
    #[serde(default)]
    pub(super) sftp_config: Option<SftpConfig>,
    #[serde(default)]
    pub(super) security_policy_name: Option<String>,
    /// `ACTIVE`, `ERRORED` or `PENDING`; older copies of the service say nothing.
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) error_message: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Start<'a> {
    pub(super) connector_id: &'a str,
    pub(super) send_file_paths: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remote_directory_path: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Started {
    pub(super) transfer_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AskResults<'a> {
    pub(super) connector_id: &'a str,
    pub(super) transfer_id: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Results {
    #[serde(default)]
    pub(super) file_transfer_results: Vec<FileResult>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FileResult {
    pub(super) status_code: String,
    #[serde(default)]
    pub(super) failure_code: Option<String>,
    #[serde(default)]
    pub(super) failure_message: Option<String>,
    /// Our own API's: the code of the error.
    #[serde(default)]
    pub(super) error_code: Option<String>,
    /// Our own API's: bytes so far.
    #[serde(default)]
    pub(super) bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tested {
    pub(super) status: String,
    #[serde(default)]
    pub(super) status_message: Option<String>,
    #[serde(default)]
    pub(super) sftp_connection_details: Option<TestedDetails>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TestedDetails {
    #[serde(default)]
    pub(super) host_key: Option<String>,
}
