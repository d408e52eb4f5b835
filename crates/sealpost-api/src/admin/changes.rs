//! `/admin/v1/changes`: what partners ask to have changed about themselves, and the operator's decision.

pub mod decide;
pub mod list;
pub mod show;
