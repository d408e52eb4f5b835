//! `GET /v1/keys`: the partner's certificates.

use axum::Json;
use axum::extract;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::Key;
use crate::authenticate::Caller;
use crate::problem::Problem;
use crate::state::State;

/// Certificates.
#[derive(Serialize, ToSchema)]
pub struct OpenPgpKeyList {
    /// The certificates, in the order in which they were added.
    keys: Vec<Key>,
}

/// List your OpenPGP certificates.
#[utoipa::path(get, path = "/v1/keys", operation_id = "listOpenPgpKeys", tag = "keys",
    responses((status = 200, description = "The certificates, also those that are not used any more or not yet.", body = OpenPgpKeyList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
) -> Result<Json<OpenPgpKeyList>, Problem> {
    let now = Timestamp::now();
    let keys = state.pipeline.keys_of(&partner.id).await?;
    Ok(Json(OpenPgpKeyList { keys: keys.iter().map(|key| Key::of(key, now)).collect() }))
}
