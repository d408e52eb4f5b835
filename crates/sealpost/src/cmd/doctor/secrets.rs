//! Secret stores that the configuration refers to: each reference is resolved, and a store's failures are said once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sealpost_core::error::{Error, Result};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::SecretRef;
use sealpost_secrets::SECRET_STORES;
use serde_json::Value as Json;

use super::Findings;
use crate::config::Loaded;
use crate::wire;

pub(super) async fn check(loaded: &Loaded, findings: &mut Findings) {
    let mut used: BTreeMap<String, BTreeSet<SecretRef>> = BTreeMap::new();
    let mut config = serde_json::to_value(&loaded.config).unwrap_or_default();
    // A place to keep secrets in is none itself, nor is what the names of others' secrets begin with.
    for (block, member) in [("self_service", "vault"), ("transfer", "user_secrets")] {
        if let Some(block) = config[block].as_object_mut() {
            block.remove(member);
        }
    }
    collect(&config, &mut used);
    let secrets = wire::secrets(loaded);
    for (scheme, references) in used {
        let since = Instant::now();
        let outcome = resolve(&*secrets, &references).await;
        findings.add(format!("secrets {scheme}"), since, outcome);
    }
}

/// Every text of the configuration that is a reference to a known store.
fn collect(value: &Json, used: &mut BTreeMap<String, BTreeSet<SecretRef>>) {
    match value {
        Json::Object(members) => members.values().for_each(|member| collect(member, used)),
        Json::Array(items) => items.iter().for_each(|item| collect(item, used)),
        Json::String(text) => {
            if let Ok(reference) = text.parse::<SecretRef>()
                && SECRET_STORES.iter().any(|entry| entry.scheme == reference.scheme())
            {
                used.entry(reference.scheme().to_owned()).or_default().insert(reference);
            }
        }
        _ => {}
    }
}

async fn resolve(secrets: &dyn SecretStore, references: &BTreeSet<SecretRef>) -> Result<String> {
    let mut failed: Vec<Error> = Vec::new();
    for reference in references {
        failed.extend(secrets.resolve(reference).await.err());
    }
    let all = references.len();
    match failed.first() {
        None => Ok(format!("{all} reference{} resolved", if all == 1 { "" } else { "s" })),
        Some(first) if failed.len() == 1 => Err(first.clone()),
        Some(first) => Err(first.clone().context(format!("{} of {all} references", failed.len()))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_wherever_they_are() {
        let mut used = BTreeMap::new();
        let config = json!({"a": {"password": "env:X"}, "b": [{"key": "vault:kv/a#b"}, "http://x", "env:X"], "c": 1});
        collect(&config, &mut used);
        let found: Vec<_> = used.values().flatten().map(ToString::to_string).collect();
        assert_eq!(found, ["env:X", "vault:kv/a#b"]);
    }
}
