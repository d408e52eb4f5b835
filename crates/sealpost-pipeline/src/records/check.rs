//! What can be wrong with a connector, addressed by JSON pointer.

mod way;

use sealpost_core::connector::{ConnectorSettings, RetryPolicy};
use sealpost_core::error::FieldError;

/// Checks the name of a connector among its partner's.
pub(crate) fn check_name(name: &str, place: &str, problems: &mut Vec<FieldError>) {
    if name.is_empty()
        || name.len() > 63
        || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        problems.push(FieldError::new(place, "a connector's name is 1 to 63 of a-z, 0-9 and -"));
    }
}

/// Checks the settings of a connector; `place` is the pointer to them.
pub(crate) fn check_connector(place: &str, settings: &ConnectorSettings, problems: &mut Vec<FieldError>) {
    let mut problem = |member: &str, detail: &str| problems.push(FieldError::new(format!("{place}{member}"), detail));
    let is_no_host = |one: char| "/@".contains(one) || one.is_whitespace() || one.is_control();
    if settings.host.is_empty() || settings.host.contains(is_no_host) {
        problem("/host", "expected a host name or address, without scheme, user or path");
    }
    if settings.port == 0 {
        problem("/port", "expected 1 to 65535");
    }
    match &settings.user_secret {
        None => {
            if settings.user.is_empty() {
                problem("/user", "expected a user name");
            }
            if settings.login.is_empty() {
                problem("/login", "expected at least one way to log in");
            }
        }
        Some(_) => {
            if !settings.user.is_empty() {
                problem("/user", "`user_secret` names the user: leave it out");
            }
            if !settings.login.is_empty() {
                problem("/login", "`user_secret` holds the credentials: leave it out");
            }
        }
    }
    if settings.directory.contains('\0') || settings.directory.split('/').any(|part| part == "..") {
        problem("/directory", "must not contain `..`");
    }
    for (index, key) in settings.host_keys.iter().enumerate() {
        // SHA-256 in base64 without padding has 43 characters.
        let fingerprint = key.strip_prefix("SHA256:").is_some_and(|digest| digest.len() == 43);
        let words: Vec<&str> = key.split_whitespace().collect();
        let is_blob = |place: usize| words.get(place).is_some_and(|word| word.starts_with("AAAA"));
        let public_key = is_blob(1) && !key.starts_with('@');
        // With the names that it may vouch for, or for all.
        let authority = words.first() == Some(&"@cert-authority") && (is_blob(2) || is_blob(3));
        if !fingerprint && !public_key && !authority {
            problem(
                &format!("/host_keys/{index}"),
                "expected `SHA256:…` (43 characters), a public key such as `ssh-ed25519 AAAA…`, or \
                 `@cert-authority *.example.com ssh-ed25519 AAAA…`",
            );
        }
    }
    let limits = &settings.limits;
    for (member, value) in [
        ("connect_timeout_s", limits.connect_timeout_s),
        ("handshake_timeout_s", limits.handshake_timeout_s),
        ("inactivity_timeout_s", limits.inactivity_timeout_s),
        ("transfer_timeout_s", limits.transfer_timeout_s),
        ("concurrency", u64::from(limits.concurrency)),
    ] {
        if value == 0 {
            problem(&format!("/limits/{member}"), "expected at least 1");
        }
    }
    let retry = &settings.retry;
    if retry.max_attempts == 0 || retry.max_attempts > 100 {
        problem("/retry/max_attempts", "expected 1 to 100");
    }
    if !(retry.first_pause_s.is_finite()
        && retry.first_pause_s >= 0.0
        && retry.longest_pause_s.is_finite()
        && retry.longest_pause_s >= retry.first_pause_s
        && retry.longest_pause_s <= RetryPolicy::LONGEST_PAUSE_S)
    {
        problem("/retry", "expected 0 <= first_pause_s <= longest_pause_s <= 604800 (a week)");
    }
    way::check(place, settings, problems);
}
