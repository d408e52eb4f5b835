//! Behaviour suites: the contract sentences of the ports as tests, run against every adapter.

pub mod ledger;
pub mod remote;
pub mod source;
pub mod transport;
pub mod vault;
