//! What the composition root hands in.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use sealpost_core::identity::Scope;
use sealpost_core::port::TokenVerifier;
use sealpost_core::report::ReportType;
use sealpost_core::secret::Secret;
use sealpost_core::usage::RateLimit;
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::identify::Authenticator;

use crate::health::Readiness;
use crate::reports::downloads::Downloads;
use crate::reports::recent::Recent;
use crate::throttle::Throttle;
use crate::wait::Waiting;

/// Writes the XSD of a report type's XML. It lives with the XML format, which this crate may not know.
pub type XsdWriter = fn(&ReportType) -> sealpost_core::Result<String>;

/// What the endpoints of both planes need. Cheap to clone: every layer of the router does so for every request.
#[derive(Clone)]
pub struct State(Arc<Inner>);

/// What a [`State`] has.
#[derive(Clone)]
pub struct Inner {
    pub(crate) pipeline: Pipeline,
    /// Where what is counted can be read; nowhere when not set.
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) admin_token: Option<Arc<Secret>>,
    pub(crate) xsd: XsdWriter,
    pub(crate) readiness: Readiness,
    pub(crate) authenticator: Authenticator,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) waiting: Waiting,
    pub(crate) downloads: Downloads,
    pub(crate) recent: Arc<Recent>,
    /// How long a link to the store is good that answers a download; files go through us when not set.
    pub(crate) links: Option<Duration>,
}

impl Deref for State {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl State {
    /// Puts the state together. Without an admin token the operator plane answers health and metrics only; a process that nobody
    /// can ask for its metrics needs none.
    #[must_use]
    pub fn new(
        pipeline: Pipeline,
        metrics: impl Into<Option<PrometheusHandle>>,
        admin_token: Option<Secret>,
        xsd: XsdWriter,
    ) -> Self {
        let readiness = Readiness::of(pipeline.clone());
        let authenticator = pipeline.authenticator();
        Self(Arc::new(Inner {
            pipeline,
            metrics: metrics.into(),
            admin_token: admin_token.map(Arc::new),
            xsd,
            readiness,
            authenticator,
            throttle: Arc::new(Throttle::new(None)),
            waiting: Waiting::default(),
            downloads: Downloads::default(),
            recent: Arc::default(),
            links: None,
        }))
    }

    /// Accepts access tokens that this verifier finds good.
    #[must_use]
    pub fn with_tokens(self, tokens: Arc<dyn TokenVerifier>) -> Self {
        self.with(|inner| inner.authenticator = inner.authenticator.clone().with_tokens(tokens))
    }

    /// How many attempts to authenticate of one client address may fail; 20 at once and 20 a minute when not set.
    #[must_use]
    pub fn with_failed_attempts(self, limit: RateLimit) -> Self {
        self.with(|inner| inner.throttle = Arc::new(Throttle::new(Some(limit))))
    }

    /// Answers downloads with links to the store that are good for so long, where the store has links. Otherwise files go through us.
    #[must_use]
    pub fn with_links(self, valid: Duration) -> Self {
        self.with(|inner| inner.links = Some(valid))
    }

    /// What a client certificate may do; everything when not set.
    #[must_use]
    pub fn with_certificate_scopes(self, scopes: &[Scope]) -> Self {
        self.with(|inner| inner.authenticator = inner.authenticator.clone().with_certificate_scopes(scopes))
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }
}
