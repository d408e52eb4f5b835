//! Identifiers. Each is a type of its own, checked when it is made, so that nothing further right checks again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result, codes};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err(Error::new(&codes::request::INVALID, format!("`{}` is not {}", shorten(&text), $what)))
                }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

/// At most 80 characters of a text that a stranger sent, for an error message.
fn shorten(text: &str) -> String {
    text.chars().take(80).filter(|character| !character.is_control()).collect()
}

fn is_slug(text: &str, extra: &[u8], longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || extra.contains(&byte))
}

fn is_prefixed_ulid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == 26 && rest.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    })
}

text_id!(
    /// A partner: 1 to 63 of `a-z 0-9 -`. It is also the name of the partner's folder in the store.
    PartnerId, "a partner id (1 to 63 of a-z, 0-9 and -)", |text| is_slug(text, b"-", 63)
);
text_id!(
    /// A report type with its version, for example `contracts.v1`: 1 to 100 of `a-z 0-9 . _ -`.
    ReportTypeId, "a report type id (1 to 100 of a-z, 0-9, dot, underscore and -)",
    |text| is_slug(text, b"._-", 100) && !text.contains("..")
);
text_id!(
    /// A connector: `c-` and 17 hexadecimal digits, the pattern of AWS Transfer Family.
    ConnectorId, "a connector id (c- and 17 hexadecimal digits)",
    |text| text.strip_prefix("c-").is_some_and(|rest| {
        rest.len() == 17 && rest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
);
text_id!(
    /// One run of a report: `rep_` and a ULID. The public API calls it the report's id.
    JobId, "a report id (rep_…)", |text| is_prefixed_ulid(text, "rep_")
);
text_id!(
    /// One delivery: `dlv_` and a ULID.
    DeliveryId, "a delivery id (dlv_…)", |text| is_prefixed_ulid(text, "dlv_")
);
text_id!(
    /// One task of the queue: `tsk_` and a ULID.
    TaskId, "a task id (tsk_…)", |text| is_prefixed_ulid(text, "tsk_")
);
text_id!(
    /// The public half of an API key: 12 of `a-z 0-9`. Safe to show and to log.
    ApiKeyId, "an API key id (12 of a-z and 0-9)", |text| text.len() == 12 && is_slug(text, b"", 12)
);
text_id!(
    /// A webhook: `whk_` and a ULID.
    WebhookId, "a webhook id (whk_…)", |text| is_prefixed_ulid(text, "whk_")
);
text_id!(
    /// One notification to one webhook: `msg_` and a ULID. It is the `webhook-id` of Standard Webhooks.
    NotificationId, "a notification id (msg_…)", |text| is_prefixed_ulid(text, "msg_")
);
text_id!(
    /// A change that a partner asked for: `chg_` and a ULID.
    ChangeId, "a change id (chg_…)", |text| is_prefixed_ulid(text, "chg_")
);
text_id!(
    /// An entry of the audit trail: `aud_` and a ULID.
    AuditId, "an audit entry id (aud_…)", |text| is_prefixed_ulid(text, "aud_")
);

text_id!(
    /// A transfer, listing, remote move or remote delete: a UUID.
    TransferId, "a transfer id (a UUID)", is_uuid
);
text_id!(
    /// One file of a transfer: a UUID.
    TransferItemId, "a transfer item id (a UUID)", is_uuid
);
text_id!(
    /// The public half of an access key: `SPAK` and 16 of `A-Z 2-7`.
    AccessKeyId, "an access key id (SPAK and 16 of A-Z and 2-7)",
    |text| text.strip_prefix("SPAK").is_some_and(|rest| {
        rest.len() == 16 && rest.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
    })
);

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

macro_rules! fresh_uuid {
    ($name:ident) => {
        impl $name {
            /// A new, time-ordered identifier: a UUID of version 7 (RFC 9562 section 5.7).
            #[must_use]
            pub fn fresh() -> Self {
                // A ULID has the same layout: 48 bits of milliseconds, then random ones.
                let random = u128::from(ulid::Ulid::generate()) & !(0xf << 76) & !(0b11 << 62);
                let hex = format!("{:032x}", random | (0x7 << 76) | (0b10 << 62));
                let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
                Self([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
            }
        }
    };
}
fresh_uuid!(TransferId);
fresh_uuid!(TransferItemId);

macro_rules! fresh_ulid {
    ($name:ident, $prefix:literal) => {
        impl $name {
            /// A new, time-ordered identifier.
            #[must_use]
            pub fn fresh() -> Self {
                Self(format!(concat!($prefix, "{}"), ulid::Ulid::generate().to_string().to_lowercase()))
            }
        }
    };
}
fresh_ulid!(JobId, "rep_");
fresh_ulid!(DeliveryId, "dlv_");
fresh_ulid!(TaskId, "tsk_");
fresh_ulid!(WebhookId, "whk_");
fresh_ulid!(NotificationId, "msg_");
fresh_ulid!(ChangeId, "chg_");
fresh_ulid!(AuditId, "aud_");

impl AccessKeyId {
    /// A new identifier.
    #[must_use]
    pub fn fresh() -> Self {
        // 80 random bits are 16 of Crockford's 32 letters; translated to the alphabet of RFC 4648.
        let random = ulid::Ulid::generate().to_string();
        let letters = random.bytes().skip(10).map(|byte| match byte {
            b'0' => 'I',
            b'1' => 'L',
            b'8' => 'O',
            b'9' => 'U',
            other => char::from(other),
        });
        Self(format!("SPAK{}", letters.collect::<String>()))
    }
}

impl ConnectorId {
    /// A new identifier, for a connector that belongs to no partner.
    #[must_use]
    pub fn fresh() -> Self {
        let mut text = format!("{:032x}", u128::from(ulid::Ulid::generate()));
        // The random end: the beginning is the time.
        text.drain(..15);
        Self(format!("c-{text}"))
    }

    /// The id of a partner's connector of this name. It follows from both, so applying the same files twice
    /// gives the same id.
    #[must_use]
    pub fn of(partner: &PartnerId, name: &str) -> Self {
        let digest = Sha256::digest(format!("{partner}/{name}"));
        let mut text = hex::encode(digest);
        text.truncate(17);
        Self(format!("c-{text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_id_can_never_leave_its_folder() {
        for bad in ["", "..", "a/b", "A", "a.b", "-a", "ä", "a b", &"x".repeat(64)] {
            assert!(bad.parse::<PartnerId>().is_err(), "{bad}");
        }
        assert!("acme-leasing-2".parse::<PartnerId>().is_ok());
    }

    #[test]
    fn connector_ids_have_the_pattern_of_transfer_family() {
        let id = ConnectorId::of(&"acme".parse().expect("an id"), "main");
        assert_eq!(id.as_str().len(), 19);
        assert!(id.as_str().parse::<ConnectorId>().is_ok());
        assert_eq!(id, ConnectorId::of(&"acme".parse().expect("an id"), "main"));
    }

    #[test]
    fn fresh_ids_parse() {
        assert!(JobId::fresh().as_str().parse::<JobId>().is_ok());
        assert!(DeliveryId::fresh().as_str().parse::<DeliveryId>().is_ok());
        assert!(ConnectorId::fresh().as_str().parse::<ConnectorId>().is_ok());
        assert!(AccessKeyId::fresh().as_str().parse::<AccessKeyId>().is_ok());
        let id = TransferId::fresh();
        assert!(id.as_str().parse::<TransferId>().is_ok());
        assert_eq!(id.as_str().get(14..15), Some("7"), "{id}");
        assert!(matches!(id.as_str().get(19..20), Some("8" | "9" | "a" | "b")), "{id}");
    }
}
