//! `/admin/v1/connectors`: how partners' servers are reached. They are edited with their partner.

pub mod list;
pub mod show;
pub mod test;
