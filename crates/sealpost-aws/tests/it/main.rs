//! Signatures against the published vectors, and against botocore both ways; calls of moto and of servers that misbehave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic in a test is the report")]

mod botocore;
mod client;
mod signatures;
mod vectors;
