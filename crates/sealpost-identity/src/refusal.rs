//! The two errors of a verification, and how what a token says is repeated in them.

use sealpost_core::error::{Error, codes};

/// The token is refused, whoever it is from.
pub(crate) fn refused(detail: impl Into<String>) -> Error {
    Error::new(&codes::request::TOKEN_REFUSED, detail)
}

/// The issuer's keys can't be had, so nothing can be said about the token.
pub(crate) fn unavailable(issuer: &str, why: &str) -> Error {
    Error::new(&codes::request::ISSUER_UNAVAILABLE, format!("issuer `{issuer}`: {why}"))
}

/// A piece of a token or an answer, short and printable: it is an attacker's text until the signature is checked.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut quoted: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() || c == '`' { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        quoted.push('…');
    }
    format!("`{quoted}`")
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn what_is_quoted_stays_on_its_line() {
        assert_eq!(quote("a\n`b\0"), "`a\u{fffd}\u{fffd}b\u{fffd}`");
        assert_eq!(quote(&"ä".repeat(500)).chars().count(), 83);
    }
}
