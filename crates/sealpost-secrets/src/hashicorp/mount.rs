//! Which engine is at a path: by the settings, else Vault is asked, once for each mount.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use sealpost_core::Result;
use serde_json::Value as Json;

use super::session::Session;

/// What reads and writes are like below a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Engine {
    /// Key/value, version 2: the secret's own path is behind `data/`.
    Versioned {
        /// Where it is mounted, without slashes at its ends.
        mount: String,
    },
    /// Key/value, version 1: the path is read and written as it is.
    Plain,
    /// Any other: the path is read as it is. What a write does there is the engine's affair.
    Other,
    /// Vault does not say: the answer tells.
    Unknown,
}

/// The mounts that are known.
pub(super) struct Mounts {
    known: Mutex<BTreeMap<String, Engine>>,
}

impl Mounts {
    /// `settings` has versions of key/value engines by mount.
    pub(super) fn new(settings: BTreeMap<String, u8>) -> Self {
        let known = settings.into_iter().map(|(mount, version)| {
            let mount = mount.trim_matches('/').to_owned();
            let engine = if version == 2 { Engine::Versioned { mount: mount.clone() } } else { Engine::Plain };
            (mount, engine)
        });
        Self { known: Mutex::new(known.collect()) }
    }

    pub(super) async fn engine(&self, session: &Session, path: &str) -> Result<Engine> {
        if let Some(engine) = self.known(path) {
            return Ok(engine);
        }
        let asked = session.call(Method::GET, &format!("sys/internal/ui/mounts/{path}"), "", None).await?;
        let data = match asked {
            Ok(answer) => answer.data.unwrap_or_default(),
            // Not allowed, or not known to a server that is only like Vault.
            Err(fault) if fault.is_refusal() => return Ok(Engine::Unknown),
            Err(fault) => return Err(fault.of_read()),
        };
        let text = |name: &str| data.get(name).and_then(Json::as_str).unwrap_or_default();
        let mount = text("path").trim_matches('/').to_owned();
        if mount.is_empty() || !is_below(path, &mount) {
            return Ok(Engine::Unknown);
        }
        let version = data.get("options").and_then(|options| options.get("version")).and_then(Json::as_str);
        let engine = match text("type") {
            "kv" if version == Some("2") => Engine::Versioned { mount: mount.clone() },
            // The second is what the first was called.
            "kv" | "generic" => Engine::Plain,
            _ => Engine::Other,
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(mount, engine.clone());
        Ok(engine)
    }

    /// Of the mounts that the path lies below, the longest.
    fn known(&self, path: &str) -> Option<Engine> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().filter(|(mount, _)| is_below(path, mount)).max_by_key(|(mount, _)| mount.len());
        found.map(|(_, engine)| engine.clone())
    }
}

fn is_below(path: &str, mount: &str) -> bool {
    path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_counts() {
        let mounts = Mounts::new(BTreeMap::from([("a".to_owned(), 1), ("a/b/".to_owned(), 2)]));
        assert_eq!(mounts.known("a/x"), Some(Engine::Plain));
        assert_eq!(mounts.known("a/b/x"), Some(Engine::Versioned { mount: "a/b".to_owned() }));
        assert_eq!(mounts.known("ab/x"), None);
    }
}
