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
    /// A block of the configuration, ready but for the names.
    pub example: &'static str,
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
        example: r#"[[identity.issuers]]
name = "id"
issuer = "https://id.example"
audiences = ["https://reports.example"]
"#,
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
        example: r#"[[identity.issuers]]
name = "cognito"
profile = "cognito"
issuer = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"
# The app clients of the partners: Cognito's tokens have no audience.
client_ids = ["1example23456789", "2example23456789"]
# The resource server's identifier: its scope `https://reports.example/reports:read` counts as `reports:read`.
scope_prefix = "https://reports.example"
"#,
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
        example: r#"[[identity.issuers]]
name = "okta"
profile = "okta"
# A custom authorization server: tokens of the org's own one can't be checked by anyone but Okta.
issuer = "https://company.okta.com/oauth2/default"
audiences = ["api://reports"]
"#,
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
        example: r#"[[identity.issuers]]
name = "auth0"
profile = "auth0"
# With the slash at its end, as Auth0's tokens have it.
issuer = "https://company.eu.auth0.com/"
audiences = ["https://reports.example"]
"#,
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
        example: r#"[[identity.issuers]]
name = "entra"
profile = "entra"
# Tokens of version 1 have the issuer `https://sts.windows.net/TENANT/`; they also need
# `discovery_url = "https://login.microsoftonline.com/TENANT/.well-known/openid-configuration"`.
issuer = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"
# The API's application id (version 2) or its application id URI (version 1). Its application roles are the scopes.
audiences = ["00001111-aaaa-2222-bbbb-3333cccc4444"]
"#,
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
        example: r#"[[identity.issuers]]
name = "keycloak"
profile = "keycloak"
issuer = "https://keycloak.example/realms/partners"
# From an audience mapper in a client scope of this service.
audiences = ["sealpost"]
"#,
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
    use crate::settings::IssuerSettings;

    #[test]
    fn every_profile_has_a_row_and_an_example_under_its_name() {
        for entry in PROFILES {
            assert_eq!(entry.profile.entry().name, entry.name);
            assert_eq!(serde_json::to_value(entry.profile).unwrap(), entry.name);
        }
        for entry in PROFILES {
            let configuration: toml::Table = toml::from_str(entry.example).unwrap();
            let block: IssuerSettings = configuration["identity"]["issuers"][0].clone().try_into().unwrap();
            assert_eq!((block.profile, block.problems()), (entry.profile, vec![]), "{}", entry.name);
        }
        for name in ["generic", "cognito", "okta", "auth0", "entra", "keycloak"] {
            let profile: Profile = serde_json::from_value(name.into()).unwrap();
            assert_eq!(profile.entry().name, name);
        }
    }
}
