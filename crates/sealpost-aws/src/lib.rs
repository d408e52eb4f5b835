//! AWS without its SDK: a client for services with the protocol AWS JSON, 1.0 or 1.1, ([`Client`]), and requests signed and verified by
//! Signature Version 4 ([`sigv4`]).
//!
//! The protocol is `POST /` with `X-Amz-Target`: Transfer Family, Secrets Manager, EventBridge, SQS and DynamoDB speak it. Credentials come
//! through the chain of providers that the object store has anyway ([`Credentials`]).

mod answer;
mod client;
mod credentials;
mod fault;
mod service;
pub mod sigv4;

pub use client::{Client, Patience, Repeat};
pub use credentials::Credentials;
pub use fault::{Fault, Reason, Refused};
pub use service::{
    DYNAMODB, EVENTBRIDGE, SECRETS_MANAGER, SQS, Service, TRANSFER, Variable, endpoint, region, region_of_arn,
};
