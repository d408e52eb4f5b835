//! `GET /admin/v1/certificates`: every certificate of every partner, and how long it is still good for.

use axum::Json;
use axum::extract;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::plane::Plane;
use crate::problem::Problem;
use crate::reports::wire::Failure;
use crate::state::State;

/// All certificates.
#[derive(Serialize, ToSchema)]
pub struct CertificateList {
    /// The certificates: those that can't be used first, then by expiry.
    certificates: Vec<Certificate>,
}

/// A certificate of a partner.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "partner": "acme", "index": 0, "fingerprint": "6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F",
    "user_ids": ["Acme GmbH <reports@acme.example>"], "algorithm": "Ed25519", "expires_at": "2026-02-21T00:00:00Z",
    "days_left": 20, "warning_step": 30, "warnings": ["expires in 20 days"],
    "in_use": true, "use_until": null, "proven_at": "2026-01-05T09:30:00Z", "failure": null
}))]
pub struct Certificate {
    /// Whose it is.
    partner: String,
    /// Its place among the partner's certificates, from 0.
    index: usize,
    /// Fingerprint of the primary key.
    fingerprint: Option<String>,
    /// User ids.
    user_ids: Vec<String>,
    /// Algorithm and size of the primary key.
    algorithm: Option<String>,
    /// When it expires.
    expires_at: Option<Timestamp>,
    /// Whole days until then.
    days_left: Option<i64>,
    /// The warning step that has been reached: 90, 30, 7 or 1 days.
    warning_step: Option<i64>,
    /// What to look after.
    warnings: Vec<String>,
    /// Whether files are sealed to it now.
    in_use: bool,
    /// Until when they are; without end when null.
    use_until: Option<Timestamp>,
    /// When the partner proved that it has the private key.
    proven_at: Option<Timestamp>,
    /// Why it can't be used, when it can't. The partner gets no reports then, if it is in use.
    failure: Option<Failure>,
}

/// List certificates.
#[utoipa::path(get, path = "/admin/v1/certificates", operation_id = "listCertificates", tag = "partners",
    responses((status = 200, description = "The certificates, the most urgent first.", body = CertificateList)))]
pub(crate) async fn list(extract::State(state): extract::State<State>) -> Result<Json<CertificateList>, Problem> {
    let now = Timestamp::now();
    let mut certificates = Vec::new();
    for one in state.pipeline.certificates().await? {
        let failure = one.state.as_ref().err().map(|error| Failure::of(&error.into(), Plane::Operator));
        let info = one.state.ok();
        certificates.push(Certificate {
            partner: one.partner.to_string(),
            index: one.index,
            expires_at: info.as_ref().and_then(|info| info.expires_at),
            days_left: info.as_ref().and_then(|info| info.days_until_expiry(now)),
            warning_step: info.as_ref().and_then(|info| info.expiry_step(now)),
            fingerprint: Some(one.fingerprint).filter(|text| !text.is_empty()),
            algorithm: info.as_ref().map(|info| info.algorithm.clone()),
            user_ids: info.as_ref().map(|info| info.user_ids.clone()).unwrap_or_default(),
            warnings: info.map(|info| info.warnings).unwrap_or_default(),
            in_use: one.is_used,
            use_until: one.use_until,
            proven_at: one.proven_at,
            failure,
        });
    }
    certificates.sort_by_key(|one| (one.failure.is_none(), one.expires_at.unwrap_or(Timestamp::MAX)));
    Ok(Json(CertificateList { certificates }))
}
