//! Access tokens to callers.

use async_trait::async_trait;

use crate::error::Result;
use crate::identity::VerifiedToken;

/// Decides whether an access token is genuine, meant for us and alive, by keys that only its issuer's own address
/// provides; nothing in the token chooses where a key comes from.
#[async_trait]
pub trait TokenVerifier: Send + Sync {
    /// Verifies a token. The token itself appears in no error.
    ///
    /// # Errors
    /// `SP-REQUEST-027` with the reason; `SP-REQUEST-031` where the issuer's keys can't be had.
    async fn verify(&self, token: &str) -> Result<VerifiedToken>;

    /// What the claims of a token say whose signature and time a gateway in front of us has verified against one of the same
    /// issuers; whom it is for, what kind it is and what it allows is decided here as ever. Claims may be text throughout, as API
    /// Gateway hands them on.
    ///
    /// # Errors
    /// `SP-REQUEST-027` with the reason.
    fn vouched(&self, claims: &serde_json::Map<String, serde_json::Value>) -> Result<VerifiedToken>;

    /// Fetches every issuer's keys anew, as a verification would: each issuer's name with what was found in words.
    async fn check(&self) -> Vec<(String, Result<String>)>;
}
