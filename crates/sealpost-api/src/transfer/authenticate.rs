//! Who calls: Signature Version 4, by an access key that was issued here. No signature, no work.

use std::net::IpAddr;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;
use sealpost_aws::sigv4::{self, Credential, Scope, Verified};
use sealpost_core::access_key::AccessKey;
use sealpost_core::error::codes;
use sealpost_core::secret::Secret;

use super::operations::Operation;
use super::refusal::{Refusal, Result};
use super::state::TransferState;

/// The service's name in scopes.
const SERVICE: &str = "transfer";

/// A key that the request names; nothing is proved yet.
pub(super) struct Claim {
    pub(super) credential: Credential,
    pub(super) key: AccessKey,
    pub(super) secret: Secret,
}

/// Finds the access key that a request says it is signed with.
pub(super) async fn claim(state: &TransferState, parts: &Parts, address: Option<IpAddr>) -> Result<Claim> {
    state.throttle.may_try(address)?;
    let credential = sigv4::parse(&parts.headers)?;
    let found = match credential.access_key_id.parse() {
        Ok(id) => match state.pipeline.access_secret(&id).await {
            // Nobody has set up access keys.
            Err(error) if error.is(&codes::request::NOT_OFFERED) => None,
            found => found?,
        },
        Err(_) => None,
    };
    let Some((key, secret)) = found else {
        state.throttle.failed(address);
        return Err(sigv4::Refusal::unknown_key().into());
    };
    Ok(Claim { credential, key, secret })
}

impl Claim {
    /// Holds the whole request against the key's secret.
    pub(super) fn prove(
        &self,
        state: &TransferState,
        parts: &Parts,
        body: &Bytes,
        address: Option<IpAddr>,
    ) -> Result<Verified> {
        let scope = Scope::new(&state.settings().region, SERVICE);
        let now = Timestamp::now();
        sigv4::verify(parts, body, &self.secret, &scope, now, state.limits.clock_skew).map_err(|refusal| {
            // Who is late or signs too little does not guess.
            if matches!(refusal, sigv4::Refusal::InvalidSignature(_)) {
                state.throttle.failed(address);
            }
            refusal.into()
        })
    }

    /// Refuses what the key's role does not include, in the words of AWS.
    pub(super) fn may(&self, state: &TransferState, operation: &Operation) -> Result<()> {
        if self.key.role >= operation.role {
            return Ok(());
        }
        let (account, id, name) = (&state.settings().account, &self.key.id, operation.name);
        Err(Refusal::new(
            "AccessDeniedException",
            StatusCode::BAD_REQUEST,
            format!(
                "User: arn:aws:iam::{account}:user/{id} is not authorized to perform: transfer:{name} because the role of \
                 its access key is `{}`; `{}` is needed",
                self.key.role.as_str(),
                operation.role.as_str()
            ),
        ))
    }
}

/// Refuses a signature of a change that was used before.
pub(super) fn check_replay(state: &TransferState, verified: &Verified) -> Result<()> {
    if state.seen.take(&verified.signature, verified.signed_at, Timestamp::now()) {
        return Ok(());
    }
    metrics::counter!("sealpost_transfer_replays_total").increment(1);
    let message = "Signature expired: a request with this signature was received before, or it was signed before this service \
                   started. Sign each request anew, with a clock that is right.";
    Err(Refusal::new("RequestExpired", StatusCode::BAD_REQUEST, message))
}

impl From<sigv4::Refusal> for Refusal {
    fn from(refusal: sigv4::Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
        Self::new(refusal.name(), status, refusal.message())
    }
}
