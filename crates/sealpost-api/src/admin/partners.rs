//! `/admin/v1/partners`: partners with their connectors, as documents.

pub mod ask;
pub mod list;
pub mod put;
pub mod remove;
pub mod show;
