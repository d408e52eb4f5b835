//! The operators' token: a secret of its own, from the configuration. A partner's key never opens this plane.

use axum::extract::{self, Request};
use axum::middleware::Next;
use axum::response::Response;
use sealpost_core::error::{Error, codes};
use sha2::{Digest, Sha256};

use crate::authenticate::{credential, refuse};
use crate::problem::Problem;
use crate::state::State;

/// The layer: no token, no endpoint.
pub(crate) async fn authenticate(
    extract::State(state): extract::State<State>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(token) = &state.admin_token else {
        return Err(
            Error::new(&codes::request::FORBIDDEN, "the admin API is off: no `admin.token` is configured").into()
        );
    };
    let given = credential(request.headers()).map_err(refuse)?;
    if !equal(given.as_bytes(), token.expose_text()?.as_bytes()) {
        return Err(refuse(Error::new(&codes::request::UNAUTHORIZED, "the admin token is not the right one")));
    }
    Ok(next.run(request).await)
}

/// Compares digests, so that the time taken tells nothing about length or content.
fn equal(given: &[u8], wanted: &[u8]) -> bool {
    let (given, wanted) = (Sha256::digest(given), Sha256::digest(wanted));
    given.iter().zip(wanted.iter()).fold(0, |sum, (one, other)| sum | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_in_full() {
        assert!(equal(b"token", b"token"));
        for other in [&b"tokeN"[..], b"toke", b"", b"token "] {
            assert!(!equal(other, b"token"));
        }
    }
}
