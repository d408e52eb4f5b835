//! `/v1/reports`: ask for a report, follow it, fetch it, cancel or delete it, have it delivered again.

pub mod create;
pub mod delete;
pub mod deliveries;
pub(crate) mod downloads;
pub mod events;
pub mod file;
pub(crate) mod filter;
pub mod list;
pub mod preview;
mod range;
pub(crate) mod recent;
pub mod redeliver;
pub mod show;
pub mod timeline;
pub mod wire;
