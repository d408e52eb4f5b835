//! `vault:mount/path`: one secret of a key/value engine of HashiCorp Vault for each value, below a path.

use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::error::codes;
use sealpost_core::port::SecretVault;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_core::{Error, Result};

use super::checked;
use crate::Surroundings;
use crate::hashicorp::{KeyValue, Place, SCHEME};

/// The field that has the value: an engine keeps objects, and what partners hand in is one text.
const FIELD: &str = "value";
/// Most bytes of the path. With a name behind it, it is still one that is read.
const LONGEST_PREFIX: usize = 300;

struct KeyValueVault {
    engine: KeyValue,
    prefix: String,
}

pub(super) fn build(surroundings: &Surroundings, rest: &str) -> Result<Arc<dyn SecretVault>> {
    let prefix = rest.trim_end_matches('/');
    let is_good = Place::read(prefix).is_ok_and(|place| place.field.is_none());
    if !is_good || prefix.len() > LONGEST_PREFIX {
        let detail = "expected `vault:mount/path`, below which the secrets are kept, without `#field`, `.` and `..`";
        return Err(Error::new(&codes::secrets::REFERENCE, detail));
    }
    Ok(Arc::new(KeyValueVault { engine: KeyValue::new(surroundings), prefix: prefix.to_owned() }))
}

#[async_trait]
impl SecretVault for KeyValueVault {
    async fn keep(&self, name: &str, value: &Secret) -> Result<SecretRef> {
        let path = format!("{}/{}", self.prefix, checked(name)?);
        let reference: SecretRef = format!("{SCHEME}:{path}#{FIELD}").parse()?;
        let here = |error: Error| error.context(format!("`{reference}`"));
        let Ok(text) = std::str::from_utf8(value.expose()) else {
            let detail = "what Vault is to keep is not UTF-8 text, and its engines keep JSON";
            return Err(here(Error::new(&codes::secrets::REFERENCE, detail)));
        };
        self.engine.put(&path, FIELD, text).await.map_err(here)?;
        Ok(reference)
    }

    async fn forget(&self, reference: &SecretRef) -> Result<()> {
        let Ok(place) = Place::read(reference.rest()) else { return Ok(()) };
        let inside = place.path.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('/'));
        // A secret of another field is one that people keep there.
        let is_ours = reference.scheme() == SCHEME && place.field == Some(FIELD);
        if !is_ours || inside.is_none_or(|name| checked(name).is_err()) {
            return Ok(());
        }
        self.engine.remove(place.path).await.map_err(|error| error.context(format!("`{reference}`")))
    }
}
