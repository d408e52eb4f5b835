//! A Vault that is known by address and login.

use std::collections::BTreeMap;

use sealpost_core::Result;

use super::mount::Mounts;
use super::read::read;
use super::session::Session;
use super::write::{put, remove};
use crate::kept::{Given, Lease};

pub(super) struct Server {
    session: Session,
    mounts: Mounts,
}

impl Server {
    pub(super) fn new(session: Session, kv: BTreeMap<String, u8>) -> Self {
        Self { session, mounts: Mounts::new(kv) }
    }

    pub(super) async fn read(&self, path: &str, stage: &str, old: Option<Lease>) -> Result<Given> {
        read(&self.session, &self.mounts, path, stage, old).await
    }

    pub(super) async fn put(&self, path: &str, field: &'static str, text: &str) -> Result<()> {
        put(&self.session, &self.mounts, path, field, text).await
    }

    pub(super) async fn remove(&self, path: &str) -> Result<()> {
        remove(&self.session, &self.mounts, path).await
    }
}
