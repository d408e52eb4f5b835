//! Real servers: OpenSSH and proftpd, webhooks' receivers, and a few that misbehave.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a panic in a test is the report")]

mod algorithms;
mod aws_transfer;
mod certificates;
mod contract;
mod events;
mod faults;
mod login;
mod misbehaving;
mod network;
mod parallel;
mod proxies;
mod races;
mod ranges;
mod reach;
mod sites;
mod trust;
mod user_secret;
mod webhook;
