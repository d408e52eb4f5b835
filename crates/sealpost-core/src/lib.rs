//! The words of Sealpost: domain types, ports and the error type. This crate does no I/O and knows no platform.
//!
//! Glossary, one word for one thing:
//!
//! | word | meaning |
//! | --- | --- |
//! | partner | a company that may ask for reports about its own rows |
//! | report type | a definition in the catalogue: SQL, parameters, columns |
//! | job | one run of one report type for one partner; the public API calls it a *report* |
//! | source | the database that the rows come from |
//! | format | how rows become bytes (CSV, XLSX, …) |
//! | seal | encrypt with OpenPGP for the partner, optionally sign |
//! | sealed file | the ciphertext in the store; the only thing that is ever stored or sent |
//! | connector | how to reach one SFTP server: address, credentials, approved host keys |
//! | delivery | one sealed file on its way to one connector |
//! | receipt | the proof of a delivery |
//! | task | the queue's hand-off of a job or delivery to a worker; it carries ids, never data |
//! | identity | a caller as an issuer of credentials knows it; it belongs to at most one partner |
//! | scope | what a caller may do; not to be confused with the *partner scope*, which rows it sees |
//! | webhook | a partner's HTTP address that is told what happens |
//! | notification | one message to one webhook, the same bytes at every attempt |
//! | change | something a partner asked to have changed about itself, done at once or after an operator's approval |
//! | transfer | one call of the transfer API: files sent or retrieved, a listing, a remote move or delete; its files are *items* |
//! | access key | who calls the transfer API, with a role |
//! | lease | a worker's time-limited right to a task; its epoch fences off a worker that lost it |

pub mod access_key;
pub mod address;
pub mod append;
pub mod audit;
pub mod batch;
pub mod certificate;
pub mod change;
pub mod column;
pub mod connector;
pub mod delivery;
pub mod error;
pub mod event;
pub mod id;
pub mod identity;
pub mod job;
pub mod notification;
pub mod object;
pub mod outage;
pub mod param;
pub mod partner;
pub mod port;
pub mod proxy;
pub mod receipt;
pub mod report;
pub mod sealed;
pub mod secret;
pub mod sink;
pub mod ssh_policy;
pub mod task;
pub mod temporal;
pub mod transfer;
pub mod usage;
pub mod webhook;

pub use error::{Error, Result};
