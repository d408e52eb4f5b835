//! How the tokens of known issuers look: one readable row each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose tokens an issuer's tokens look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Any issuer of JWT access tokens, best of RFC 9068.
    #[default]
    Generic,
    /// Amazon Cognito user pools.
    Cognito,
    /// Okta's custom authorization servers.
    Okta,
    /// Auth0.
    Auth0,
    /// Microsoft Entra ID (Azure AD), tokens of version 1 and 2.
    Entra,
    /// Keycloak.
    Keycloak,
}

/// A row of the table of profiles.
#[derive(Debug)]
pub struct ProfileEntry {
    /// Which.
    pub profile: Profile,
    /// Its name in the configuration.
    pub name: &'static str,
    /// Claims with the caller's identity; the first that is there counts. `subject_claim` replaces them.
    pub subject: &'static [&'static str],
    /// Claims with the client that the token was issued to; the first that is there is compared with `client_ids`.
    pub client: &'static [&'static str],
    /// Claims with scopes; all of them count.
    pub scopes: &'static [&'static str],
    /// What tells an access token from the issuer's other tokens, besides [`EVERY_ACCESS_TOKEN`].
    pub marks: &'static [Mark],
    /// Whether its access tokens always carry `aud`, so that `audiences` is required.
    pub audience: bool,
    /// Where the facts are from.
    pub source: &'static str,
}

/// A sign that a token is an access token, and one that we can check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The claim has this value.
    Is(&'static str, &'static str),
    /// The claim has this value if it is there.
    IsOrMissing(&'static str, &'static str),
    /// The claim has none of these values.
    IsNot(&'static str, &'static [&'static str]),
    /// One of the claims is there.
    Has(&'static [&'static str]),
    /// The claim is not there. The words say what its presence means.
    HasNot(&'static str, &'static str),
}

const ID_TOKEN: &str = "only ID tokens have it";

/// What holds for the access tokens of all issuers.
///
/// `at_hash` and `c_hash` are members of ID tokens (`OpenID` Connect Core 3.1.3.6, 3.3.2.11), `events` of logout and
/// security event tokens (RFC 8417). A token with `cnf` works only together with a proof of possession (RFC 7800, RFC 8705,
/// RFC 9449): accepting it without would turn a stolen one into a key.
pub static EVERY_ACCESS_TOKEN: &[Mark] = &[
    Mark::IsOrMissing("token_use", "access"),
    Mark::IsNot("typ", &["ID", "Refresh", "Offline", "Logout"]),
    Mark::HasNot("at_hash", ID_TOKEN),
    Mark::HasNot("c_hash", ID_TOKEN),
    Mark::HasNot("events", "it is an event, no access token"),
    Mark::HasNot("cnf", "it is bound to a key (DPoP or mTLS), whose proof is not checked here"),
];

/// Every profile.
pub static PROFILES: &[ProfileEntry] = &[
    ProfileEntry {
        profile: Profile::Generic,
        name: "generic",
        subject: &["client_id", "azp", "sub"],
        client: &["client_id", "azp", "cid", "appid"],
        scopes: &["scope", "scp", "permissions"],
        marks: &[Mark::HasNot("nonce", ID_TOKEN)],
        audience: false,
        source: "RFC 9068 section 2.2; OpenID Connect Core section 2",
    },
    ProfileEntry {
        profile: Profile::Cognito,
        name: "cognito",
        subject: &["client_id"],
        client: &["client_id"],
        scopes: &["scope"],
        // Without it ID and access tokens can't be told apart. `aud` is there only with resource binding.
        marks: &[Mark::Is("token_use", "access")],
        audience: false,
        source: "Amazon Cognito developer guide, Understanding the access token",
    },
    ProfileEntry {
        profile: Profile::Okta,
        name: "okta",
        subject: &["cid"],
        client: &["cid"],
        scopes: &["scp"],
        marks: &[Mark::Has(&["cid"]), Mark::HasNot("nonce", ID_TOKEN)],
        audience: true,
        source: "Okta OpenID Connect & OAuth 2.0 API, Access token claims: cid and scp stand in access tokens only",
    },
    ProfileEntry {
        profile: Profile::Auth0,
        name: "auth0",
        // Auth0's own form has azp, its RFC 9068 form has client_id.
        subject: &["azp", "client_id"],
        client: &["azp", "client_id"],
        scopes: &["scope", "permissions"],
        marks: &[Mark::Has(&["azp", "client_id"]), Mark::HasNot("nonce", ID_TOKEN)],
        audience: true,
        source: "Auth0 docs, Access Token Profiles",
    },
    ProfileEntry {
        profile: Profile::Entra,
        name: "entra",
        // Version 2 tokens have azp, version 1 tokens have appid.
        subject: &["azp", "appid"],
        client: &["azp", "appid"],
        // A client credentials token has no scp: its permissions are application roles.
        scopes: &["scp", "roles"],
        marks: &[Mark::Has(&["azp", "appid"]), Mark::HasNot("nonce", ID_TOKEN)],
        audience: true,
        source: "Microsoft identity platform, Access token claims reference",
    },
    ProfileEntry {
        profile: Profile::Keycloak,
        name: "keycloak",
        subject: &["azp", "client_id"],
        client: &["azp", "client_id"],
        scopes: &["scope"],
        // The claim, not the header; ID tokens have `ID`. Older versions put `nonce` into access tokens too.
        marks: &[Mark::Is("typ", "Bearer")],
        audience: false,
        source: "Keycloak, org.keycloak.util.TokenUtil and AccessToken",
    },
];

impl Profile {
    /// The row of the table.
    #[must_use]
    pub fn entry(self) -> &'static ProfileEntry {
        PROFILES.iter().find(|entry| entry.profile == self).unwrap_or(&PROFILES[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_has_a_row_under_its_name() {
        for entry in PROFILES {
            assert_eq!(entry.profile.entry().name, entry.name);
            assert_eq!(serde_json::to_value(entry.profile).unwrap(), entry.name);
        }
        for name in ["generic", "cognito", "okta", "auth0", "entra", "keycloak"] {
            let profile: Profile = serde_json::from_value(name.into()).unwrap();
            assert_eq!(profile.entry().name, name);
        }
    }
}
