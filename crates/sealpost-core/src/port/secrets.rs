//! Secret references to values.

use async_trait::async_trait;

use crate::error::{Error, Result, codes};
use crate::secret::{CURRENT, Secret, SecretRef};

/// Resolves a reference to a value that can't be printed and is wiped on drop.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The value that the reference points to, now.
    ///
    /// # Errors
    /// `SP-SECRETS-001` to `-004`.
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret>;

    /// The value that a version stage of the reference points to, now. A store without stages knows
    /// [`CURRENT`] only.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve); `SP-SECRETS-002` where there is no such stage.
    async fn resolve_stage(&self, reference: &SecretRef, stage: &str) -> Result<Secret> {
        if stage == CURRENT {
            return self.resolve(reference).await;
        }
        Err(Error::new(&codes::secrets::MISSING, format!("`{}:…` has no stage `{stage}`", reference.scheme())))
    }

    /// Told when a value of the reference did not open what it should: it may have been changed a moment ago, so a store
    /// that keeps values for a while asks again next time, for every stage. Most stores keep nothing.
    async fn stale(&self, _reference: &SecretRef) {}
}

/// Keeps a value under a name, for its owner's eyes only, and gives the reference that resolves to it: for what
/// partners hand in through the API.
#[async_trait]
pub trait SecretVault: Send + Sync {
    /// Keeps a value, replacing an earlier one of the name. The name is 1 to 200 of `a-z 0-9 / -`.
    ///
    /// # Errors
    /// `SP-SECRETS-001` for a bad name, or a value that can't be kept there; `-002` to `-007` as the place says.
    async fn keep(&self, name: &str, value: &Secret) -> Result<SecretRef>;

    /// Removes what a reference of this vault points to; a reference of another origin is left alone.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    async fn forget(&self, reference: &SecretRef) -> Result<()>;
}
