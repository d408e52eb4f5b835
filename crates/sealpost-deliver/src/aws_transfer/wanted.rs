//! One of our connectors in the service's words; what it can't do is refused rather than left out.

use sealpost_core::connector::{AddressFamily, Connector, ConnectorSettings, ExistingFile};
use sealpost_core::error::{Error, Result, codes};

use super::shapes::SftpConfig;

/// Most connections of one of its connectors.
const MOST_CONNECTIONS: u32 = 5;
/// Most version stages of its secrets.
const MOST_STAGES: usize = 2;

/// What the service's connector has to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) url: String,
    pub(super) config: SftpConfig,
    pub(super) policy: Option<String>,
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
    Err(config(&format!("AWS Transfer Family can't do it: {}", wrong.join(", "))))
}

/// The service's connector for one of ours. `is_ours` where the address is of our own transfer API, which takes secrets of
/// other stores, certificate authorities and fingerprints as well.
///
/// # Errors
/// `SP-DELIVER-021`; `-014` without a host key where one is `needed`.
pub(super) fn wanted(connector: &Connector, is_ours: bool, needed: bool) -> Result<Wanted> {
    let settings = &connector.settings;
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
    if settings.host_keys.is_empty() && needed {
        return Err(Error::new(&codes::deliver::NO_HOST_KEY, format!("{}:{}", settings.host, settings.port)));
    }
    let keys = settings.host_keys.iter().map(|key| host_key(key, is_ours)).collect::<Result<Vec<_>>>()?;
    let some = |list: Vec<String>| if list.is_empty() { None } else { Some(list) };
    // IPv6 addresses in URLs stand in brackets (RFC 3986 section 3.2.2).
    let host = if settings.host.contains(':') { format!("[{}]", settings.host) } else { settings.host.clone() };
    let port = if settings.port == 22 { String::new() } else { format!(":{}", settings.port) };
    Ok(Wanted {
        url: format!("sftp://{host}{port}"),
        config: SftpConfig {
            user_secret_id: Some(id),
            trusted_host_keys: some(keys),
            max_concurrent_connections: Some(settings.limits.concurrency.clamp(1, MOST_CONNECTIONS)),
            ordered_user_secret_version_stages: some(secret.stages.clone()),
        },
        policy: settings.ssh.policy.clone(),
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
        (Some(kind), Some(key)) => Ok(format!("{kind} {key}")),
        _ => Err(config(
            "AWS Transfer Family needs whole host keys (`ssh-ed25519 AAAA…`): of a fingerprint the key can't be had. Run \
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
    use sealpost_core::id::ConnectorId;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8wM2Fi";

    fn connector() -> Connector {
        let mut settings = ConnectorSettings::new("sftp.acme.example", 22, "acme");
        settings.host_keys = vec![format!("{KEY} a comment")];
        let secret = "aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme-AbCdEf".parse().unwrap();
        settings.user_secret = Some(UserSecret { secret, stages: Vec::new() });
        settings.existing_file = ExistingFile::Replace;
        Connector {
            id: ConnectorId::fresh(),
            partner: "acme".parse().unwrap(),
            name: "main".to_owned(),
            settings,
            candidates: Vec::new(),
        }
    }

    #[test]
    fn a_connector_is_said_in_the_services_words() {
        let mut connector = connector();
        let made = wanted(&connector, false, true).unwrap();
        assert_eq!(made.url, "sftp://sftp.acme.example");
        assert_eq!(made.config.trusted_host_keys, Some(vec![KEY.to_owned()]));
        let id = made.config.user_secret_id.unwrap();
        assert_eq!(id, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme-AbCdEf");
        assert_eq!(made.config.max_concurrent_connections, Some(2));
        connector.settings.host = "2001:db8::1".to_owned();
        connector.settings.port = 2222;
        connector.settings.limits.concurrency = 40;
        let made = wanted(&connector, false, true).unwrap();
        assert_eq!((&*made.url, made.config.max_concurrent_connections), ("sftp://[2001:db8::1]:2222", Some(5)));
        assert!(can_do(&connector.settings).is_ok());
    }

    #[test]
    fn what_the_service_would_do_otherwise_is_refused_by_name() {
        let mut settings = connector().settings;
        settings.existing_file = ExistingFile::Fail;
        settings.done_file = true;
        let error = can_do(&settings).unwrap_err();
        assert!(error.is(&codes::deliver::CONFIG), "{error}");
        assert!(error.detail().contains("existing_file") && error.detail().contains("done_file"), "{error}");

        let refused = |change: &dyn Fn(&mut ConnectorSettings), is_ours: bool| {
            let mut connector = connector();
            change(&mut connector.settings);
            wanted(&connector, is_ours, true).map_err(|error| error.code().id)
        };
        let fingerprint = |settings: &mut ConnectorSettings| settings.host_keys = vec!["SHA256:abc".to_owned()];
        assert_eq!(refused(&fingerprint, false), Err("SP-DELIVER-021"));
        assert!(refused(&fingerprint, true).is_ok());
        let authority =
            |settings: &mut ConnectorSettings| settings.host_keys = vec![format!("@cert-authority * {KEY}")];
        assert_eq!(refused(&authority, false), Err("SP-DELIVER-021"));
        assert!(refused(&authority, true).is_ok());
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
