//! `GET /v1/reports/{id}/deliveries`: where the file went, and the proof.

use axum::Json;
use axum::extract;
use jiff::Timestamp;
use sealpost_core::delivery::DeliveryStatus as Status;
use sealpost_core::id::JobId;
use sealpost_core::receipt::{Certainty, Receipt as CoreReceipt};
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::Failure;
use crate::authenticate::Caller;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// One file on its way to one server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "dlv_01kavs0k2mq4m4d2tkv1c7rbn5", "report": "rep_01kavs0h9yq4m4d2tkv1c7rbn5", "status": "delivered",
    "connector": "c-0123456789abcdef0", "file_name": "contracts.v1_2026-02-01_000042.csv.pgp", "size": 1_048_576,
    "bytes_sent": 1_048_576, "attempts": 1, "remote_path": "incoming/contracts.v1_2026-02-01_000042.csv.pgp",
    "failure": null, "retry_at": null, "created_at": "2026-02-01T06:00:02Z", "started_at": "2026-02-01T06:00:02.1Z",
    "finished_at": "2026-02-01T06:00:04Z"
}))]
pub struct Delivery {
    /// Its id.
    #[schema(example = "dlv_01kavs0h9yq4m4d2tkv1c7rbn5")]
    id: String,
    /// The report whose file it is.
    report: String,
    /// Where it stands.
    status: DeliveryStatus,
    /// The connector it goes to.
    #[schema(example = "c-0123456789abcdef0")]
    connector: String,
    /// The file's name.
    file_name: String,
    /// The file's size in bytes.
    size: u64,
    /// Bytes that the server has so far.
    bytes_sent: u64,
    /// Attempts so far.
    attempts: u32,
    /// The path of the file on the server, once it is there.
    #[schema(required)]
    remote_path: Option<String>,
    /// The proof, once delivered.
    #[schema(required)]
    receipt: Option<Receipt>,
    /// Why it failed, or why the last attempt did.
    failure: Option<Failure>,
    /// When it is tried again after a failed attempt.
    retry_at: Option<Timestamp>,
    /// When it was created.
    created_at: Timestamp,
    /// When the first attempt began.
    started_at: Option<Timestamp>,
    /// When its status became final.
    finished_at: Option<Timestamp>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Waiting, for the first time or to be tried again.
    Pending,
    /// Being sent.
    Sending,
    /// The server shows the file under its final name.
    Delivered,
    /// Given up; it can be delivered again.
    Failed,
}

/// The proof of a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "certainty": "verified", "url": "sftp://files.partner.example:22",
    "remote_path": "incoming/contracts.v1_2026-02-01_000042.csv.pgp", "size": 1_048_576,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "host_key": "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A",
    "algorithms": "curve25519-sha256 ssh-ed25519 aes256-gcm@openssh.com", "bytes_sent": 1_048_576,
    "started_at": "2026-02-01T06:00:02.1Z", "delivered_at": "2026-02-01T06:00:04Z"
}))]
pub struct Receipt {
    /// `verified`: the server confirmed size and rename. `recovered`: a crash fell in between, and afterwards the
    /// temporary name was gone, so the rename had happened.
    #[schema(value_type = String, example = "verified")]
    certainty: Certainty,
    /// The server's address.
    #[schema(example = "sftp://files.partner.example:22")]
    url: String,
    /// The path of the visible file.
    remote_path: String,
    /// Its size in bytes.
    size: u64,
    /// SHA-256 of what was stored and sent.
    sha256: String,
    /// The approved host key that the server showed.
    #[schema(example = "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A")]
    host_key: String,
    /// Algorithms agreed for the connection.
    algorithms: String,
    /// Bytes that the last attempt sent; fewer than `size` when it resumed.
    bytes_sent: u64,
    /// When the attempt that delivered it began.
    started_at: Timestamp,
    /// When the server confirmed it.
    delivered_at: Timestamp,
}

impl Receipt {
    pub(crate) fn of(receipt: &CoreReceipt) -> Self {
        let CoreReceipt {
            certainty,
            url,
            remote_path,
            size,
            sha256,
            host_key,
            algorithms,
            bytes_sent,
            started_at,
            delivered_at,
        } = receipt.clone();
        Self { certainty, url, remote_path, size, sha256, host_key, algorithms, bytes_sent, started_at, delivered_at }
    }
}

impl Delivery {
    pub(crate) fn of(delivery: &sealpost_core::delivery::Delivery, plane: Plane) -> Self {
        Self {
            id: delivery.id.to_string(),
            report: delivery.job.to_string(),
            status: match delivery.status {
                Status::Pending => DeliveryStatus::Pending,
                Status::Sending => DeliveryStatus::Sending,
                Status::Delivered => DeliveryStatus::Delivered,
                Status::Failed => DeliveryStatus::Failed,
            },
            connector: delivery.connector.to_string(),
            file_name: delivery.file.key.file_name.to_string(),
            size: delivery.file.size,
            bytes_sent: delivery.bytes_sent,
            attempts: delivery.attempts,
            remote_path: delivery.receipt.as_ref().map(|receipt| receipt.remote_path.clone()),
            receipt: delivery.receipt.as_ref().map(Receipt::of),
            failure: delivery.failure.as_ref().map(|failure| Failure::of(failure, plane)),
            retry_at: delivery.retry_at,
            created_at: delivery.created_at,
            started_at: delivery.started_at,
            finished_at: delivery.finished_at,
        }
    }
}

/// The deliveries of a report, oldest first.
#[derive(Serialize, ToSchema)]
pub struct DeliveryList {
    /// The deliveries.
    pub(crate) deliveries: Vec<Delivery>,
}

impl DeliveryList {
    pub(crate) fn of(deliveries: &[sealpost_core::delivery::Delivery], plane: Plane) -> Self {
        Self { deliveries: deliveries.iter().map(|delivery| Delivery::of(delivery, plane)).collect() }
    }
}

/// The deliveries of a report.
#[utoipa::path(get, path = "/v1/reports/{id}/deliveries", operation_id = "listDeliveries", tag = "reports",
    params(("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 200, description = "The deliveries, oldest first.", body = DeliveryList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<JobId>,
) -> Result<Json<DeliveryList>, Problem> {
    let job = state.pipeline.report(&partner, &id).await?;
    let deliveries = state.pipeline.parts().ledger.deliveries(&job.id).await?;
    Ok(Json(DeliveryList::of(&deliveries, Plane::Partner)))
}
