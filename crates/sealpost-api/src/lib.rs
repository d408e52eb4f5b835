//! HTTP: the partner plane, the operator plane, problems (RFC 9457), OpenAPI 3.1.
//!
//! [`router`] is the URL map of both planes. Each endpoint is one file below [`reports`], [`report_types`] or
//! [`admin`]. Two planes, two listeners, two kinds of credentials: nothing of one is reachable by the other.
//!
//! A request passes, from outside to inside: [`serve()`] (connections, header time limit) ▶ `edge` (request id, limits,
//! panics, problems, access log) ▶ `authenticate` ▶ the endpoint.

pub mod admin;
pub mod api_keys;
mod around;
mod authenticate;
pub mod authorizer;
mod base_path;
mod body;
pub mod changes;
mod conditional;
pub mod destinations;
mod docs;
mod edge;
pub mod gateway;
mod guard;
pub mod health;
pub mod keys;
mod openapi;
mod parameters;
mod path;
mod plane;
mod problem;
pub mod public;
mod query;
pub mod report_types;
pub mod reports;
pub mod router;
mod scopes;
mod serve;
mod stall;
mod state;
mod throttle;
pub mod transfer;
pub mod usage;
mod wait;
pub mod webhooks;

pub use openapi::{admin_document, public_document};
pub use serve::{
    ClientCertificate, ClientCertificates, Front, Limits, Tls, TlsSettings, TrustedProxies, keep_tls_fresh, serve,
    serve_behind, serve_with,
};
pub use state::{State, XsdWriter};
