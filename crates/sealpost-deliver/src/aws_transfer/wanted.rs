//! One of our connectors in the service's words; what it can't do is refused rather than left out.

use sealpost_core::connector::{AddressFamily, ConnectorSettings, ExistingFile};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::transport::CAN_NOT_DO;
use sealpost_core::ssh_policy::DEFAULT_POLICY;

use super::shapes::SftpConfig;

/// Most connections of one of its connectors.
const MOST_CONNECTIONS: u32 = 5;
/// Most version stages of its secrets.
const MOST_STAGES: usize = 2;
/// Most host keys that one of its connectors trusts.
const MOST_KEYS: usize = 10;
/// The types of host keys that its connectors take: no Ed25519.
const KEY_TYPES: [&str; 4] = ["ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
/// The policy that the service gives its connectors unless it is told another.
const SERVICES_POLICY: &str = "TransferSFTPConnectorSecurityPolicy-2024-03";

/// What the service's connector has to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) url: String,
    pub(super) config: SftpConfig,
    pub(super) policy: String,
}

/// Refuses what a delivery through the service would silently do otherwise.
///
/// # Errors
/// `SP-DELIVER-021`, with every setting that is in the way.
pub(super) fn can_do(settings: &ConnectorSettings) -> Result<()> {
    let mut wrong = Vec::new();
    let mut refuse = |is_so: bool, what: &'static str| {
        if is_so {
            wrong.push(what);
        }
    };
    refuse(
        settings.existing_file != ExistingFile::Replace,
        "`existing_file` must be `replace`: the service always does",
    );
    refuse(settings.create_directories, "`create_directories`");
    refuse(settings.checksum_file, "`checksum_file`");
    refuse(settings.done_file, "`done_file`");
    refuse(settings.network.proxy.is_some(), "`network.proxy`");
    refuse(settings.network.source_address.is_some(), "`network.source_address`");
    refuse(settings.network.family == AddressFamily::Ipv6, "`network.family = ipv6`");
    refuse(settings.network.bytes_per_second.is_some(), "`network.bytes_per_second`");
    refuse(!settings.ssh.legacy.is_empty(), "`ssh.legacy`");
    if wrong.is_empty() {
        return Ok(());
    }
    Err(config(&format!("{CAN_NOT_DO}{}", wrong.join(", "))))
}

/// Refuses what no delivery could be made with, as far as the settings tell.
///
/// # Errors
/// `SP-DELIVER-021`, as [`can_do`] and [`wanted`] say it, of both.
pub(super) fn accepts(settings: &ConnectorSettings, is_ours: bool) -> Result<()> {
    // One that is named has login and host keys of its own. A host key may be approved later, when a test has shown it.
    let made = if settings.aws_connector.is_some() { Ok(()) } else { wanted(settings, is_ours, false).map(drop) };
    match (can_do(settings), made) {
        (Err(one), Err(other)) => Err(config(&format!("{}; {}", one.detail(), other.detail()))),
        (one, other) => one.and(other),
    }
}

/// The service's connector for one of ours. `is_ours` where the address is of our own transfer API, which takes secrets of
/// other stores, certificate authorities and fingerprints as well.
///
/// # Errors
/// `SP-DELIVER-021`; `-014` without a host key where one is `needed`.
pub(super) fn wanted(settings: &ConnectorSettings, is_ours: bool, needed: bool) -> Result<Wanted> {
    let Some(secret) = &settings.user_secret else {
        return Err(config("AWS Transfer Family reads the login from a secret: set `user_secret` instead of `login`"));
    };
    let id = match secret.secret.scheme() {
        // By ARN or name; ours takes no bare names, which could be of any store.
        "aws-sm" if !secret.secret.rest().contains('#') && (!is_ours || secret.secret.rest().starts_with("arn:")) => {
            secret.secret.rest().to_owned()
        }
        _ if is_ours => secret.secret.to_string(),
        _ => {
            return Err(config(
                "AWS Transfer Family reads secrets of AWS Secrets Manager only, and the whole of one: `aws-sm:name`",
            ));
        }
    };
    if secret.stages.len() > MOST_STAGES {
        return Err(config("AWS Transfer Family tries two version stages of a secret at most"));
    }
    // Ours has policies of other names beside AWS's.
    if let Some(policy) = settings.ssh.policy.as_deref().filter(|name| !is_ours && !name.starts_with("Transfer")) {
        return Err(config(&format!(
            "AWS Transfer Family has no `ssh.policy` of the name `{policy}`: take one of its own, such as \
             `{SERVICES_POLICY}`, or leave it out"
        )));
    }
    if settings.host_keys.is_empty() && needed {
        return Err(Error::new(&codes::deliver::NO_HOST_KEY, format!("{}:{}", settings.host, settings.port)));
    }
    // Ours as well.
    if settings.host_keys.len() > MOST_KEYS {
        return Err(config(&format!(
            "the transfer service trusts {MOST_KEYS} host keys of a server at most, and `host_keys` has {}: take out those that \
             the server does not have any more",
            settings.host_keys.len()
        )));
    }
    let keys = settings.host_keys.iter().map(|key| host_key(key, is_ours)).collect::<Result<Vec<_>>>()?;
    // Said also where the settings name none: what is left out of a change stays as it is there.
    let default = if is_ours { DEFAULT_POLICY } else { SERVICES_POLICY };
    // IPv6 addresses in URLs stand in brackets (RFC 3986 section 3.2.2).
    let host = settings.bare_host();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let port = if settings.port == 22 { String::new() } else { format!(":{}", settings.port) };
    Ok(Wanted {
        url: format!("sftp://{host}{port}"),
        config: SftpConfig {
            user_secret_id: Some(id),
            // Also where there is none: what is left out of a change stays as it is there.
            trusted_host_keys: Some(keys),
            max_concurrent_connections: Some(settings.limits.concurrency.clamp(1, MOST_CONNECTIONS)),
            ordered_user_secret_version_stages: Some(secret.stages.clone()).filter(|stages| !stages.is_empty()),
        },
        policy: settings.ssh.policy.as_deref().unwrap_or(default).to_owned(),
    })
}

/// Type and key, without a comment.
fn host_key(text: &str, is_ours: bool) -> Result<String> {
    let text = text.trim();
    if text.starts_with("@cert-authority") {
        let refusal = "AWS Transfer Family trusts host keys, no certificate authorities: approve the keys themselves";
        return if is_ours { Ok(text.to_owned()) } else { Err(config(refusal)) };
    }
    if is_ours && text.starts_with("SHA256:") {
        return Ok(text.to_owned());
    }
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some(kind), Some(_)) if !is_ours && !KEY_TYPES.contains(&kind) => Err(config(&format!(
            "AWS Transfer Family takes no `{kind}` as a host key, only {}: approve such a key of the same server instead",
            KEY_TYPES.join(", ")
        ))),
        (Some(kind), Some(key)) => Ok(format!("{kind} {key}")),
        _ => Err(config(
            "AWS Transfer Family needs whole host keys (`ecdsa-sha2-nistp256 AAAA…`): of a fingerprint the key can't be had. Run \
             `ssh-keyscan`, compare its fingerprint with the approved one, and approve the whole key",
        )),
    }
}

pub(super) fn config(detail: &str) -> Error {
    Error::new(&codes::deliver::CONFIG, detail)
}

#[cfg(test)]
mod tests {
    use sealpost_core::connector::UserSecret;

    use super::*;

    const KEY: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=";

    fn settings() -> ConnectorSettings {
        let mut settings = ConnectorSettings::new("sftp.acme.example", 22, "acme");
        settings.host_keys = vec![format!("{KEY} a comment")];
        let secret = "aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme-AbCdEf".parse().unwrap();
        settings.user_secret = Some(UserSecret { secret, stages: Vec::new() });
        settings.existing_file = ExistingFile::Replace;
        settings
    }

    #[test]
    fn a_connector_is_said_in_the_services_words() {
        let mut settings = settings();
        let made = wanted(&settings, false, true).unwrap();
        assert_eq!(made.url, "sftp://sftp.acme.example");
        assert_eq!(made.config.trusted_host_keys, Some(vec![KEY.to_owned()]));
        let id = made.config.user_secret_id.unwrap();
        assert_eq!(id, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme-AbCdEf");
        assert_eq!(made.config.max_concurrent_connections, Some(2));
        assert_eq!(made.policy, SERVICES_POLICY);
        assert_eq!(wanted(&settings, true, true).unwrap().policy, DEFAULT_POLICY);
        settings.port = 2222;
        settings.limits.concurrency = 40;
        for host in ["2001:db8::1", "[2001:db8::1]"] {
            settings.host = host.to_owned();
            let made = wanted(&settings, false, true).unwrap();
            let said = (&*made.url, made.config.max_concurrent_connections);
            assert_eq!(said, ("sftp://[2001:db8::1]:2222", Some(5)), "{host}");
        }
        assert!(accepts(&settings, false).is_ok());
    }

    #[test]
    fn everything_in_the_way_is_said_at_once() {
        // As partners set destinations up themselves.
        let theirs = ConnectorSettings::new("sftp.acme.example", 22, "acme");
        let error = accepts(&theirs, false).unwrap_err();
        assert!(error.is(&codes::deliver::CONFIG) && !error.is_retried(), "{error}");
        assert!(error.detail().contains("existing_file") && error.detail().contains("user_secret"), "{error}");
        // One that is named has a login of its own.
        let id = "c-0123456789abcdef0".parse().unwrap();
        let mut named = ConnectorSettings { existing_file: ExistingFile::Replace, aws_connector: Some(id), ..theirs };
        assert!(accepts(&named, false).is_ok());
        named.aws_connector = None;
        let error = accepts(&named, false).unwrap_err();
        assert!(error.detail().contains("user_secret") && !error.detail().contains("existing_file"), "{error}");
        // A host key may be approved later.
        let mut unknown = settings();
        unknown.host_keys.clear();
        assert!(accepts(&unknown, false).is_ok());
    }

    #[test]
    fn what_the_service_would_do_otherwise_is_refused_by_name() {
        let mut other = settings();
        other.existing_file = ExistingFile::Fail;
        other.done_file = true;
        let error = can_do(&other).unwrap_err();
        assert!(error.is(&codes::deliver::CONFIG), "{error}");
        assert!(error.detail().contains("existing_file") && error.detail().contains("done_file"), "{error}");

        let refused = |change: &dyn Fn(&mut ConnectorSettings), is_ours: bool| {
            let mut settings = settings();
            change(&mut settings);
            wanted(&settings, is_ours, true).map_err(|error| error.code().id)
        };
        let fingerprint = |settings: &mut ConnectorSettings| settings.host_keys = vec!["SHA256:abc".to_owned()];
        assert_eq!(refused(&fingerprint, false), Err("SP-DELIVER-021"));
        assert!(refused(&fingerprint, true).is_ok());
        let authority =
            |settings: &mut ConnectorSettings| settings.host_keys = vec![format!("@cert-authority * {KEY}")];
        assert_eq!(refused(&authority, false), Err("SP-DELIVER-021"));
        assert!(refused(&authority, true).is_ok());
        type Setting = fn(&mut ConnectorSettings);
        let rows: [(Setting, &str, bool); 3] = [
            (
                |settings| settings.host_keys.push("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8wM2Fi".to_owned()),
                "ssh-ed25519",
                true,
            ),
            (|settings| settings.host_keys = vec![KEY.to_owned(); 11], "`host_keys` has 11", false),
            (|settings| settings.ssh.policy = Some(DEFAULT_POLICY.to_owned()), DEFAULT_POLICY, true),
        ];
        for (change, told, ours_can) in rows {
            let mut settings = settings();
            change(&mut settings);
            let error = accepts(&settings, false).unwrap_err();
            assert!(error.is(&codes::deliver::CONFIG) && error.detail().contains(told), "{told}: {error}");
            assert_eq!(accepts(&settings, true).is_ok(), ours_can, "{told}");
            // One that is named is not judged.
            settings.aws_connector = Some("c-0123456789abcdef0".parse().unwrap());
            assert!(accepts(&settings, false).is_ok(), "{told}");
        }
        let most = |settings: &mut ConnectorSettings| {
            settings.host_keys = vec![KEY.to_owned(); 10];
            settings.ssh.policy = Some("TransferSFTPConnectorSecurityPolicy-FIPS-2024-10".to_owned());
        };
        assert!(refused(&most, false).is_ok());
        assert_eq!(refused(&|settings| settings.host_keys.clear(), false), Err("SP-DELIVER-014"));
        assert_eq!(refused(&|settings| settings.user_secret = None, true), Err("SP-DELIVER-021"));
        let named = |settings: &mut ConnectorSettings| {
            settings.user_secret = Some(UserSecret { secret: "aws-sm:acme/sftp".parse().unwrap(), stages: Vec::new() });
        };
        assert_eq!(refused(&named, false).unwrap().config.user_secret_id.as_deref(), Some("acme/sftp"));
        assert_eq!(refused(&named, true).unwrap().config.user_secret_id.as_deref(), Some("aws-sm:acme/sftp"));
        let file = |settings: &mut ConnectorSettings| {
            settings.user_secret = Some(UserSecret { secret: "file:acme.json".parse().unwrap(), stages: Vec::new() });
        };
        assert_eq!(refused(&file, false), Err("SP-DELIVER-021"));
        assert_eq!(refused(&file, true).unwrap().config.user_secret_id.as_deref(), Some("file:acme.json"));
    }
}
