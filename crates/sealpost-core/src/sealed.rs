//! Sealed files: ciphertext in the store.

use serde::{Deserialize, Serialize};

use crate::id::{JobId, PartnerId};

/// Where a sealed file lies: one folder per partner, one place per attempt, so that a worker that lost its lease can
/// never touch the file of the one that took over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SealedKey {
    /// The partner whose folder it is in.
    pub partner: PartnerId,
    /// The job that produced it.
    pub job: JobId,
    /// Which attempt of the job, from 1.
    pub attempt: u32,
    /// The name that the partner sees.
    pub file_name: FileName,
}

/// A file as stored: what is sent, resumed and replayed, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedFile {
    /// Where it is.
    pub key: SealedKey,
    /// Size of the ciphertext in bytes.
    pub size: u64,
    /// SHA-256 of the ciphertext, lower-case hexadecimal.
    pub sha256: String,
}

/// A file name that is safe on every server: 1 to 200 bytes, no separators, no control characters, no leading dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for FileName {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Self> {
        let fits = (1..=200).contains(&text.len())
            && !text.starts_with('.')
            && text.chars().all(|character| {
                character.is_alphanumeric() || matches!(character, '.' | '_' | '-' | '+' | '=' | '@' | ',')
            });
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(crate::Error::new(
                &crate::error::codes::store::NAME,
                format!(
                    "`{}`: 1 to 200 bytes of letters, digits and . _ - + = @ , not starting with a dot",
                    text.escape_debug()
                ),
            ))
        }
    }
}

impl TryFrom<String> for FileName {
    type Error = crate::Error;

    fn try_from(text: String) -> crate::Result<Self> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
