//! Refusals that say how to authenticate (RFC 9110, section 11.6.1; RFC 6750, section 3).

use http::header::WWW_AUTHENTICATE;
use sealpost_core::error::{Error, Kind, codes};
use sealpost_core::identity::Scope;
use sealpost_pipeline::identify::nothing_presented;

use crate::problem::Problem;

const REALM: &str = r#"Bearer realm="sealpost""#;

/// A refusal of credentials. Only a 401 has a challenge.
pub(crate) fn refuse(error: Error) -> Problem {
    if error.kind() != Kind::Unauthorized {
        return error.into();
    }
    // Who brought nothing gets no error code (RFC 6750, section 3.1).
    if error.detail() == nothing_presented().detail() {
        return Problem::from(error).with_header(WWW_AUTHENTICATE, REALM);
    }
    let description = plain(error.detail());
    let challenge = format!(r#"{REALM}, error="invalid_token", error_description="{description}""#);
    Problem::from(error).with_header(WWW_AUTHENTICATE, &challenge)
}

/// The credentials hold, and don't allow this.
pub(crate) fn lacks(scope: Scope) -> Problem {
    let challenge = format!(r#"{REALM}, error="insufficient_scope", scope="{scope}""#);
    let error = Error::new(&codes::request::SCOPE_MISSING, format!("this needs the scope `{scope}`"));
    Problem::from(error).with_header(WWW_AUTHENTICATE, &challenge)
}

/// The characters that `error_description` may have (RFC 6750, section 3).
fn plain(text: &str) -> String {
    let allowed = |character: char| matches!(character, ' '..='~') && character != '"' && character != '\\';
    text.chars().map(|character| if allowed(character) { character } else { '\'' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_stays_within_its_quotes() {
        assert_eq!(plain("`aud` is \"x\\\r\ny\" — no"), "`aud` is 'x'''y' ' no");
    }
}
