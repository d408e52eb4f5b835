//! What a token allows: its scopes, in whichever claims its issuer puts them.

use sealpost_core::error::Result;
use serde_json::{Map, Value};

use crate::refusal::refused;

/// The scopes of these claims, each once, without the prefix.
///
/// With a prefix, scopes of `scope` and `scp` that lack it are another service's of the same issuer, and do not count,
/// whatever they are called. `permissions` and `roles` belong to the one API that the token's audience names, and their
/// issuers (Auth0, Entra ID) put no prefix there: they count with or without it.
///
/// # Errors
/// When such a claim has another shape than issuers give it: what it means is then anyone's guess.
pub(crate) fn read(claims: &Map<String, Value>, names: &[&str], prefix: Option<&str>) -> Result<Vec<String>> {
    let mut scopes: Vec<String> = Vec::new();
    let mut add = |scope: &str, is_shared: bool| {
        let Some(scope) = short(scope, prefix, is_shared) else { return };
        if !scope.is_empty() && !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    };
    for name in names {
        let is_shared = *name == "scope" || *name == "scp";
        match claims.get(*name) {
            None => {}
            // RFC 8693 section 4.2: a string with spaces between the scopes.
            Some(Value::String(list)) if is_shared => list.split(' ').for_each(|scope| add(scope, is_shared)),
            Some(Value::Array(list)) if *name != "scope" && list.iter().all(Value::is_string) => {
                list.iter().filter_map(Value::as_str).for_each(|scope| add(scope, is_shared));
            }
            Some(_) => return Err(refused(format!("its `{name}` has a shape that no issuer gives it"))),
        }
    }
    Ok(scopes)
}

/// Without the prefix, and without the slash that Cognito puts between resource server and scope. `None` for one that
/// lacks the prefix in a claim that several services share.
fn short<'a>(scope: &'a str, prefix: Option<&str>, is_shared: bool) -> Option<&'a str> {
    let Some(prefix) = prefix else { return Some(scope) };
    match scope.strip_prefix(prefix) {
        Some(rest) => Some(rest.strip_prefix('/').unwrap_or(rest)),
        None => Some(scope).filter(|_| !is_shared),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALL: &[&str] = &["scope", "scp", "permissions"];

    #[test]
    fn all_claims_count_and_each_scope_once() {
        let claims = json!({"scope": "a  b", "scp": ["b", "c"], "permissions": ["d"], "roles": ["e"]});
        assert_eq!(read(claims.as_object().unwrap(), ALL, None).unwrap(), ["a", "b", "c", "d"]);
        let claims = json!({"scp": "a b", "roles": ["e"]});
        assert_eq!(read(claims.as_object().unwrap(), &["scp", "roles"], None).unwrap(), ["a", "b", "e"]);
        assert!(read(&Map::new(), ALL, None).unwrap().is_empty());
    }

    #[test]
    fn with_a_prefix_only_scopes_of_this_service_count() {
        let claims = json!({
            "scope": "https://a.example/x:read https://b.example/x:read x:write", "permissions": ["x:list", "https://a.example/x:ask"],
        });
        for prefix in ["https://a.example", "https://a.example/"] {
            let scopes = read(claims.as_object().unwrap(), ALL, Some(prefix)).unwrap();
            assert_eq!(scopes, ["x:read", "x:list", "x:ask"]);
        }
    }

    #[test]
    fn another_shape_is_refused() {
        for claims in [
            json!({"scope": ["a"]}),
            json!({"scope": 1}),
            json!({"scope": null}),
            json!({"scp": [1]}),
            json!({"scp": {"a": true}}),
            json!({"permissions": "a"}),
        ] {
            assert!(read(claims.as_object().unwrap(), ALL, None).is_err(), "{claims}");
        }
    }
}
