//! What an HTTP client says, as our codes.

use std::error::Error as StdError;

use sealpost_core::error::{Error, codes};

use super::resolve::Refused;

/// The error of a failed attempt. `target` is host and port: the client's own words would repeat the whole address.
pub(super) fn of(error: reqwest::Error, target: &str) -> Error {
    let error = error.without_url();
    let mut is_tls = false;
    let mut words: Vec<String> = Vec::new();
    let mut next: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(cause) = next {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return Error::new(&codes::notify::ADDRESS, refused.to_string());
        }
        is_tls |= cause.is::<rustls::Error>();
        words.push(cause.to_string());
        // What an `io::Error` wraps is not among its sources.
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| cause.source());
    }
    // The outer layers say no more than that a request failed.
    let reason = words.pop().unwrap_or_default();
    let code = match () {
        () if is_tls => &codes::notify::TLS,
        () if error.is_connect() => &codes::notify::UNREACHABLE,
        () if error.is_timeout() => &codes::notify::TIMEOUT,
        () => &codes::notify::UNREACHABLE,
    };
    Error::new(code, format!("{target}: {reason}")).caused_by(error)
}
