//! Secret stores that are servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic in a test is the report")]

mod aws_sm;
mod vault;
