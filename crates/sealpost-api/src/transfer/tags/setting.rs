//! Tags that are settings: what AWS Transfer Family's model has no member for.

use jiff::civil::Date;
use sealpost_core::connector::{ExistingFile, LegacyAlgorithm, ParallelSettings, Proxy, RetryPolicy};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::proxy::ProxyAddress;
use sealpost_core::ssh_policy::legacy_kind;
use sealpost_core::transfer::{AfterRetrieve, Landed, TransferConnector};
use sealpost_pipeline::TransferSettings;

/// What keys of settings begin with.
const PREFIX: &str = "sealpost:";
/// Attempts at a file when no tag says otherwise. A person or a program waits for the outcome, so it is decided within
/// about a minute, unless the secret store is away: waiting for that counts as no attempt.
const ATTEMPTS: RetryPolicy = RetryPolicy { max_attempts: 5, first_pause_s: 3.0, longest_pause_s: 600.0 };

/// What the configuration allows.
#[derive(Debug, Clone, Copy)]
pub(in crate::transfer) struct Allowed {
    /// There is somebody to seal for.
    sealing: bool,
    /// Connectors lead to public addresses only.
    public_only: bool,
}

impl Allowed {
    pub(in crate::transfer) fn of(settings: &TransferSettings) -> Self {
        Self { sealing: !settings.seal_for.is_empty(), public_only: settings.public_only }
    }
}

/// A setting: its key, its values in words, and what sets it. `None` for a value that is none of them.
struct Setting {
    key: &'static str,
    values: &'static str,
    set: fn(&mut TransferConnector, &str) -> Option<()>,
}

/// Every setting.
static SETTINGS: &[Setting] = &[
    Setting {
        key: "retrieve",
        values: "`as-received` or `sealed`",
        set: |connector, value| {
            connector.landed = match value {
                "as-received" => Landed::AsReceived,
                "sealed" => Landed::Sealed,
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        key: "after-retrieve",
        values: "`keep`, `delete` or `move:/directory`",
        set: |connector, value| {
            connector.after_retrieve = match (value, value.strip_prefix("move:")) {
                ("keep", _) => AfterRetrieve::Keep,
                ("delete", _) => AfterRetrieve::Delete,
                (_, Some(directory)) if !directory.is_empty() => AfterRetrieve::Move(directory.to_owned()),
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        key: "existing-file",
        values: "`replace`, `fail` or `keep-both`",
        set: |connector, value| {
            connector.settings.existing_file = match value {
                "replace" => ExistingFile::Replace,
                "fail" => ExistingFile::Fail,
                "keep-both" => ExistingFile::KeepBoth,
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        key: "bytes-per-second",
        values: "a whole number above 0",
        set: |connector, value| {
            connector.settings.network.bytes_per_second = Some(value.parse().ok().filter(|bytes| *bytes > 0)?);
            Some(())
        },
    },
    Setting {
        key: "channels",
        values: "1 to 10",
        set: |connector, value| {
            connector.settings.parallel.channels = Some(number(value, 10)?);
            Some(())
        },
    },
    Setting {
        key: "connections",
        values: "1 to 8",
        set: |connector, value| {
            connector.settings.parallel.connections = Some(number(value, 8)?);
            Some(())
        },
    },
    Setting {
        key: "files",
        values: "1 to 256",
        set: |connector, value| {
            connector.settings.parallel.files = Some(number(value, 256)?);
            Some(())
        },
    },
    Setting {
        key: "ranges",
        values: "`on` or `off`",
        set: |connector, value| {
            connector.settings.parallel.ranges = Some(match value {
                "on" => true,
                "off" => false,
                _ => return None,
            });
            Some(())
        },
    },
    Setting {
        key: "proxy",
        values: "`socks5://host:port` or `http://host:port`, without credentials",
        set: |connector, value| {
            ProxyAddress::parse(value)?;
            connector.settings.network.proxy = Some(Proxy { url: value.to_owned(), user: None, password: None });
            Some(())
        },
    },
    Setting {
        key: "source-address",
        values: "an IP address of this machine",
        set: |connector, value| {
            connector.settings.network.source_address = Some(value.parse().ok()?);
            Some(())
        },
    },
    Setting {
        key: "legacy-algorithms",
        values: "algorithms each with the last day that it is allowed: `ssh-rsa:2027-01-31,hmac-sha1:2027-01-31`",
        set: |connector, value| {
            let one = |text: &str| {
                let (name, until) = text.trim().rsplit_once(':')?;
                legacy_kind(name)?;
                Some(LegacyAlgorithm { name: name.to_owned(), until: until.parse::<Date>().ok()? })
            };
            connector.settings.ssh.legacy = value.split(',').map(one).collect::<Option<_>>()?;
            Some(())
        },
    },
    Setting {
        key: "create-directories",
        values: "`true` or `false`",
        set: |connector, value| {
            connector.settings.create_directories = value.parse().ok()?;
            Some(())
        },
    },
    Setting {
        key: "max-attempts",
        values: "1 to 100",
        set: |connector, value| {
            connector.settings.retry.max_attempts = number(value, 100)?;
            Some(())
        },
    },
];

fn number(text: &str, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (1..=most).contains(number))
}

/// Derives the settings from the connector's tags: what no tag says is as without tags.
///
/// # Errors
/// `SP-REQUEST-001` for a key or value that is no setting.
pub(in crate::transfer) fn apply(connector: &mut TransferConnector, allowed: Allowed) -> Result<()> {
    reset(connector);
    for tag in std::mem::take(&mut connector.tags) {
        if let Some(key) = tag.key.strip_prefix(PREFIX) {
            let wrong = |what: String| Error::new(&codes::request::INVALID, format!("Tag `{}`: {what}", tag.key));
            let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
                let known: Vec<String> = SETTINGS.iter().map(|setting| format!("{PREFIX}{}", setting.key)).collect();
                return Err(wrong(format!("there is no such setting; there are {}.", known.join(", "))));
            };
            (setting.set)(connector, &tag.value).ok_or_else(|| wrong(format!("expected {}.", setting.values)))?;
        }
        connector.tags.push(tag);
    }
    if connector.landed == Landed::Sealed && !allowed.sealing {
        let detail = "Tag `sealpost:retrieve`: this service has no certificates to seal for; the operator sets \
                      `[transfer] seal_for`.";
        return Err(Error::new(&codes::request::INVALID, detail));
    }
    connector.settings.public_only = allowed.public_only;
    // A proxy's own address may be any, and what answers there is shown to the caller.
    if allowed.public_only && connector.settings.network.proxy.is_some() {
        let detail = "Tag `sealpost:proxy`: connectors of this service lead to public addresses only, without a proxy.";
        return Err(Error::new(&codes::request::INVALID, detail));
    }
    Ok(())
}

/// Everything that a tag may set, as without tags.
fn reset(connector: &mut TransferConnector) {
    connector.landed = Landed::default();
    connector.after_retrieve = AfterRetrieve::default();
    let settings = &mut connector.settings;
    // As AWS Transfer Family: a file that is sent replaces one of its name.
    settings.existing_file = ExistingFile::Replace;
    settings.network.bytes_per_second = None;
    settings.network.proxy = None;
    settings.network.source_address = None;
    settings.parallel = ParallelSettings::default();
    settings.ssh.legacy = Vec::new();
    settings.create_directories = false;
    settings.retry = ATTEMPTS;
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sealpost_core::connector::ConnectorSettings;
    use sealpost_core::id::ConnectorId;
    use sealpost_core::transfer::TransferTag;

    use super::*;

    fn connector(tags: &[(&str, &str)]) -> TransferConnector {
        TransferConnector {
            id: ConnectorId::fresh(),
            url: "sftp://host".to_owned(),
            access_role: String::new(),
            logging_role: None,
            ip_address_type: None,
            user_secret_id: None,
            tags: tags.iter().map(|(key, value)| tag(key, value)).collect(),
            settings: ConnectorSettings::new("host", 22, ""),
            landed: Landed::default(),
            after_retrieve: AfterRetrieve::default(),
            partner: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn tag(key: &str, value: &str) -> TransferTag {
        TransferTag { key: key.to_owned(), value: value.to_owned() }
    }

    const ALLOWED: Allowed = Allowed { sealing: true, public_only: false };

    #[test]
    fn tags_set_and_without_them_everything_is_as_before() {
        let mut bare = connector(&[]);
        apply(&mut bare, ALLOWED).expect("no tags");
        assert_eq!(bare.settings.existing_file, ExistingFile::Replace);
        let mut one = connector(&[
            ("team", "x"),
            ("sealpost:retrieve", "sealed"),
            ("sealpost:after-retrieve", "move:/done"),
            ("sealpost:existing-file", "keep-both"),
            ("sealpost:bytes-per-second", "1000000"),
            ("sealpost:channels", "4"),
            ("sealpost:connections", "2"),
            ("sealpost:files", "8"),
            ("sealpost:ranges", "off"),
            ("sealpost:proxy", "socks5://proxy:1080"),
            ("sealpost:source-address", "127.0.0.1"),
            ("sealpost:legacy-algorithms", "ssh-rsa:2027-01-31, hmac-sha1:2027-01-31"),
            ("sealpost:create-directories", "true"),
            ("sealpost:max-attempts", "2"),
        ]);
        apply(&mut one, ALLOWED).expect("good tags");
        assert_eq!(one.tags.len(), SETTINGS.len() + 1, "every setting is tried here");
        assert_eq!((one.landed, one.after_retrieve.clone()), (Landed::Sealed, AfterRetrieve::Move("/done".to_owned())));
        assert_eq!((one.settings.parallel.channels, one.settings.parallel.ranges), (Some(4), Some(false)));
        assert_eq!((one.settings.retry.max_attempts, one.settings.ssh.legacy.len()), (2, 2));
        one.tags.clear();
        apply(&mut one, ALLOWED).expect("no tags");
        assert_eq!((one.settings, one.landed, one.after_retrieve), (bare.settings, bare.landed, bare.after_retrieve));
    }

    #[test]
    fn what_is_no_setting_is_named() {
        for (key, value) in [
            ("sealpost:nonsense", "1"),
            ("sealpost:retrieve", "open"),
            ("sealpost:after-retrieve", "move:"),
            ("sealpost:existing-file", "Replace"),
            ("sealpost:bytes-per-second", "0"),
            ("sealpost:channels", "11"),
            ("sealpost:connections", "-1"),
            ("sealpost:files", "many"),
            ("sealpost:ranges", "true"),
            ("sealpost:proxy", "socks5://user:password@proxy"),
            ("sealpost:source-address", "proxy"),
            ("sealpost:legacy-algorithms", "ssh-rsa"),
            ("sealpost:legacy-algorithms", "aes128-gcm@openssh.com:2027-01-31"),
            ("sealpost:legacy-algorithms", "ssh-rsa:2027-02-31"),
            ("sealpost:create-directories", "yes"),
            ("sealpost:max-attempts", "101"),
        ] {
            let error = apply(&mut connector(&[(key, value)]), ALLOWED).expect_err(key);
            assert!(error.detail().contains(key), "{error}");
        }
        let sealed = &mut connector(&[("sealpost:retrieve", "sealed")]);
        assert!(apply(sealed, Allowed { sealing: false, ..ALLOWED }).is_err());
    }

    #[test]
    fn where_only_public_addresses_may_be_reached_no_proxy_leads_around() {
        let allowed = Allowed { public_only: true, ..ALLOWED };
        let mut plain = connector(&[]);
        super::apply(&mut plain, allowed).unwrap();
        assert!(plain.settings.public_only);
        super::apply(&mut plain, ALLOWED).unwrap();
        assert!(!plain.settings.public_only);
        let mut proxied = connector(&[("sealpost:proxy", "http://169.254.169.254:80")]);
        assert!(super::apply(&mut proxied, allowed).is_err());
    }
}
