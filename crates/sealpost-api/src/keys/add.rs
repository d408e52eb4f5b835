//! `POST /v1/keys`: seal to a further certificate, or to one in the place of another.

use axum::extract;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jiff::Timestamp;
use sealpost_core::change::ChangeAction;
use sealpost_pipeline::self_service::certificate::CertificateWish;
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Key;
use crate::authenticate::{Caller, Credentials};
use crate::body::JsonBody;
use crate::changes::{Answer, author, wire::Change};
use crate::problem::Problem;
use crate::state::State;

/// A certificate that files are to be sealed to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "certificate": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n…", "replaces": "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567",
    "cut_over": "2026-03-01T00:00:00Z"
}))]
pub struct OpenPgpKeyRequest {
    /// The certificate, ASCII-armored (`gpg --armor --export`), or its packets in base64. Never the private key.
    #[schema(min_length = 1, max_length = 262_144)]
    certificate: String,
    /// The fingerprint of the certificate whose place it takes.
    #[serde(default)]
    replaces: Option<String>,
    /// Until when files are sealed to both, at most 90 days ahead; without it the old one is used no more at once.
    #[serde(default)]
    cut_over: Option<Timestamp>,
}

/// Add an OpenPGP certificate, or replace one.
///
/// With `replaces` and `cut_over`, files are sealed to both certificates until then, so that you can change over at any
/// time in between. The same primary key may be sent again, with new subkeys or a later expiry. Where the operator asks for
/// proof of possession, it is used only after `:challenge` and `:prove`.
#[utoipa::path(post, path = "/v1/keys", operation_id = "addOpenPgpKey", tag = "keys",
    request_body = OpenPgpKeyRequest,
    responses(
        (status = 201, description = "It is added.", body = Key, headers(("Location" = String, description = "The certificate."))),
        (status = 202, description = "It waits for the operator's approval.", body = Change, headers(("Location" = String, description = "The change."))),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or the certificate is not one that files can be sealed to: it can't be read (`SP-SEAL-001`), is a private key (`SP-SEAL-002`), has expired (`SP-SEAL-003`), is revoked (`SP-SEAL-004`), has no key to encrypt to (`SP-SEAL-005`), is too weak (`SP-SEAL-006`), has a signature that does not verify (`SP-SEAL-007`) or is not valid yet (`SP-SEAL-012`)."),
        (status = 409, description = "A change of the same certificate waits (`SP-REQUEST-035`), there are 10 already (`SP-REQUEST-037`), or operators do this here (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn add(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    JsonBody(request): JsonBody<OpenPgpKeyRequest>,
) -> Result<Answer<Key>, Problem> {
    let OpenPgpKeyRequest { certificate, replaces, cut_over } = request;
    let wish = CertificateWish { certificate: octets(certificate), replaces, cut_over };
    let change = state.pipeline.add_certificate(&partner.id, wish, &author(&credentials)).await?;
    if let Some(waits) = Answer::unless_done(&change) {
        return Ok(waits);
    }
    let fingerprint = match &change.action {
        ChangeAction::AddCertificate { fingerprint, .. } => fingerprint.as_str(),
        _ => "",
    };
    let key = state.pipeline.key_of(&partner.id, fingerprint).await?;
    let location = format!("/v1/keys/{fingerprint}");
    Ok(Answer::Done(StatusCode::CREATED, Key::of(&key, Timestamp::now()), Some(location)))
}

/// Armor as it is; else what the base64 stands for. What is neither is left for the reader of certificates to refuse.
fn octets(text: String) -> Vec<u8> {
    if text.contains("-----BEGIN") {
        return text.into_bytes();
    }
    let compact: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    STANDARD.decode(compact).unwrap_or_else(|_| text.into_bytes())
}
