//! Real servers, faults and behaviour suites for the tests of every crate.
//!
//! A missing server fails the test that needs it and says how to install it: nothing is skipped silently.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic in a test harness is the report")]

pub mod alone;
pub mod aws_proxy;
pub mod chaos;
pub mod dropbear;
pub mod far;
pub mod gpg;
mod host_keys;
mod lasting;
pub mod mariadb;
pub mod misbehaving;
pub mod moto;
pub mod oidc;
pub mod pki;
pub mod proftpd;
mod request;
pub mod runtime_api;
pub mod server;
pub mod sshd;
pub mod suite;
mod template;
pub mod vault;
