//! What a connector offers: its security policy, and its exceptions for old algorithms as long as they last.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use russh::client::GexParams;
use russh::keys::Algorithm;
use russh::{cipher, kex, mac};
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::ssh_policy::{self, AlgorithmKind, LEGACY, POLICIES};

/// Algorithms to offer, the preferred first.
#[derive(Debug, Clone, Default)]
pub(super) struct Offer {
    pub(super) kex: Vec<kex::Name>,
    pub(super) cipher: Vec<cipher::Name>,
    pub(super) mac: Vec<mac::Name>,
    pub(super) host_key: Vec<Algorithm>,
    /// Whether our own RSA key may sign with SHA-1.
    pub(super) rsa_sha1_login: bool,
    /// Whether groups of 2048 bits are accepted: what servers have that know no better than SHA-1.
    small_groups: bool,
}

impl Offer {
    /// What the connector's settings allow today.
    ///
    /// # Errors
    /// `SP-DELIVER-021` for unknown names, `SP-DELIVER-026` where an exception has ended.
    pub(super) fn of(settings: &ConnectorSettings) -> Result<Self> {
        Self::on(settings, Zoned::new(Timestamp::now(), TimeZone::UTC).date())
    }

    fn on(settings: &ConnectorSettings, today: Date) -> Result<Self> {
        let ssh = &settings.ssh;
        let policy = ssh_policy::find(ssh.policy.as_deref()).ok_or_else(|| {
            let known: Vec<&str> = POLICIES.iter().map(|policy| policy.name).collect();
            let detail = format!("no security policy is named `{}`", ssh.policy.as_deref().unwrap_or_default());
            let advice = format!("expected one of {}", known.join(", "));
            Error::new(&codes::deliver::CONFIG, detail).with_fields(vec![FieldError::new("/ssh/policy", advice)])
        })?;
        let mut offer = Self::default();
        let named = [
            (AlgorithmKind::Kex, policy.kexs),
            (AlgorithmKind::Cipher, policy.ciphers),
            (AlgorithmKind::Mac, policy.macs),
            (AlgorithmKind::HostKey, policy.host_keys),
        ];
        for (kind, names) in named {
            for name in names {
                // What the library does not have is left out: the operators' page says which.
                let _is_known = offer.add(kind, name);
            }
        }
        for (index, exception) in ssh.legacy.iter().enumerate() {
            let kind = ssh_policy::legacy_kind(&exception.name).filter(|kind| offer.add(*kind, &exception.name));
            let Some(kind) = kind else {
                let known: Vec<&str> = LEGACY.iter().map(|(name, _)| *name).collect();
                let field = FieldError::new(
                    format!("/ssh/legacy/{index}/name"),
                    format!("exceptions can be made for {}", known.join(", ")),
                );
                let detail = format!("there is no exception for an algorithm named `{}`", exception.name);
                return Err(Error::new(&codes::deliver::CONFIG, detail).with_fields(vec![field]));
            };
            if exception.until < today {
                let detail = format!("the exception for `{}` ended on {}", exception.name, exception.until);
                return Err(Error::new(&codes::deliver::LEGACY, detail));
            }
            offer.rsa_sha1_login |= kind == AlgorithmKind::HostKey;
            offer.small_groups |= kind == AlgorithmKind::Kex;
        }
        Ok(offer)
    }

    /// That every exception of the connector holds today: for connections that are there already.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(super) fn holds(settings: &ConnectorSettings) -> Result<()> {
        if settings.ssh.legacy.is_empty() { Ok(()) } else { Self::of(settings).map(drop) }
    }

    /// Adds an algorithm at the end. `false` where the library does not have it.
    fn add(&mut self, kind: AlgorithmKind, name: &str) -> bool {
        fn push<T: PartialEq, E>(list: &mut Vec<T>, found: Result<T, E>) -> bool {
            found.is_ok_and(|found| {
                if !list.contains(&found) {
                    list.push(found);
                }
                true
            })
        }
        match kind {
            AlgorithmKind::Kex => push(&mut self.kex, kex::Name::try_from(name)),
            AlgorithmKind::Cipher => push(&mut self.cipher, cipher::Name::try_from(name)),
            AlgorithmKind::Mac => push(&mut self.mac, mac::Name::try_from(name)),
            AlgorithmKind::HostKey => push(&mut self.host_key, Algorithm::new(name)),
        }
    }

    /// Sizes of groups for `diffie-hellman-group-exchange-…` (RFC 4419).
    pub(super) fn groups(&self) -> GexParams {
        let small = GexParams::new(2048, 3072, 8192).ok().filter(|_| self.small_groups);
        small.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use sealpost_core::connector::LegacyAlgorithm;

    use super::*;

    fn settings(policy: Option<&str>, legacy: &[(&str, Date)]) -> ConnectorSettings {
        let mut settings = ConnectorSettings::new("sftp.example", 22, "reports");
        settings.ssh.policy = policy.map(str::to_owned);
        settings.ssh.legacy =
            legacy.iter().map(|(name, until)| LegacyAlgorithm { name: (*name).to_owned(), until: *until }).collect();
        settings
    }

    const TODAY: Date = date(2026, 11, 22);

    #[test]
    fn every_algorithm_of_every_policy_is_offered_but_one() {
        for policy in POLICIES {
            let offer = Offer::on(&settings(Some(policy.name), &[]), TODAY).expect("a policy");
            let names = |names: Vec<&str>| names.join(",");
            assert_eq!(names(offer.kex.iter().map(AsRef::as_ref).collect()), policy.kexs.join(","));
            assert_eq!(names(offer.cipher.iter().map(AsRef::as_ref).collect()), policy.ciphers.join(","));
            let macs: Vec<&str> = policy.macs.iter().copied().filter(|name| *name != "hmac-sha1-96").collect();
            assert_eq!(names(offer.mac.iter().map(AsRef::as_ref).collect()), macs.join(","));
            let keys: Vec<String> = offer.host_key.iter().map(ToString::to_string).collect();
            assert_eq!(keys.join(","), policy.host_keys.join(","));
            assert!(!offer.rsa_sha1_login);
        }
    }

    #[test]
    fn every_exception_can_be_made_comes_last_and_ends_after_its_last_day() {
        for (name, kind) in LEGACY {
            let offer = Offer::on(&settings(None, &[(name, TODAY)]), TODAY).expect("the last day");
            let last = match kind {
                AlgorithmKind::Kex => offer.kex.last().map(|one| one.as_ref().to_owned()),
                AlgorithmKind::Cipher => offer.cipher.last().map(|one| one.as_ref().to_owned()),
                AlgorithmKind::Mac => offer.mac.last().map(|one| one.as_ref().to_owned()),
                AlgorithmKind::HostKey => offer.host_key.last().map(ToString::to_string),
            };
            assert_eq!(last.as_deref(), Some(*name));
            assert_eq!(offer.rsa_sha1_login, *name == "ssh-rsa");
            let error = Offer::on(&settings(None, &[(name, date(2026, 11, 21))]), TODAY).expect_err("over");
            assert!(error.is(&codes::deliver::LEGACY) && error.detail().contains(name), "{error}");
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        let error = Offer::on(&settings(Some("TransferSecurityPolicy-2024-01"), &[]), TODAY).expect_err("a server's");
        assert!(error.is(&codes::deliver::CONFIG) && error.fields()[0].pointer == "/ssh/policy", "{error}");
        for name in ["none", "3des-cbc", "ssh-dss", "nonsense", "aes128-ctr"] {
            let error = Offer::on(&settings(None, &[("hmac-sha1", TODAY), (name, TODAY)]), TODAY).expect_err(name);
            assert!(error.is(&codes::deliver::CONFIG) && error.fields()[0].pointer == "/ssh/legacy/1/name", "{error}");
        }
    }
}
