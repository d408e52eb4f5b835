//! `/v1/api-keys`: the partner's API keys. None can do more than what made it.

pub mod create;
pub mod list;
pub mod revoke;
pub mod rotate;
pub mod wire;
