//! `sealpost lambda authorizer`: who calls, for API Gateway.

use std::path::PathBuf;
use std::sync::Arc;

use sealpost_api::authorizer::{AuthorizerSettings, UNAUTHORIZED, authorize};
use sealpost_core::error::{Error, Kind, Result};
use sealpost_identity::Issuers;
use sealpost_pipeline::identify::Authenticator;
use serde_json::Value as Json;

use super::EventOption;
use super::issuers::renew_keys;
use super::runtime::{Function, Time};
use crate::config::Loaded;
use crate::wire;

/// Options of `lambda authorizer`.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    event: EventOption,
    /// Give simple answers to events of version 2.0, for HTTP APIs that are set so.
    #[arg(long, env = "SEALPOST_AUTHORIZER_SIMPLE")]
    simple: bool,
    /// The value of the API Gateway key that a caller's usage counts for; `{partner}` and `{key}` are filled in. Empty
    /// for none.
    #[arg(long, env = "SEALPOST_AUTHORIZER_USAGE_KEY", value_name = "TEMPLATE",
          default_value_t = AuthorizerSettings::default().usage_key)]
    usage_key: String,
}

impl Options {
    pub(super) fn event(&self) -> Option<PathBuf> {
        self.event.event.clone()
    }
}

pub(super) struct Authorizer {
    authenticator: Authenticator,
    issuers: Option<Arc<Issuers>>,
    settings: AuthorizerSettings,
}

impl Authorizer {
    pub(super) async fn new(loaded: &Loaded, options: Options) -> Result<Self> {
        let issuers = wire::edge::issuers(loaded)?;
        let records = wire::ledger(loaded).await?.records;
        Ok(Self {
            authenticator: wire::edge::authenticator(loaded, records, issuers.clone()),
            issuers,
            settings: AuthorizerSettings { simple: options.simple, usage_key: options.usage_key },
        })
    }
}

impl Function for Authorizer {
    const NAME: &'static str = "authorizer";

    async fn answer(&self, event: &Json, _time: &Time) -> Result<Json> {
        if let Some(issuers) = &self.issuers {
            renew_keys(issuers, event).await;
        }
        authorize(event, &self.authenticator, &self.settings).await
    }

    /// Exactly this makes API Gateway answer 401.
    fn refusal(&self, error: &Error) -> Option<&'static str> {
        (error.kind() == Kind::Unauthorized).then_some(UNAUTHORIZED)
    }
}
