//! What stands behind `aws-sm:`: the secret's name or ARN, and a member of it.

use sealpost_core::error::codes;
use sealpost_core::secret::Secret;
use sealpost_core::{Error, Result};
/// The longest name or ARN that the service takes.
const LONGEST: usize = 2048;

/// A reference, read.
pub(super) struct Name<'a> {
    /// Name or ARN.
    pub(super) id: &'a str,
    /// The member of the JSON object that is meant, where not all of it is. Names have no `#`.
    member: Option<&'a str>,
}

impl<'a> Name<'a> {
    pub(super) fn read(rest: &'a str) -> Result<Self> {
        let (id, member) = rest.split_once('#').map_or((rest, None), |(id, member)| (id, Some(member)));
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-:!".contains(&byte);
        if id.is_empty() || id.len() > LONGEST || !id.bytes().all(is_id) || member == Some("") {
            return Err(Error::new(
                &codes::secrets::REFERENCE,
                "expected `aws-sm:name`, `aws-sm:arn:…` or `aws-sm:name#member`",
            ));
        }
        Ok(Self { id, member })
    }

    /// The whole value, or the member that is meant.
    pub(super) fn pick(&self, value: &Secret) -> Result<Secret> {
        crate::member::pick(value, self.member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_picked_and_everything_else_is_told_apart() {
        let value = Secret::new(br#"{"Username":"acme","Port":22,"Empty":"","Nothing":null}"#.to_vec());
        let pick = |rest: &str, value: &Secret| {
            let outcome = Name::read(rest).and_then(|name| name.pick(value));
            outcome.map(|secret| secret.expose_text().unwrap().to_owned()).map_err(|error| error.code().id)
        };
        assert_eq!(pick("a#Username", &value), Ok("acme".to_owned()));
        assert_eq!(
            pick("arn:aws:secretsmanager:eu-west-1:123456789012:secret:a/b-AbCdEf#Port", &value),
            Ok("22".to_owned())
        );
        assert_eq!(pick("a", &value).map(|text| text.len()), Ok(value.expose().len()));
        for missing in ["a#Other", "a#Empty", "a#Nothing"] {
            assert_eq!(pick(missing, &value), Err("SP-SECRETS-002"), "{missing}");
        }
        for wrong in ["", "#a", "a#", "a b", "a\nb", "ä", &"a".repeat(2049)] {
            assert_eq!(pick(wrong, &value), Err("SP-SECRETS-001"), "{wrong}");
        }
        for text in ["hunter2", "[1]", "\"a\"", ""] {
            assert_eq!(pick("a#b", &Secret::new(text.into())), Err("SP-SECRETS-001"), "{text}");
        }
    }
}
