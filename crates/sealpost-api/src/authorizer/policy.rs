//! IAM policies for a stage: what a caller's scopes allow, whichever route is asked.

use std::collections::BTreeSet;

use http::Method;
use sealpost_core::Result;
use sealpost_core::error::{Error, codes};
use sealpost_core::identity::Scope;
use serde_json::{Value as Json, json};

use crate::authenticate::operation::{self, Operation};

/// Most characters of a resource in an authorizer's policy, as API Gateway's guide says.
const LONGEST_RESOURCE: usize = 512;

/// Everything of the stage but the operations whose scope is missing.
pub(super) fn allow(stage: &str, scopes: &[Scope]) -> Result<Json> {
    let mut statements = vec![statement("Allow", vec![resource(stage, "*")?])];
    let denied: Vec<String> = missing(scopes).iter().map(|pattern| resource(stage, pattern)).collect::<Result<_>>()?;
    if !denied.is_empty() {
        statements.push(statement("Deny", denied));
    }
    Ok(json!({"Version": "2012-10-17", "Statement": statements}))
}

/// Nothing of the stage.
pub(super) fn deny(stage: &str) -> Result<Json> {
    Ok(json!({"Version": "2012-10-17", "Statement": [statement("Deny", vec![resource(stage, "*")?])]}))
}

/// Whether a request, written as `GET/v1/reports` in all the ways in which it can be read, is an operation, and in none
/// of them one whose scope is missing.
pub(super) fn allows(readings: &[String], scopes: &[Scope]) -> bool {
    let is_any_of = |patterns: BTreeSet<String>| {
        patterns.iter().any(|pattern| readings.iter().any(|asked| matches(pattern, asked)))
    };
    is_any_of(patterns(|_| true)) && !is_any_of(missing(scopes))
}

/// The operations whose scope is missing.
fn missing(scopes: &[Scope]) -> BTreeSet<String> {
    patterns(|operation| !scopes.contains(&operation.scope))
}

/// Operations as `METHOD/path` with `*` for parameters, and for all that stands behind the last one of `{id}:verb`: a
/// client may write the colon, or any letter of the verb, percent-encoded, and a policy compares what the client wrote.
fn patterns(wanted: impl Fn(&Operation) -> bool) -> BTreeSet<String> {
    let mut patterns = BTreeSet::new();
    for operation in operation::all().iter().filter(|operation| wanted(operation)) {
        let path =
            operation.path.rsplit_once("}:").map_or(operation.path.to_owned(), |(before, _)| format!("{before}}}"));
        let mut pattern = String::new();
        for part in path.split('{') {
            match part.split_once('}') {
                Some((_, rest)) => pattern.extend(["*", rest]),
                None => pattern.push_str(part),
            }
        }
        if operation.method == Method::GET {
            patterns.insert(format!("HEAD{pattern}"));
        }
        patterns.insert(format!("{}{pattern}", operation.method));
    }
    patterns
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
                let encoded = asked.replace(':', "%3A");
                for asked in [asked, encoded] {
                    // The router knows the one verb of no id by its own path only.
                    if !asked.contains("reports%3A") {
                        let expected = scopes.contains(&operation.scope);
                        assert_eq!(allows(std::slice::from_ref(&asked), &scopes), expected, "{asked} {scopes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_operation_is_not_allowed_nor_what_is_one_in_any_reading() {
        let allows = |readings: &[&str], scopes: &[Scope]| {
            allows(&readings.iter().map(|asked| (*asked).to_owned()).collect::<Vec<_>>(), scopes)
        };
        for unknown in [&["GET/v2/reports"][..], &["PATCH/v1/reports"], &["GET"], &[]] {
            assert!(!allows(unknown, &Scope::ALL), "{unknown:?}");
        }
        assert!(allows(&["POST/reports", "POST/v1/reports"], &[Scope::ReportsWrite]));
        assert!(!allows(&["GET/v1/reports", "POST/v1/reports"], &[Scope::ReportsRead]));
    }

    #[test]
    fn a_policy_stays_small() {
        let stage = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/production";
        let policy = allow(stage, &[Scope::SchedulesWrite]).expect("a policy").to_string();
        assert!(policy.len() < 8_192, "{} bytes", policy.len());
        assert!(allow(&"x".repeat(520), &[]).is_err());
    }
}
