//! Access tokens against real issuers, and forged ones against everything that is known.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic in a test is the report")]

mod attacks;
mod cache;
mod forge;
mod moto_cognito;
mod provider;
mod site;
mod world;
