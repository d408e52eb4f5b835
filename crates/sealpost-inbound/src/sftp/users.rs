//! Who may log in, and where each one's folder is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use russh::keys::PublicKey;
use sealpost_core::error::{Error, Result, codes};
use sha2::{Digest, Sha256};

use super::{SiteSettings, key};

/// All users of a site.
#[derive(Debug)]
pub(super) struct Users(BTreeMap<String, User>);

#[derive(Debug)]
struct User {
    home: PathBuf,
    keys: Vec<PublicKey>,
    password: Option<[u8; 32]>,
}

impl Users {
    /// Reads the keys and makes the folders.
    pub(super) fn load(settings: &SiteSettings) -> Result<Self> {
        let mut users = BTreeMap::new();
        for (name, user) in &settings.users {
            if !is_name(name) {
                return Err(key::invalid("user", &format!("`{}` is not a user name", name.escape_debug())));
            }
            let mut keys = Vec::new();
            for line in &user.authorized_keys {
                let read = PublicKey::from_openssh(line.trim());
                keys.push(read.map_err(|error| key::invalid(&format!("authorized key of {name}"), &error))?);
            }
            let password = match &user.password {
                Some(password) => Some(Sha256::digest(password.expose_text()?).into()),
                None => None,
            };
            let folder = settings.root.join(name);
            let home = std::fs::create_dir_all(&folder).and_then(|()| folder.canonicalize()).map_err(|error| {
                Error::new(&codes::config::UNREADABLE, format!("{}: {error}", folder.display())).caused_by(error)
            })?;
            users.insert(name.clone(), User { home, keys, password });
        }
        Ok(Self(users))
    }

    pub(super) fn home(&self, name: &str) -> Option<PathBuf> {
        self.0.get(name).map(|user| user.home.clone())
    }

    /// The comment is not part of the key.
    pub(super) fn knows_key(&self, name: &str, key: &PublicKey) -> bool {
        self.0.get(name).is_some_and(|user| user.keys.iter().any(|known| known.key_data() == key.key_data()))
    }

    /// Compares digests, so that the time taken tells nothing about the password.
    pub(super) fn knows_password(&self, name: &str, password: &[u8]) -> bool {
        let offered: [u8; 32] = Sha256::digest(password).into();
        self.0.get(name).and_then(|user| user.password).is_some_and(|known| known == offered)
    }
}

/// A name is also a folder's name.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_can_never_leave_the_root() {
        for bad in ["", ".", "..", "../x", "a/b", "-a", ".ssh", "ä", "a\0"] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert!(is_name("acme-leasing.2_x"));
    }
}
