//! Secret references to values.

use async_trait::async_trait;

use crate::error::Result;
use crate::secret::{Secret, SecretRef};

/// Resolves a reference to a value that can't be printed and is wiped on drop.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The value that the reference points to, now.
    ///
    /// # Errors
    /// `SP-SECRETS-001` to `-004`.
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret>;
}
