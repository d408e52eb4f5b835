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
    /// Why it can't be used, when it can't. The partner gets no reports then.
    failure: Option<Failure>,
}

/// List certificates.
#[utoipa::path(get, path = "/admin/v1/certificates", operation_id = "listCertificates", tag = "partners",
    responses((status = 200, description = "The certificates, the most urgent first.", body = CertificateList)))]
pub(crate) async fn list(extract::State(state): extract::State<State>) -> Result<Json<CertificateList>, Problem> {
    let now = Timestamp::now();
    let sealer = &state.pipeline.parts().sealer;
    let mut certificates = Vec::new();
    for partner in state.pipeline.parts().records.partners().await? {
        for (index, certificate) in partner.certificates.iter().enumerate() {
            let inspected = sealer.inspect(certificate.armored.as_bytes(), now);
            let failure = inspected.as_ref().err().map(|error| Failure::of(&error.into(), Plane::Operator));
            let info = inspected.ok();
            certificates.push(Certificate {
                partner: partner.id.to_string(),
                index,
                expires_at: info.as_ref().and_then(|info| info.expires_at),
                days_left: info.as_ref().and_then(|info| info.days_until_expiry(now)),
                warning_step: info.as_ref().and_then(|info| info.expiry_step(now)),
                fingerprint: info.as_ref().map(|info| info.fingerprint.clone()),
                algorithm: info.as_ref().map(|info| info.algorithm.clone()),
                user_ids: info.as_ref().map(|info| info.user_ids.clone()).unwrap_or_default(),
                warnings: info.map(|info| info.warnings).unwrap_or_default(),
                failure,
            });
        }
    }
    certificates.sort_by_key(|one| (one.failure.is_none(), one.expires_at.unwrap_or(Timestamp::MAX)));
    Ok(Json(CertificateList { certificates }))
}
