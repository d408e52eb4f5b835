//! The API over real HTTP, with a real ledger, store, sealer, database and formats. Only the way to partners' servers is
//! a stand-in: what matters here is what the API shows of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is the report")]

mod admin;
mod authentication;
mod authorizer;
mod begun;
mod columns;
mod connection;
mod describe;
mod download;
mod engine;
mod examples;
mod fading;
mod front;
mod functions;
mod gateway;
mod handed_in;
mod idempotency;
mod isolation;
mod keys;
mod life;
mod limits;
mod listing;
mod logs;
mod outage;
mod polling;
mod problems;
mod receiver;
mod rig;
mod rollout;
mod rotation;
mod self_service;
mod signing;
mod throttle;
mod tls;
mod transfer;
mod waiting;
mod webhooks;
