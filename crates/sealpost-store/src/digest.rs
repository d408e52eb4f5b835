//! The SHA-256 of an upload: computed while it is written, or told at its end by who has it already.

use sealpost_core::error::{Error, Result, codes};
use sha2::Sha256;

/// Of what was written so far; `None` where it will be told.
pub(crate) struct Digest(Option<Sha256>);

/// How it ends.
pub(crate) enum Ending {
    Computed(Sha256),
    Told([u8; 32]),
}

impl Digest {
    pub(crate) fn computed() -> Self {
        Self(Some(sha2::Digest::new()))
    }

    pub(crate) fn awaited() -> Self {
        Self(None)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.0 {
            sha2::Digest::update(digest, bytes);
        }
    }

    /// Before anything is published. What was `told` counts only where it was to be told.
    ///
    /// # Errors
    /// `SP-STORE-007` where it was to be told, and was not.
    pub(crate) fn ending(self, told: Option<[u8; 32]>) -> Result<Ending> {
        let untold = || Error::new(&codes::store::ABORTED, "the SHA-256 of the file was to be told, and was not");
        match self.0 {
            Some(digest) => Ok(Ending::Computed(digest)),
            None => told.map(Ending::Told).ok_or_else(untold),
        }
    }
}

impl Ending {
    /// The digest, with these last bytes.
    pub(crate) fn with(self, rest: &[u8]) -> [u8; 32] {
        match self {
            Self::Computed(digest) => sha2::Digest::finalize(sha2::Digest::chain_update(digest, rest)).into(),
            Self::Told(digest) => digest,
        }
    }
}
