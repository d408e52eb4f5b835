use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

fn block(profile: &str, change: Value) -> IssuerSettings {
    let mut block = json!({"name": "id", "issuer": "https://id.example", "profile": profile, "audiences": ["us"]});
    for (name, value) in change.as_object().unwrap() {
        block[name] = value.clone();
    }
    serde_json::from_value(block).unwrap()
}

fn verify(accepted: &IssuerSettings, claims: &Value) -> Result<VerifiedToken, String> {
    let mut claims = claims.as_object().unwrap().clone();
    claims.entry("exp").or_insert((NOW + 60).into());
    let now = Timestamp::from_second(NOW).unwrap();
    check(&claims, accepted, now).map_err(|error| error.detail().to_owned())
}

/// A token as each issuer makes it for a machine, with the claims that matter here; and its ID token for the same client.
fn samples() -> Vec<(IssuerSettings, Value, Value)> {
    vec![
        (
            block("generic", json!({})),
            json!({"sub": "c", "client_id": "c", "aud": "us", "scope": "reports:read", "jti": "1"}),
            json!({"sub": "u", "aud": "us", "azp": "c", "nonce": "n"}),
        ),
        (
            block("cognito", json!({"audiences": [], "client_ids": ["c"], "scope_prefix": "https://us.example"})),
            json!({"sub": "c", "client_id": "c", "token_use": "access", "scope": "https://us.example/reports:read", "version": 2}),
            json!({"sub": "u", "aud": "c", "token_use": "id", "cognito:username": "u"}),
        ),
        (
            block("okta", json!({})),
            json!({"ver": 1, "sub": "c", "cid": "c", "aud": "us", "scp": ["reports:read"]}),
            json!({"ver": 1, "sub": "u", "aud": "us", "amr": ["pwd"], "idp": "i", "auth_time": 1}),
        ),
        (
            block("auth0", json!({})),
            json!({"sub": "c@clients", "azp": "c", "gty": "client-credentials", "aud": ["us", "https://t.auth0.com/userinfo"],
                   "scope": "reports:read", "permissions": ["reports:read"]}),
            json!({"sub": "auth0|u", "aud": "us", "name": "u"}),
        ),
        (
            block("entra", json!({})),
            json!({"aud": "us", "azp": "c", "azpacr": "1", "oid": "o", "roles": ["reports:read"], "sub": "o", "ver": "2.0"}),
            json!({"aud": "us", "sub": "u", "oid": "o", "ver": "2.0", "preferred_username": "u"}),
        ),
        (
            block("keycloak", json!({})),
            json!({"aud": ["account", "us"], "azp": "c", "typ": "Bearer", "scope": "reports:read", "nonce": "n",
                   "realm_access": {"roles": []}, "clientHost": "1.2.3.4"}),
            json!({"aud": "us", "azp": "c", "typ": "ID", "sub": "u"}),
        ),
    ]
}

#[test]
fn each_profile_takes_its_access_token_and_refuses_its_id_token() {
    for (accepted, access, id) in samples() {
        let profile = accepted.profile.entry().name;
        let token = verify(&accepted, &access).unwrap_or_else(|why| panic!("{profile}: {why}"));
        assert_eq!(token.identity, Identity { issuer: "id".into(), subject: "c".into() }, "{profile}");
        assert_eq!(token.scopes, ["reports:read"], "{profile}");
        assert!(verify(&accepted, &id).is_err(), "{profile}");
        // What tells them apart must not rest on the audience alone.
        let mut meant_for_us = id.clone();
        meant_for_us["aud"] = json!("us");
        assert!(verify(&block(profile, json!({})), &meant_for_us).is_err(), "{profile}");
    }
}

#[test]
fn marks_of_other_tokens_are_refused_for_every_profile() {
    for (accepted, access, _) in samples() {
        for (name, value) in [
            ("at_hash", json!("x")),
            ("c_hash", json!("x")),
            ("events", json!({})),
            ("cnf", json!({"jkt": "x"})),
            ("token_use", json!("id")),
            ("typ", json!("Refresh")),
        ] {
            let mut claims = access.clone();
            claims[name] = value;
            assert!(verify(&accepted, &claims).unwrap_err().contains(name), "{:?} {name}", accepted.profile);
        }
    }
}

#[test]
fn entra_tokens_of_version_1_name_the_client_in_appid() {
    let claims = json!({"aud": "us", "appid": "c", "appidacr": "1", "ver": "1.0", "sub": "o"});
    assert_eq!(verify(&block("entra", json!({})), &claims).unwrap().identity.subject, "c");
}

#[test]
fn a_token_is_accepted_for_an_audience_or_without_one_for_a_client() {
    let audience = block("generic", json!({}));
    let client = block("generic", json!({"audiences": [], "client_ids": ["c"]}));
    let both = block("generic", json!({"client_ids": ["c"]}));
    for (claims, expected) in [
        (json!({"aud": "us", "client_id": "c"}), [true, false, true]),
        (json!({"aud": ["x", "us"], "client_id": "c"}), [true, false, true]),
        (json!({"aud": "us", "client_id": "d"}), [true, false, false]),
        (json!({"client_id": "c"}), [false, true, true]),
        (json!({"azp": "c"}), [false, true, true]),
        (json!({"cid": "c", "sub": "c"}), [false, true, true]),
        (json!({"client_id": "d"}), [false, false, false]),
        (json!({"client_id": ["c"]}), [false, false, false]),
        (json!({"sub": "c"}), [false, false, false]),
        (json!({"aud": "them", "client_id": "c"}), [false, false, false]),
        (json!({"aud": [], "client_id": "c"}), [false, false, false]),
        (json!({"aud": ["us", 1], "client_id": "c"}), [false, false, false]),
        (json!({"aud": null, "client_id": "c"}), [false, false, false]),
        (json!({"aud": "US", "client_id": "c"}), [false, false, false]),
    ] {
        let found = [&audience, &client, &both].map(|accepted| verify(accepted, &claims).is_ok());
        assert_eq!(found, expected, "{claims}");
    }
    let why = verify(&audience, &json!({"aud": "them"})).unwrap_err();
    assert_eq!(why, "audience `them` is not accepted here");
}

#[test]
fn the_caller_is_a_plain_name() {
    let accepted = block("generic", json!({"subject_claim": "partner"}));
    let named = |value: Value| verify(&accepted, &json!({"aud": "us", "client_id": "c", "partner": value}));
    assert_eq!(named(json!("p")).unwrap().identity.subject, "p");
    for value in [json!(""), json!(" p"), json!("p\n"), json!("p\u{0}"), json!(1), json!(["p"]), json!("p".repeat(256))]
    {
        assert!(named(value.clone()).unwrap_err().contains("partner"), "{value}");
    }
    // The configured claim stands alone: another one must not step in where it is missing.
    assert!(verify(&accepted, &json!({"aud": "us", "client_id": "c"})).is_err());
}

/// As API Gateway's authorizer for HTTP APIs hands them on: all of it text, lists in brackets, times that are long over.
#[test]
fn claims_that_a_gateway_vouches_for_are_checked_but_for_their_time() {
    let now = Timestamp::from_second(NOW).unwrap();
    let accepted = block("auth0", json!({}));
    let claims = json!({"sub": "c@clients", "azp": "c", "gty": "client-credentials", "exp": "1583348638", "iat": "1583348038",
                        "aud": "[us https://t.auth0.com/userinfo]", "permissions": "[reports:read keys:write]"});
    let verified = check_vouched(claims.as_object().unwrap(), &accepted, now).unwrap();
    assert_eq!(verified.scopes, ["reports:read", "keys:write"]);
    let elsewhere = json!({"sub": "c@clients", "azp": "c", "gty": "client-credentials", "aud": "[them]"});
    assert!(check_vouched(elsewhere.as_object().unwrap(), &accepted, now).is_err());
    for (accepted, access, id) in samples() {
        assert!(check_vouched(access.as_object().unwrap(), &accepted, now).is_ok(), "{access}");
        assert!(check_vouched(id.as_object().unwrap(), &accepted, now).is_err(), "{id}");
    }
}
