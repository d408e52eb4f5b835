//! `POST /v1/keys/{id}:prove`: the answer to a challenge.

use axum::Json;
use jiff::Timestamp;
use sealpost_core::partner::Partner;
use sealpost_pipeline::Pipeline;
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Key;
use crate::authenticate::Credentials;
use crate::changes::author;
use crate::problem::Problem;

/// The answer to a challenge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofRequest {
    /// The last line of the decrypted message, or all of it.
    #[schema(min_length = 1, max_length = 10_000, example = "k2m9x…")]
    answer: String,
}

/// Prove that you have the private key.
///
/// A certificate that was waiting for this is used from now on.
#[utoipa::path(post, path = "/v1/keys/{id}:prove", operation_id = "proveOpenPgpKey", tag = "keys",
    params(("id" = String, Path, description = "The fingerprint of the primary key.", pattern = "^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$", example = "6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F")),
    request_body = ProofRequest,
    responses(
        (status = 200, description = "It is proven.", body = Key),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or the answer does not fit: it is wrong, too late, or there is no challenge (`SP-REQUEST-034`)."),
    ))]
pub(crate) async fn prove(
    pipeline: &Pipeline,
    partner: &Partner,
    fingerprint: &str,
    proof: &ProofRequest,
    credentials: &Credentials,
) -> Result<Json<Key>, Problem> {
    let key = pipeline.prove(&partner.id, fingerprint, &proof.answer, &author(credentials)).await?;
    Ok(Json(Key::of(&key, Timestamp::now())))
}
