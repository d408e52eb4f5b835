//! Secrets and references to them. A [`Secret`] can't be printed, serialised or compared, and is wiped on drop.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result, codes};

/// The stage of a secret's version in force, as AWS Secrets Manager names it.
pub const CURRENT: &str = "AWSCURRENT";

/// A secret value. Deliberately without `Display`, `Serialize`, `Clone` and `PartialEq`.
///
/// ```
/// let secret = sealpost_core::secret::Secret::new(b"hunter2".to_vec());
/// assert_eq!(secret.expose(), b"hunter2");
/// ```
///
/// Nothing of this compiles:
///
/// ```compile_fail,E0599
/// let secret = sealpost_core::secret::Secret::new(b"hunter2".to_vec());
/// drop(secret.clone());
/// ```
///
/// ```compile_fail,E0369
/// let secret = sealpost_core::secret::Secret::new(b"hunter2".to_vec());
/// assert!(secret == secret);
/// ```
///
/// ```compile_fail,E0599
/// let secret = sealpost_core::secret::Secret::new(b"hunter2".to_vec());
/// drop(secret.to_string());
/// ```
///
/// ```compile_fail,E0277
/// let secret = sealpost_core::secret::Secret::new(b"hunter2".to_vec());
/// drop(serde_json::to_string(&secret));
/// ```
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of the bytes of a secret.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The value as text without a trailing line break, as passwords are used.
    ///
    /// # Errors
    /// `SP-SECRETS-001` where it is not UTF-8.
    pub fn expose_text(&self) -> Result<&str> {
        std::str::from_utf8(&self.0)
            .map(|text| text.trim_end_matches(['\r', '\n']))
            .map_err(|_| Error::new(&codes::secrets::REFERENCE, "the secret's value is not UTF-8 text"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret is kept: `scheme:rest`, for example `env:DB_PASSWORD` or `file:/run/secrets/db`. Safe to print.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretRef {
    scheme: String,
    rest: String,
}

impl SecretRef {
    /// The store's name: `env`, `file`, `vault`, `aws-sm`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// A reference that is known when this is compiled.
    #[must_use]
    pub fn of(scheme: &'static str, rest: &'static str) -> Self {
        Self { scheme: scheme.to_owned(), rest: rest.to_owned() }
    }

    /// What the store needs to find the value.
    #[must_use]
    pub fn rest(&self) -> &str {
        &self.rest
    }
}

impl FromStr for SecretRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some((scheme, rest))
                if !rest.is_empty()
                    && !scheme.is_empty()
                    && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') =>
            {
                Ok(Self { scheme: scheme.to_owned(), rest: rest.to_owned() })
            }
            // The text itself is not repeated: it may be a secret written where a reference belongs.
            _ => Err(Error::new(
                &codes::secrets::REFERENCE,
                "expected `scheme:reference`, such as `env:NAME` or `file:/path`; a value written in place is refused",
            )),
        }
    }
}

impl TryFrom<String> for SecretRef {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_its_value() {
        let secret = Secret::new(b"hunter2".to_vec());
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_value_in_place_of_a_reference_is_refused_without_repeating_it() {
        let error = "hunter2".parse::<SecretRef>().expect_err("a bare value");
        assert!(!error.to_string().contains("hunter2"));
        assert_eq!("env:DB".parse::<SecretRef>().expect("a reference").to_string(), "env:DB");
    }
}
