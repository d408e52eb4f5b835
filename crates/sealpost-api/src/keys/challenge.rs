//! `POST /v1/keys/{id}:challenge`: a message that only the owner of the private key can read.

use axum::Json;
use jiff::Timestamp;
use sealpost_core::partner::Partner;
use sealpost_pipeline::Pipeline;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// A challenge.
#[derive(Serialize, ToSchema)]
pub struct Challenge {
    /// An ASCII-armored OpenPGP message, sealed to this certificate alone. Its last line is the answer.
    #[schema(example = "-----BEGIN PGP MESSAGE-----\n…")]
    message: String,
    /// When it can no longer be answered: in 15 minutes.
    expires_at: Timestamp,
}

/// Ask for a challenge.
///
/// Decrypt the message (`gpg --decrypt`) and send its last line to `:prove`. There is one attempt; a new challenge makes
/// earlier ones void.
#[utoipa::path(post, path = "/v1/keys/{id}:challenge", operation_id = "challengeOpenPgpKey", tag = "keys",
    params(("id" = String, Path, description = "The fingerprint of the primary key.", pattern = "^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$", example = "6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F")),
    responses(
        (status = 200, description = "The message.", body = Challenge),
        (status = 400, description = "The certificate can't be sealed to any more: it has expired (`SP-SEAL-003`) or is revoked (`SP-SEAL-004`)."),
    ))]
pub(crate) async fn challenge(
    pipeline: &Pipeline,
    partner: &Partner,
    fingerprint: &str,
) -> Result<Json<Challenge>, Problem> {
    let challenge = pipeline.challenge(&partner.id, fingerprint).await?;
    Ok(Json(Challenge { message: challenge.message, expires_at: challenge.expires_at }))
}
