//! Places in the store by bucket and key, as the transfer API names them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, codes};

/// `/bucket/key`: at most 1,024 bytes. The key has no empty, `.` or `..` parts and no control characters; it is empty for
/// the bucket itself. A form without the leading slash is understood.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectPath {
    bucket: String,
    key: String,
}

impl ObjectPath {
    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key, without slashes at its ends; empty for the bucket itself.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The last part of the key; empty for the bucket itself.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }

    /// A place below this one.
    ///
    /// # Errors
    /// `SP-STORE-008` for a name that is not one plain part, or makes the path too long.
    pub fn join(&self, name: &str) -> Result<Self> {
        let text = self.to_string();
        if name.is_empty() || name.contains('/') {
            return Err(wrong(name, "a name without slashes is needed"));
        }
        format!("{}/{name}", text.trim_end_matches('/')).parse()
    }
}

impl std::str::FromStr for ObjectPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() > 1024 {
            return Err(wrong(text, "at most 1,024 bytes"));
        }
        let rest = text.strip_prefix('/').unwrap_or(text);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let is_bucket = (1..=63).contains(&bucket.len())
            && bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
            && !bucket.starts_with('.');
        if !is_bucket {
            return Err(wrong(text, "it begins with a bucket's name: `/bucket/key`"));
        }
        let is_key = key.is_empty()
            || key.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control));
        if !is_key {
            return Err(wrong(text, "the key has an empty part, `.`, `..` or a control character"));
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

fn wrong(text: &str, why: &str) -> Error {
    let shown: String = text.chars().take(80).filter(|character| !character.is_control()).collect();
    Error::new(&codes::store::NAME, format!("`{shown}`: {why}"))
}

impl TryFrom<String> for ObjectPath {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ObjectPath> for String {
    fn from(path: ObjectPath) -> Self {
        path.to_string()
    }
}

impl std::fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/{}", self.bucket)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, "/{}", self.key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_leaves_its_bucket() {
        for bad in ["", "/", "//a", "/b/../c", "/b/.", "/b//c", "/../b", "/b/a\nb", &"/b/".repeat(600)] {
            assert!(bad.parse::<ObjectPath>().is_err(), "{bad}");
        }
        let path: ObjectPath = "reports/acme/x.csv.pgp".parse().expect("a path");
        assert_eq!((path.bucket(), path.key(), path.name()), ("reports", "acme/x.csv.pgp", "x.csv.pgp"));
        assert_eq!(path.to_string(), "/reports/acme/x.csv.pgp");
        let folder: ObjectPath = "/reports/in/".parse().expect("a folder");
        assert_eq!(folder.join("ä b.txt").expect("a name").to_string(), "/reports/in/ä b.txt");
        assert!(["..", "a/b", ""].iter().all(|name| folder.join(name).is_err()));
    }
}
