//! The partner plane behind API Gateway and function URLs: their events become requests for the same router, and its answers
//! become theirs.
//!
//! | event | from |
//! | --- | --- |
//! | `httpMethod`, `multiValueHeaders` | REST APIs; HTTP APIs with payload 1.0 |
//! | `version` 2.0, `rawPath`, `cookies` | HTTP APIs; function URLs |
//!
//! What the gateway itself says of a request stands in the event's `requestContext`, which no client can write to: the
//! client's address and certificate, the request's id, and what an authorizer decided. Headers stay what the client sent.

use std::sync::Arc;

use axum::Router;
use sealpost_core::Result;
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::base_path::BasePath;
use crate::serve::{Stopping, TrustedProxies};

mod answer;
mod authorizer;
mod event;
mod place;

pub(crate) use authorizer::Word;
use event::Event;

/// How events are read.
#[derive(Debug, Clone, Default)]
pub struct GatewaySettings {
    /// What stands before `/v1` in paths, where a custom domain maps a path of its own to the API: `/reporting`. Empty for
    /// nothing. Where the gateway's routes name the paths, it is found without this.
    pub base_path: String,
    /// Whether an authorizer in the gateway decides who calls: our own, or one for access tokens of a configured issuer. What it
    /// said is believed, and credentials are not looked at again.
    pub trust_authorizer: bool,
    /// Whose word about the client's address counts, of what lies before the gateway.
    pub proxies: TrustedProxies,
}

/// The partner plane behind a gateway.
pub struct Gateway {
    router: Router,
    settings: GatewaySettings,
}

impl Gateway {
    /// This router ([`public::router`](crate::public::router)) behind a gateway.
    #[must_use]
    pub fn new(router: Router, settings: GatewaySettings) -> Self {
        Self { router, settings }
    }

    /// Answers one event. Whatever waits for something in it ends its wait when `stopping` is cancelled.
    ///
    /// # Errors
    /// `SP-REQUEST-001` for what is no event of a gateway.
    pub async fn answer(&self, event: &Json, stopping: CancellationToken) -> Result<Json> {
        let event = Event::read(event)?;
        let mut request = event.request(&self.settings)?;
        request.extensions_mut().insert(Stopping(Arc::new(stopping)));
        let base = BasePath::of(request.extensions());
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        Ok(answer::write(response, &event, &base).await)
    }
}
