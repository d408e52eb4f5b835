//! `/v1/keys`: the partner's OpenPGP certificates. Every file is sealed to all that are in use.

pub mod act;
pub mod add;
pub mod challenge;
pub mod list;
pub mod prove;
pub mod retire;
pub mod show;
pub mod wire;
