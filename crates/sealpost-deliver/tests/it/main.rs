//! Real servers: OpenSSH and proftpd, and a few that misbehave.

mod contract;
mod faults;
mod login;
mod sites;
mod trust;
