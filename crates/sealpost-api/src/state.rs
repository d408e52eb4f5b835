//! What the composition root hands in.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use sealpost_core::report::ReportType;
use sealpost_core::secret::Secret;
use sealpost_pipeline::Pipeline;

use crate::health::Readiness;

/// Writes the XSD of a report type's XML. It lives with the XML format, which this crate may not know.
pub type XsdWriter = fn(&ReportType) -> sealpost_core::Result<String>;

/// What the endpoints of both planes need. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub(crate) pipeline: Pipeline,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) admin_token: Option<Arc<Secret>>,
    pub(crate) xsd: XsdWriter,
    pub(crate) readiness: Readiness,
}

impl State {
    /// Puts the state together. Without an admin token the operator plane answers health and metrics only.
    #[must_use]
    pub fn new(pipeline: Pipeline, metrics: PrometheusHandle, admin_token: Option<Secret>, xsd: XsdWriter) -> Self {
        let readiness = Readiness::of(pipeline.clone());
        Self { pipeline, metrics, admin_token: admin_token.map(Arc::new), xsd, readiness }
    }
}
