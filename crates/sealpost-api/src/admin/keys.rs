//! `/admin/v1/partners/{id}/keys`: API keys. Several per partner, so that they can be rotated.

pub mod issue;
pub mod list;
pub mod revoke;
