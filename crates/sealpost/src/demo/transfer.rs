//! The demo's side of the transfer API: an access key, and a connector made as any stock client makes one.

use sealpost_aws::sigv4::SigningKeys;
use sealpost_aws::{Client, Credentials, Patience, TRANSFER};
use sealpost_core::access_key::AccessRole;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::secret::Secret;
use sealpost_inbound::RunningSite;
use sealpost_pipeline::Pipeline;
use serde::Serialize;
use serde_json::{Value as Json, json};

/// What a caller of the transfer API needs to know.
#[derive(Serialize)]
pub(super) struct Reachable {
    pub(super) transfer_url: String,
    pub(super) transfer_access_key_id: String,
    pub(super) transfer_secret_access_key: String,
    pub(super) connector_id: String,
    /// The delivered report's sealed file in the store.
    pub(super) object_path: String,
}

/// Makes an access key and a connector to the partner's site.
pub(super) async fn prepare(pipeline: &Pipeline, url: String, site: &RunningSite, report: &str) -> Result<Reachable> {
    let (key, secret) = pipeline.issue_access_key(AccessRole::Admin, "demo", None).await?;
    let keys = SigningKeys {
        access_key_id: key.id.to_string(),
        secret: Secret::new(secret.expose().to_vec()),
        session_token: None,
    };
    let region = &pipeline.parts().settings.transfer.region;
    let client = Client::new(TRANSFER, region, &url, Credentials::fixed(keys), Patience::default())
        .map_err(|fault| trouble(&fault))?;
    let host_keys: Vec<&str> = site.host_keys().iter().map(|key| key.public_key.as_str()).collect();
    let made: Json = client
        .call(
            "CreateConnector",
            &json!({
                "Url": format!("sftp://{}", site.address()),
                "AccessRole": "arn:aws:iam::000000000000:role/sealpost-demo",
                "SftpConfig": {
                    "UserSecretId": "file:secrets/nordwind-user.json",
                    "TrustedHostKeys": host_keys,
                },
            }),
        )
        .await
        .map_err(|fault| trouble(&fault))?;
    let job = report.parse::<JobId>()?;
    let job = pipeline.parts().ledger.job_of_any_partner(&job).await?;
    let file = job.and_then(|job| job.file).ok_or_else(|| trouble(&"the report has no file"))?;
    Ok(Reachable {
        transfer_url: url,
        transfer_access_key_id: key.id.to_string(),
        transfer_secret_access_key: secret.expose_text()?.to_owned(),
        connector_id: made["ConnectorId"].as_str().unwrap_or_default().to_owned(),
        object_path: pipeline.parts().store.object_path(&file.key),
    })
}

fn trouble(detail: &dyn std::fmt::Display) -> Error {
    Error::new(&codes::deliver::REMOTE_ENGINE, format!("the demo's connector: {detail}"))
}
