//! A report as the API shows it. The same shape everywhere: created, listed, shown, cancelled.

use jiff::Timestamp;
use sealpost_core::delivery::DeliveryStatus;
use sealpost_core::error::{Error, Result, Side, Stage, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::{Job, JobStatus};
use sealpost_core::param::ParameterValue;
use sealpost_pipeline::Pipeline;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::deliveries::Delivery;
use crate::base_path::BasePath;
use crate::plane::Plane;

/// Room for most reports as JSON, so that the text is not moved while it grows.
const ROOM: usize = 1024;

/// One run of a report type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "rep_01kavs0h9yq4m4d2tkv1c7rbn5", "status": "succeeded", "report_type": "contracts.v1", "format": "csv",
    "format_options": {}, "parameters": {"from": "2026-01-01", "to": "2026-02-01"},
    "created_at": "2026-02-01T06:00:00Z", "started_at": "2026-02-01T06:00:00.1Z", "finished_at": "2026-02-01T06:00:03Z",
    "expires_at": "2026-03-03T06:00:03Z", "retry_at": null, "attempts": 1, "cancel_requested": false,
    "progress": {"stage": "done", "rows": 50000, "bytes": 1048576, "bytes_sent": 1048576},
    "row_count": 50000,
    "file": {
        "name": "contracts.v1_2026-02-01_000042.csv.pgp", "size": 1048576,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "recipients": ["6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F"], "available": true
    },
    "failure": null,
    "links": {
        "self": "/v1/reports/rep_01kavs0h9yq4m4d2tkv1c7rbn5",
        "file": "/v1/reports/rep_01kavs0h9yq4m4d2tkv1c7rbn5/file",
        "deliveries": "/v1/reports/rep_01kavs0h9yq4m4d2tkv1c7rbn5/deliveries",
        "timeline": "/v1/reports/rep_01kavs0h9yq4m4d2tkv1c7rbn5/timeline"
    }
}))]
pub struct Report {
    /// Its id.
    id: String,
    /// Whose it is; only operators are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<String>,
    /// Where it stands.
    status: ReportStatus,
    /// The report type.
    report_type: String,
    /// The format of the file inside the encryption.
    format: String,
    /// The options of the format, as asked for.
    #[schema(value_type = Object)]
    format_options: Map<String, Json>,
    /// The parameters, with defaults filled in; null where an optional one was not given.
    #[schema(value_type = Object)]
    parameters: Map<String, Json>,
    /// When it was asked for.
    created_at: Timestamp,
    /// When work on it first began.
    started_at: Option<Timestamp>,
    /// When its status became final.
    finished_at: Option<Timestamp>,
    /// When the file is, or was, deleted.
    expires_at: Option<Timestamp>,
    /// When it is tried again after a failed attempt.
    retry_at: Option<Timestamp>,
    /// Attempts to produce it so far.
    attempts: u32,
    /// Whether someone asked to cancel it while it was running.
    cancel_requested: bool,
    /// How far it is.
    progress: Progress,
    /// Rows in the file, once there is one. 0 is a success: there was nothing to report.
    row_count: Option<u64>,
    /// The encrypted file, once there is one.
    file: Option<File>,
    /// Why it failed, or why the last attempt did.
    failure: Option<Failure>,
    /// The file's ways to the partner's servers.
    deliveries: Vec<Delivery>,
    /// Where to go from here.
    links: Links,
}

/// Where a report stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportStatus {
    /// Waiting to be produced.
    Queued,
    /// Being produced.
    Running,
    /// The file is there.
    Succeeded,
    /// It can't be produced; `failure` says why.
    Failed,
    /// It was cancelled before it was produced.
    Cancelled,
    /// The file was there and is deleted.
    Expired,
}

impl From<JobStatus> for ReportStatus {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Queued => Self::Queued,
            JobStatus::Running => Self::Running,
            JobStatus::Succeeded => Self::Succeeded,
            JobStatus::Failed => Self::Failed,
            JobStatus::Cancelled => Self::Cancelled,
            JobStatus::Expired => Self::Expired,
        }
    }
}

/// How far a report is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Progress {
    /// What is going on.
    stage: ProgressStage,
    /// Rows read so far.
    rows: u64,
    /// Encrypted bytes stored so far.
    bytes: u64,
    /// Bytes sent so far, over all deliveries.
    bytes_sent: u64,
}

/// What is going on with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProgressStage {
    /// It waits for its turn.
    Queued,
    /// Rows are read, formatted, encrypted and stored.
    Producing,
    /// The file is on its way.
    Delivering,
    /// Nothing more happens.
    Done,
}

/// The encrypted file.
#[derive(Debug, Serialize, ToSchema)]
pub struct File {
    /// Its name, the same everywhere.
    name: String,
    /// Its size in bytes.
    size: u64,
    /// Its SHA-256, lower-case hexadecimal.
    sha256: String,
    /// Fingerprints of the certificates it is encrypted to.
    recipients: Vec<String>,
    /// Whether it can still be fetched.
    available: bool,
}

/// Why something failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "code": "SP-DELIVER-003", "stage": "deliver", "side": "operator", "title": "the server's host key is not approved",
    "detail": "files.partner.example:22 showed SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A",
    "advice": "Compare the key with the partner over another channel, then approve it."
}))]
pub struct Failure {
    /// Stable code; `/docs/errors` describes each.
    #[schema(example = "SP-DELIVER-002")]
    code: String,
    /// The part of the flow: `source`, `format`, `seal`, `store`, `deliver`, …
    #[schema(value_type = String)]
    stage: Stage,
    /// Whose side has to act: `caller`, `partner`, `operator` or `sealpost`.
    #[schema(value_type = String)]
    side: Side,
    /// What happened, the same for every occurrence.
    title: String,
    /// What happened to what, this time.
    detail: String,
    /// What to do.
    advice: String,
}

impl Failure {
    pub(crate) fn of(failure: &sealpost_core::error::Failure, plane: Plane) -> Self {
        let sealpost_core::error::Failure { code, stage, side, title, detail, advice, kind: _ } =
            plane.failure(failure);
        Self { code, stage, side, title, detail, advice }
    }
}

/// Paths of what belongs to a report.
#[derive(Debug, Serialize, ToSchema)]
pub struct Links {
    /// This report.
    #[serde(rename = "self")]
    this: String,
    /// The encrypted file, while it can be fetched.
    file: Option<String>,
    /// Its deliveries.
    deliveries: String,
    /// Everything that happened to it.
    timeline: String,
}

impl Report {
    /// Puts a report together from the ledger's records, with links for a caller whose URL begins with `base`.
    pub(crate) async fn load(pipeline: &Pipeline, job: Job, plane: Plane, base: &BasePath) -> Result<Self> {
        // Deliveries come into being with the file, never before.
        let deliveries = match &job.file {
            Some(_) => pipeline.parts().ledger.deliveries(&job.id).await?,
            None => Vec::new(),
        };
        Ok(Self::of(&job, &deliveries, plane, base))
    }

    pub(crate) fn of(
        job: &Job,
        deliveries: &[sealpost_core::delivery::Delivery],
        plane: Plane,
        base: &BasePath,
    ) -> Self {
        let available = job.status == JobStatus::Succeeded;
        let this = path(base, plane, &job.id);
        let below = |name: &str| [&this, name].concat();
        Self {
            id: job.id.as_str().to_owned(),
            partner: (plane == Plane::Operator).then(|| job.request.partner.to_string()),
            status: job.status.into(),
            report_type: job.request.report_type.as_str().to_owned(),
            format: job.request.format.clone(),
            format_options: job.request.format_options.clone(),
            parameters: job.request.parameters.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            expires_at: job.expires_at,
            retry_at: job.retry_at,
            attempts: job.attempts,
            cancel_requested: job.cancel_requested,
            progress: Progress {
                stage: stage(job.status, deliveries),
                rows: job.progress.rows,
                bytes: job.progress.bytes,
                bytes_sent: deliveries.iter().map(|delivery| delivery.bytes_sent).sum(),
            },
            row_count: job.row_count,
            file: job.file.as_ref().map(|file| File {
                name: file.key.file_name.to_string(),
                size: file.size,
                sha256: file.sha256.clone(),
                recipients: job.recipients.clone(),
                available,
            }),
            failure: job.failure.as_ref().map(|failure| Failure::of(failure, plane)),
            deliveries: deliveries.iter().map(|delivery| Delivery::of(delivery, plane)).collect(),
            links: Links {
                // The file is for the partner; an operator has no use for the ciphertext.
                file: (available && plane == Plane::Partner).then(|| below("/file")),
                deliveries: below("/deliveries"),
                timeline: below("/timeline"),
                this,
            },
        }
    }

    /// In how many seconds it is worth looking again; `None` when nothing more happens.
    pub(crate) fn look_again_in(&self, now: Timestamp) -> Option<u64> {
        look_again_in(self.created_at, self.is_done(), now)
    }

    /// Whether nothing more happens.
    pub(crate) fn is_done(&self) -> bool {
        self.progress.stage == ProgressStage::Done
    }

    /// As JSON.
    ///
    /// # Errors
    /// When it can't be written, which is a defect.
    pub(crate) fn json(&self) -> Result<Vec<u8>> {
        let mut text = Vec::with_capacity(ROOM);
        match serde_json::to_writer(&mut text, self) {
            Ok(()) => Ok(text),
            Err(error) => Err(Error::new(&codes::request::INTERNAL, error.to_string())),
        }
    }
}

/// Where a plane's reports are.
pub(super) fn collection(plane: Plane) -> &'static str {
    match plane {
        Plane::Partner => "/v1/reports",
        Plane::Operator => "/admin/v1/reports",
    }
}

/// Where a report is, for a caller whose URL begins with `base`.
pub(super) fn path(base: &BasePath, plane: Plane, report: &JobId) -> String {
    [base.as_str(), collection(plane), "/", report.as_str()].concat()
}

/// See [`Report::look_again_in`]. Young reports are quick.
pub(super) fn look_again_in(created_at: Timestamp, is_done: bool, now: Timestamp) -> Option<u64> {
    let age = now.duration_since(created_at).as_secs().max(0).unsigned_abs();
    (!is_done).then(|| (age / 10).clamp(1, 30))
}

fn stage(status: JobStatus, deliveries: &[sealpost_core::delivery::Delivery]) -> ProgressStage {
    let under_way = |status: DeliveryStatus| !status.is_terminal();
    match status {
        JobStatus::Queued => ProgressStage::Queued,
        JobStatus::Running => ProgressStage::Producing,
        _ if deliveries.iter().any(|delivery| under_way(delivery.status)) => ProgressStage::Delivering,
        _ => ProgressStage::Done,
    }
}

/// A checked parameter as a caller would write it.
fn plain(value: &ParameterValue) -> Json {
    match value {
        ParameterValue::Null => Json::Null,
        ParameterValue::String(text) | ParameterValue::Decimal(text) | ParameterValue::Date(text) => {
            text.as_str().into()
        }
        ParameterValue::Integer(number) => (*number).into(),
        ParameterValue::Timestamp(at) => at.to_string().into(),
        ParameterValue::Boolean(value) => (*value).into(),
        ParameterValue::List(items) => items.iter().map(plain).collect(),
    }
}
