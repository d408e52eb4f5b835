//! A token taken apart (RFC 7515 section 7.1, RFC 7519 section 7.2), within limits, nothing in it believed yet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealpost_core::error::Result;
use serde_json::{Map, Value};

use crate::header::Header;
use crate::json;
use crate::refusal::refused;

/// The longest token in bytes. Those in use have 1 to 3 KiB; proxies stop at 8 to 16.
pub(crate) const LONGEST: usize = 16 * 1024;

/// The parts of a token. Its text lives in the caller.
pub(crate) struct Token<'a> {
    pub(crate) header: Header,
    pub(crate) claims: Map<String, Value>,
    /// What is signed: header, dot, claims, as they were sent.
    pub(crate) signed: &'a [u8],
    /// The signature, still in base64url.
    pub(crate) signature: &'a str,
}

impl<'a> Token<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self> {
        if token.len() > LONGEST {
            return Err(refused(format!("it has {} bytes, at most {LONGEST} are accepted", token.len())));
        }
        let parts: Vec<&str> = token.splitn(6, '.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err(refused(match parts.len() {
                5 => "it is encrypted (JWE), which is not accepted".to_owned(),
                1 => "it is not a JWT: only access tokens in JWT form are accepted, not opaque ones".to_owned(),
                _ => "it is not a signed JWT of three parts".to_owned(),
            }));
        };
        let signed = &token.as_bytes()[..header.len() + 1 + claims.len()];
        let header = Header::read(&part(header, "header")?)?;
        if signature.is_empty() {
            return Err(refused("it has no signature"));
        }
        Ok(Self { header, claims: part(claims, "claims")?, signed, signature })
    }
}

/// Decodes one part. Only the one canonical base64url form without padding is accepted, so a token has one spelling.
fn part(text: &str, what: &str) -> Result<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused(format!("its {what} part is not base64url")))?;
    json::object(&bytes).map_err(|why| refused(format!("its {what} part is not acceptable JSON: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn what_is_signed_is_what_was_sent() {
        let token = format!("{}.{}.c2ln", encoded(r#"{"alg":"ES256"}"#), encoded(r#"{"iss":"x"}"#));
        let parts = Token::read(&token).unwrap();
        assert_eq!(parts.signed, token.strip_suffix(".c2ln").unwrap().as_bytes());
        assert_eq!((parts.signature, &parts.claims["iss"]), ("c2ln", &Value::from("x")));
    }

    #[test]
    fn other_shapes_are_refused() {
        let (header, claims) = (encoded(r#"{"alg":"ES256"}"#), encoded("{}"));
        let shapes = [
            String::new(),
            "opaque".to_owned(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}."),
            format!("{header}.{claims}.a.b"),
            format!("{header}.{claims}.a.b.c"),
            format!("{header}.{claims}.a.b.c.d.e"),
            format!("{header}=.{claims}.a"),
            format!("{header}.{claims}\n.a"),
            format!(" {header}.{claims}.a"),
            format!("{header}.{}.a", encoded("[]")),
            format!("..{header}"),
        ];
        for token in shapes {
            assert!(Token::read(&token).is_err(), "{token}");
        }
    }
}
