//! The flow with real parts: OpenSSH's server, the SQLite ledger, a local store, GnuPG as judge.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is the report")]

mod access_keys;
mod after;
mod breaker;
mod connectors;
mod deleted;
mod events;
mod hasty;
mod list;
mod meddler;
mod remote;
mod replay;
mod retrieve;
mod retry;
mod rig;
mod send;
mod slow;
mod submit;
mod trail;
mod trial;
mod worker;
