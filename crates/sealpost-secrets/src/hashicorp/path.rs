//! What stands behind `vault:`: a path, and a field of what is there.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sealpost_core::error::codes;
use sealpost_core::{Error, Result};

/// The longest path that is asked for.
const LONGEST: usize = 1024;

/// What may not stand in a path of an address (RFC 3986, section 3.3).
const SPECIAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A reference, read.
pub(crate) struct Place<'a> {
    /// With the mount, without slashes at its ends.
    pub(crate) path: &'a str,
    /// The field that is meant, where not all of them are.
    pub(crate) field: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(crate) fn read(rest: &'a str) -> Result<Self> {
        let (path, field) = rest.split_once('#').map_or((rest, None), |(path, field)| (path, Some(field)));
        let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(char::is_control);
        if path.len() > LONGEST || !path.contains('/') || !path.split('/').all(is_part) || field == Some("") {
            let detail = "expected `vault:mount/path` or `vault:mount/path#field`, without `.` and `..`";
            return Err(Error::new(&codes::secrets::REFERENCE, detail));
        }
        Ok(Self { path, field })
    }
}

/// A path as it stands in an address.
pub(super) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, SPECIAL).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_where_it_says() {
        let read = |rest: &'static str| Place::read(rest).map(|place| (place.path, place.field)).ok();
        assert_eq!(read("secret/data/sealpost#password"), Some(("secret/data/sealpost", Some("password"))));
        assert_eq!(read("database/creds/report"), Some(("database/creds/report", None)));
        for bad in
            ["", "secret", "/secret/a", "secret//a", "secret/a/", "secret/../sys/seal", "secret/./a", "a/b#", "a/b\n"]
        {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(encoded("kv/ä b?c%2e"), "kv/%C3%A4%20b%3Fc%252e");
    }
}
