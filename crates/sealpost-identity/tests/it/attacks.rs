//! The token-attack suite: what is known to have worked against somebody (RFC 8725, and the field's advisories).

mod algorithms;
mod claims;
mod headers;
mod issuers;
mod key_ids;
mod shapes;
