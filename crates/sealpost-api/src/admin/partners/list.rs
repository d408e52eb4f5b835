//! `GET /admin/v1/partners`: all partners.

use axum::Json;
use axum::extract;
use sealpost_core::id::PartnerId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::state::State;

/// All partners.
#[derive(Serialize, ToSchema)]
pub struct PartnerList {
    /// The partners, by id.
    partners: Vec<PartnerSummary>,
}

/// A partner in a few words.
#[derive(Serialize, ToSchema)]
pub struct PartnerSummary {
    /// Its id.
    #[schema(value_type = String, example = "acme")]
    id: PartnerId,
    /// Its name.
    #[schema(example = "Acme GmbH")]
    name: String,
    /// Whether it may call and receive.
    #[schema(example = true)]
    enabled: bool,
    /// Report types granted to it.
    #[schema(example = json!(["contracts.v1"]))]
    grants: Vec<String>,
    /// How many certificates its files are sealed to.
    certificates: usize,
    /// Connectors that its reports go to.
    #[schema(example = json!(["c-0123456789abcdef0"]))]
    deliver_to: Vec<String>,
}

/// List partners.
#[utoipa::path(get, path = "/admin/v1/partners", operation_id = "listPartners", tag = "partners",
    responses((status = 200, description = "All partners, by id.", body = PartnerList)))]
pub(crate) async fn list(extract::State(state): extract::State<State>) -> Result<Json<PartnerList>, Problem> {
    let partners = state.pipeline.parts().records.partners().await?;
    let summary = |partner: sealpost_core::partner::Partner| PartnerSummary {
        id: partner.id,
        name: partner.name,
        enabled: partner.enabled,
        grants: partner.grants.iter().map(|grant| grant.report.to_string()).collect(),
        certificates: partner.certificates.len(),
        deliver_to: partner.deliver_to.iter().map(ToString::to_string).collect(),
    };
    Ok(Json(PartnerList { partners: partners.into_iter().map(summary).collect() }))
}
