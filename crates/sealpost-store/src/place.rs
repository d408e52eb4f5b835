//! Where an object lies: three plain names, so that no path can leave its folder.

use object_store::path::Path;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::sealed::SealedKey;

/// The place of an object below the root or prefix of the store.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The partner's folder.
    pub(crate) top: String,
    /// The attempt's folder in it.
    pub(crate) attempt: String,
    /// The file in that.
    pub(crate) name: String,
}

impl Place {
    /// The place of a sealed file. The key's types hold no separators and no `..`.
    pub(crate) fn of(key: &SealedKey) -> Self {
        Self {
            top: key.partner.to_string(),
            attempt: format!("{}-{}", key.job, key.attempt),
            name: key.file_name.to_string(),
        }
    }

    /// The object's location for `object_store`, below `prefix` (empty, or without slashes at its ends).
    pub(crate) fn path(&self, prefix: &str) -> Result<Path> {
        let text = if prefix.is_empty() { self.to_string() } else { format!("{prefix}/{self}") };
        // `parse` keeps letters as they are; `from` would percent-encode an umlaut.
        Path::parse(&text).map_err(|error| Error::new(&codes::store::NAME, format!("`{text}`: {error}")))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.top, self.attempt, self.name)
    }
}

#[cfg(test)]
mod tests {
    use sealpost_core::id::JobId;

    use super::*;

    #[test]
    fn a_place_has_the_partner_the_attempt_and_the_name() {
        let job = JobId::fresh();
        let key = SealedKey {
            partner: "acme".parse().unwrap(),
            job: job.clone(),
            attempt: 3,
            file_name: "Verträge.csv.pgp".parse().unwrap(),
        };
        let path = Place::of(&key).path("reports/eu").unwrap();
        assert_eq!(path.as_ref(), format!("reports/eu/acme/{job}-3/Verträge.csv.pgp"));
    }
}
