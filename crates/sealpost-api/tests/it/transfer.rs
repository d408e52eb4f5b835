//! The transfer API as stock AWS clients see it: boto3, the AWS CLI and raw requests signed by botocore, against the real
//! engine, a real sshd, a SQLite ledger and a local store.

mod authentication;
mod cli;
mod connectors;
mod engine;
mod rig;
mod transfers;
mod validation;
