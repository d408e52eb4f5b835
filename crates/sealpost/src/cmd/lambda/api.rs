//! `sealpost lambda api`: the partners' API behind API Gateway or a function URL.

use std::sync::Arc;
use std::time::Duration;

use sealpost_api::gateway::{Gateway, GatewaySettings};
use sealpost_core::error::Result;
use sealpost_identity::Issuers;
use sealpost_pipeline::Pipeline;
use serde_json::Value as Json;

use super::issuers::renew_keys;
use super::runtime::{Function, Time};
use crate::config::Loaded;
use crate::wire::{self, edge};

/// What is left of the event's time when those who wait in it get their answer.
const MARGIN: Duration = Duration::from_secs(2);

pub(super) struct Api {
    pipeline: Pipeline,
    gateway: Gateway,
    /// The issuers of tokens that are verified here.
    issuers: Option<Arc<Issuers>>,
}

impl Api {
    /// Nothing is asked over the network: neither the databases nor the issuers, which the first request may not need.
    pub(super) async fn new(loaded: &Loaded) -> Result<Self> {
        let pipeline = wire::function(loaded).await?;
        let issuers = edge::issuers(loaded)?;
        // Nobody can ask a function for its metrics; what it counts goes nowhere. (A recorder first measures the processor's clock,
        // for milliseconds or many of them.)
        let state = edge::state(loaded, pipeline.clone(), None, None, issuers.clone());
        let block = &loaded.config.lambda;
        let settings = GatewaySettings {
            base_path: block.base_path.clone(),
            trust_authorizer: block.trust_authorizer,
            proxies: edge::front(loaded, None)?.proxies,
        };
        let issuers = issuers.filter(|_| !block.trust_authorizer);
        Ok(Self { pipeline, gateway: Gateway::new(sealpost_api::public::router(state), settings), issuers })
    }
}

impl Function for Api {
    const NAME: &'static str = "api";

    async fn answer(&self, event: &Json, time: &Time) -> Result<Json> {
        if let Some(issuers) = &self.issuers {
            renew_keys(issuers, event).await;
        }
        let (stopping, _timer) = time.until(MARGIN);
        self.gateway.answer(event, stopping).await
    }

    async fn stop(&self) {
        // No more requests come: what was reserved for some is for other processes to use.
        self.pipeline.quotas().give_back().await;
    }
}
