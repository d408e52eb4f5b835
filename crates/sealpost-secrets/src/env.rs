//! `env:NAME`: an environment variable.

use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::error::codes;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_core::{Error, Result};

use crate::{Environment, Surroundings};

struct EnvStore {
    environment: Arc<dyn Environment>,
}

pub(crate) fn build(surroundings: &Surroundings) -> Arc<dyn SecretStore> {
    Arc::new(EnvStore { environment: surroundings.environment.clone() })
}

#[async_trait]
impl SecretStore for EnvStore {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        match self.environment.variable(reference.rest()) {
            // An empty variable is how shells and compose files say "not set": an empty password would be a guess.
            None => Err(Error::new(&codes::secrets::MISSING, format!("`{reference}`: the variable is not set"))),
            Some(value) if value.is_empty() => {
                Err(Error::new(&codes::secrets::MISSING, format!("`{reference}`: the variable is empty")))
            }
            Some(value) => Ok(Secret::new(value.into_encoded_bytes())),
        }
    }
}
