//! A secret store with one password, which can be changed.

use std::sync::Mutex;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_testkit::mariadb::PASSWORD;

/// Gives the value that it has kept, until it is told that this one is stale.
pub(crate) struct OnePassword {
    kept: Mutex<String>,
    now: Mutex<String>,
}

impl Default for OnePassword {
    fn default() -> Self {
        Self::of(PASSWORD)
    }
}

impl OnePassword {
    pub(crate) fn of(password: &str) -> Self {
        Self { kept: Mutex::new(password.to_owned()), now: Mutex::new(password.to_owned()) }
    }

    pub(crate) fn change(&self, password: &str) {
        password.clone_into(&mut self.now.lock().unwrap());
    }
}

#[async_trait]
impl SecretStore for OnePassword {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret> {
        Ok(Secret::new(self.kept.lock().unwrap().clone().into_bytes()))
    }

    async fn stale(&self, _: &SecretRef) {
        self.kept.lock().unwrap().clone_from(&self.now.lock().unwrap());
    }
}
