//! What a token allows: its scopes, in whichever claims its issuer puts them.

use sealpost_core::error::Result;
use serde_json::{Map, Value};

use crate::refusal::refused;

/// The scopes of these claims, each once, without the prefix.
///
/// # Errors
/// When such a claim has another shape than issuers give it: what it means is then anyone's guess.
pub(crate) fn read(claims: &Map<String, Value>, names: &[&str], prefix: Option<&str>) -> Result<Vec<String>> {
    let mut scopes: Vec<String> = Vec::new();
    let mut add = |scope: &str| {
        let scope = short(scope, prefix);
        if !scope.is_empty() && !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    };
    for name in names {
        match claims.get(*name) {
            None => {}
            // RFC 8693 section 4.2: a string with spaces between the scopes.
            Some(Value::String(list)) if *name == "scope" || *name == "scp" => list.split(' ').for_each(&mut add),
            Some(Value::Array(list)) if *name != "scope" && list.iter().all(Value::is_string) => {
                list.iter().filter_map(Value::as_str).for_each(&mut add);
            }
            Some(_) => return Err(refused(format!("its `{name}` has a shape that no issuer gives it"))),
        }
    }
    Ok(scopes)
}

/// Without the prefix, and without the slash that Cognito puts between resource server and scope.
fn short<'a>(scope: &'a str, prefix: Option<&str>) -> &'a str {
    match prefix.and_then(|prefix| scope.strip_prefix(prefix)) {
        Some(rest) => rest.strip_prefix('/').unwrap_or(rest),
        None => scope,
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
    fn the_prefix_of_this_service_goes_that_of_others_stays() {
        let claims = json!({"scope": "https://a.example/x:read https://b.example/x:read openid"});
        for prefix in ["https://a.example", "https://a.example/"] {
            let scopes = read(claims.as_object().unwrap(), ALL, Some(prefix)).unwrap();
            assert_eq!(scopes, ["x:read", "https://b.example/x:read", "openid"]);
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
