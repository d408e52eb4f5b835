//! `/v1/report-types`: the catalogue, as far as it is granted to the caller.

pub mod list;
pub mod show;
pub mod wire;
pub mod xsd;

use std::sync::Arc;

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::partner::Partner;
use sealpost_core::report::ReportType;
use sealpost_pipeline::Pipeline;

/// A report type that is granted to the partner; any other does not exist for it.
fn granted(pipeline: &Pipeline, partner: &Partner, id: &str) -> Result<Arc<ReportType>> {
    let found = pipeline.granted(partner).find(|report| report.id.as_str() == id);
    found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, "no report type with this id is granted to you"))
}
