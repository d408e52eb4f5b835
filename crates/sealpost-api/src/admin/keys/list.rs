//! `GET /admin/v1/partners/{id}/keys`: a partner's API keys, without the keys themselves.

use axum::Json;
use axum::extract;
use jiff::Timestamp;
use sealpost_core::id::PartnerId;
use sealpost_core::identity::Scope;
use sealpost_core::partner::ApiKey;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// What is known about an API key. The key itself is kept nowhere.
#[derive(Serialize, ToSchema)]
pub struct KeyBody {
    /// The public half: what logs show. The key begins with `sp_` and this.
    #[schema(example = "abcdefghijkm")]
    id: String,
    /// Whose it is.
    #[schema(example = "acme")]
    partner: String,
    /// What it is used for.
    #[schema(example = "month end")]
    label: String,
    /// `active`, `expired` or `revoked`.
    #[schema(example = "active")]
    status: &'static str,
    /// What it may do.
    #[schema(value_type = Vec<String>, example = json!(["reports:read", "reports:write"]))]
    scopes: Vec<Scope>,
    /// When it was made.
    created_at: Timestamp,
    /// When it stops working.
    #[schema(example = "2027-12-31T00:00:00Z")]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(example = json!(null))]
    revoked_at: Option<Timestamp>,
}

impl KeyBody {
    pub(super) fn of(key: &ApiKey) -> Self {
        let expired = key.expires_at.is_some_and(|at| at <= Timestamp::now());
        Self {
            id: key.id.to_string(),
            partner: key.partner.to_string(),
            label: key.label.clone(),
            status: match (key.revoked_at, expired) {
                (Some(_), _) => "revoked",
                (None, true) => "expired",
                (None, false) => "active",
            },
            scopes: key.scopes.clone(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// The API keys of a partner.
#[derive(Serialize, ToSchema)]
pub struct KeyList {
    /// The keys, newest first.
    keys: Vec<KeyBody>,
}

/// List a partner's API keys.
#[utoipa::path(get, path = "/admin/v1/partners/{id}/keys", operation_id = "listKeys", tag = "keys",
    params(("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme")),
    responses((status = 200, description = "The keys, newest first.", body = KeyList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Id(id): Id<PartnerId>,
) -> Result<Json<KeyList>, Problem> {
    let partner = admin::partner(&state.pipeline, &id).await?;
    let keys = state.pipeline.parts().records.api_keys(&partner.id).await?;
    Ok(Json(KeyList { keys: keys.iter().map(KeyBody::of).collect() }))
}
