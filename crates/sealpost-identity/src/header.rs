//! A token's header (RFC 7515 section 4): which algorithm, which key, and nothing else that would choose for us.

use sealpost_core::error::Result;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::refusal::{quote, refused};

/// Header members that bring or locate a key, ask for processing that we do not do, or belong to encryption. With each,
/// whoever made the token would choose how it is checked (RFC 8725 sections 2.1, 3.10; RFC 7515 section 4.1.11).
const FORBIDDEN: &[&str] = &["jwk", "jku", "x5u", "x5c", "crit", "b64", "enc", "zip"];

/// Types that an access token may declare (RFC 9068 section 2.1; RFC 7519 section 5.1), in lower case.
const TYPES: &[&str] = &["jwt", "at+jwt"];

/// The longest key id in bytes; those in use have up to 64.
const LONGEST_KEY_ID: usize = 256;

/// What a header says, after its checks.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
}

impl Header {
    pub(crate) fn read(members: &Map<String, Value>) -> Result<Self> {
        if let Some(name) = FORBIDDEN.iter().find(|name| members.contains_key(**name)) {
            return Err(refused(format!("its header has `{name}`, which is never accepted")));
        }
        check_type(members)?;
        Ok(Self { algorithm: algorithm(members)?, key_id: key_id(members)? })
    }
}

fn algorithm(members: &Map<String, Value>) -> Result<Algorithm> {
    let Some(Value::String(name)) = members.get("alg") else {
        return Err(refused("its header names no algorithm (`alg`)"));
    };
    Algorithm::read(name).ok_or_else(|| {
        refused(match name.to_ascii_uppercase().as_str() {
            "NONE" => "it is not signed (`alg` is none)".to_owned(),
            "HS256" | "HS384" | "HS512" => {
                "it is signed with a shared secret (HMAC), and issuers have key pairs".to_owned()
            }
            _ => format!("its algorithm {} is not accepted", quote(name)),
        })
    })
}

fn key_id(members: &Map<String, Value>) -> Result<Option<String>> {
    match members.get("kid") {
        None => Ok(None),
        Some(Value::String(id)) if id.len() > LONGEST_KEY_ID => {
            Err(refused(format!("its key id (`kid`) has {} bytes, at most {LONGEST_KEY_ID} are accepted", id.len())))
        }
        Some(Value::String(id)) if id.chars().any(char::is_control) => {
            Err(refused("its key id (`kid`) has control characters"))
        }
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(_) => Err(refused("its key id (`kid`) is not a string")),
    }
}

fn check_type(members: &Map<String, Value>) -> Result<()> {
    let declared = match members.get("typ") {
        None => return Ok(()),
        Some(Value::String(declared)) => declared.to_ascii_lowercase(),
        Some(_) => return Err(refused("its type (`typ`) is not a string")),
    };
    // RFC 7515 section 4.1.9: `application/` may be left out.
    let short = declared.strip_prefix("application/").unwrap_or(&declared);
    if TYPES.contains(&short) {
        return Ok(());
    }
    Err(refused(format!("its type (`typ`) {} is not that of an access token", quote(&declared))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(header: &Value) -> Result<Header> {
        Header::read(header.as_object().unwrap())
    }

    #[test]
    fn plain_headers_are_read() {
        let header = read(&json!({"alg": "RS256", "kid": "a/b", "x5t": "…", "typ": "application/AT+JWT"})).unwrap();
        assert_eq!((header.algorithm, header.key_id.as_deref()), (Algorithm::RS256, Some("a/b")));
        assert!(read(&json!({"alg": "Ed25519"})).unwrap().key_id.is_none());
    }

    #[test]
    fn every_forbidden_member_is_refused_whatever_its_value() {
        for name in FORBIDDEN {
            for value in [json!(null), json!(""), json!({}), json!([])] {
                let mut header = json!({"alg": "RS256"});
                header[*name] = value;
                assert!(read(&header).unwrap_err().detail().contains(name), "{name}");
            }
        }
    }

    #[test]
    fn types_of_other_tokens_are_refused() {
        for kind in
            ["logout+jwt", "secevent+jwt", "dpop+jwt", "id_token+jwt", "JOSE", "application/okta-internal-at+jwt"]
        {
            assert!(read(&json!({"alg": "RS256", "typ": kind})).is_err(), "{kind}");
        }
        read(&json!({"alg": "RS256", "typ": 1})).unwrap_err();
    }
}
