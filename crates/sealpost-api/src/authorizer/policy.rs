//! IAM policies for a stage: what a caller's scopes allow, whichever route is asked.

use sealpost_core::Result;
use sealpost_core::error::{Error, codes};
use sealpost_core::identity::Scope;
use serde_json::{Value as Json, json};

use crate::authenticate::operation;

/// Most characters of a resource in an authorizer's policy, as API Gateway's guide says.
const LONGEST_RESOURCE: usize = 512;

/// Everything of the stage but the operations whose scope is missing.
pub(super) fn allow(stage: &str, scopes: &[Scope]) -> Result<Json> {
    let mut statements = vec![statement("Allow", vec![resource(stage, "*")?])];
    let denied: Vec<String> = missing(scopes).map(|pattern| resource(stage, &pattern)).collect::<Result<_>>()?;
    if !denied.is_empty() {
        statements.push(statement("Deny", denied));
    }
    Ok(json!({"Version": "2012-10-17", "Statement": statements}))
}

/// Nothing of the stage.
pub(super) fn deny(stage: &str) -> Result<Json> {
    Ok(json!({"Version": "2012-10-17", "Statement": [statement("Deny", vec![resource(stage, "*")?])]}))
}

/// Whether a request, written as `GET/v1/reports`, needs a scope that is missing.
pub(super) fn lacks_scope(asked: &str, scopes: &[Scope]) -> bool {
    missing(scopes).any(|pattern| matches(&pattern, asked))
}

/// The operations whose scope is missing, as `METHOD/path` with `*` for parameters.
fn missing(scopes: &[Scope]) -> impl Iterator<Item = String> {
    let denied = operation::all().iter().filter(|operation| !scopes.contains(&operation.scope));
    denied.flat_map(|operation| {
        let mut path = String::new();
        for part in operation.path.split('{') {
            match part.split_once('}') {
                Some((_, rest)) => path.extend(["*", rest]),
                None => path.push_str(part),
            }
        }
        let head = (operation.method == http::Method::GET).then(|| format!("HEAD{path}"));
        std::iter::once(format!("{}{path}", operation.method)).chain(head)
    })
}

fn statement(effect: &str, mut resources: Vec<String>) -> Json {
    let one = if resources.len() == 1 { resources.pop() } else { None };
    let resource = one.map_or_else(|| Json::from(resources), Json::from);
    json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource})
}

fn resource(stage: &str, pattern: &str) -> Result<String> {
    let resource = format!("{stage}/{pattern}");
    if resource.len() <= LONGEST_RESOURCE {
        return Ok(resource);
    }
    let detail = format!("the event's ARN is too long: a policy's resource has at most {LONGEST_RESOURCE} characters");
    Err(Error::new(&codes::request::INVALID, detail))
}

/// `*` stands for any characters, slashes too, as in IAM.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_as_in_iam() {
        for (pattern, text, expected) in [
            ("GET/a", "GET/a", true),
            ("GET/a", "GET/ab", false),
            ("GET/a/*", "GET/a/b/c", true),
            ("GET/a/*/c", "GET/a/b/c", true),
            ("GET/a/*/c", "GET/a/b/d", false),
            ("POST/a/*:test", "POST/a/b:test", true),
            ("*", "anything", true),
            ("GET/*x*x", "GET/x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// For every set of scopes, exactly the operations whose scope is missing are denied: no pattern catches another
    /// operation as well.
    #[test]
    fn each_set_of_scopes_denies_what_it_lacks_and_nothing_else() {
        for set in 0..1_u32 << Scope::ALL.len() {
            let scopes: Vec<Scope> = Scope::ALL
                .into_iter()
                .enumerate()
                .filter(|(bit, _)| set >> bit & 1 == 1)
                .map(|(_, scope)| scope)
                .collect();
            for operation in operation::all() {
                let asked = format!("{}{}", operation.method, operation.path.replace('{', "").replace('}', "1"));
                assert_eq!(lacks_scope(&asked, &scopes), !scopes.contains(&operation.scope), "{asked} {scopes:?}");
            }
        }
    }

    #[test]
    fn a_policy_stays_small() {
        let stage = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/production";
        let policy = allow(stage, &[Scope::SchedulesWrite]).expect("a policy").to_string();
        assert!(policy.len() < 8_192, "{} bytes", policy.len());
        assert!(allow(&"x".repeat(520), &[]).is_err());
    }
}
