//! The signature algorithms that can be accepted (RFC 7518 section 3.1, RFC 8037), and the keys that they need.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A signature algorithm with a public and a private key. HMAC and `none` do not exist here, so no setting can allow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// `EdDSA` with Ed25519; RFC 9864 calls it `Ed25519`.
    EdDSA,
}

/// The kind of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The name in a token's header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Reads `alg`. Names are case-sensitive (RFC 7515 section 4.1.1).
    pub(crate) fn read(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDSA);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// The only kind of key that it works with.
    pub(crate) fn key_kind(self) -> KeyKind {
        match self {
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => KeyKind::Rsa,
            Self::ES256 => KeyKind::P256,
            Self::ES384 => KeyKind::P384,
            Self::EdDSA => KeyKind::Ed25519,
        }
    }

    pub(crate) fn implementation(self) -> jsonwebtoken::Algorithm {
        use jsonwebtoken::Algorithm as Implemented;
        match self {
            Self::RS256 => Implemented::RS256,
            Self::RS384 => Implemented::RS384,
            Self::RS512 => Implemented::RS512,
            Self::PS256 => Implemented::PS256,
            Self::PS384 => Implemented::PS384,
            Self::PS512 => Implemented::PS512,
            Self::ES256 => Implemented::ES256,
            Self::ES384 => Implemented::ES384,
            Self::EdDSA => Implemented::EdDSA,
        }
    }
}

impl KeyKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::Ed25519 => "Ed25519",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_algorithm_in_headers_settings_and_the_library() {
        for algorithm in Algorithm::ALL {
            let name = algorithm.as_str();
            assert_eq!(Algorithm::read(name), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), name);
            assert_eq!(format!("{:?}", algorithm.implementation()), name);
        }
        for name in ["none", "None", "HS256", "rs256", "RS1", "ES512", "ES256K", "Ed448", ""] {
            assert_eq!(Algorithm::read(name), None, "{name}");
        }
    }
}
