//! Signatures against the published vectors, and against botocore both ways.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic in a test is the report")]

mod botocore;
mod signatures;
mod vectors;
