//! What can be wrong with the way to a connector's server: versions of its secret, the network, algorithms, parallelism.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use sealpost_core::connector::{AddressFamily, ConnectorSettings, NetworkSettings, SshSettings};
use sealpost_core::error::FieldError;
use sealpost_core::proxy::ProxyAddress;
use sealpost_core::ssh_policy::{self, LEGACY, POLICIES};

/// Most versions of a secret that are tried: servers count refused logins.
const MOST_STAGES: usize = 4;
/// The longest exception for an old algorithm, in years: it is for a while.
const LONGEST_EXCEPTION: i32 = 2;

pub(super) fn check(place: &str, settings: &ConnectorSettings, problems: &mut Vec<FieldError>) {
    let mut problem = |member: &str, detail: &str| problems.push(FieldError::new(format!("{place}{member}"), detail));
    if let Some(secret) = &settings.user_secret {
        if secret.stages.len() > MOST_STAGES {
            problem("/user_secret/stages", &format!("expected at most {MOST_STAGES}"));
        }
        for (index, stage) in secret.stages.iter().enumerate() {
            if stage.is_empty() || stage.len() > 256 || secret.stages[..index].contains(stage) {
                problem(&format!("/user_secret/stages/{index}"), "expected 1 to 256 characters, each stage once");
            }
        }
    }
    check_network(&settings.network, &mut problem);
    check_algorithms(&settings.ssh, Timestamp::now().to_zoned(TimeZone::UTC).date(), &mut problem);
    let parallel = &settings.parallel;
    for (member, value, most) in
        [("channels", parallel.channels, 10), ("connections", parallel.connections, 8), ("files", parallel.files, 256)]
    {
        if value.is_some_and(|value| value == 0 || value > most) {
            problem(&format!("/parallel/{member}"), &format!("expected 1 to {most}"));
        }
    }
}

fn check_network(network: &NetworkSettings, problem: &mut impl FnMut(&str, &str)) {
    if let Some(proxy) = &network.proxy {
        if ProxyAddress::parse(&proxy.url).is_none() {
            problem("/network/proxy/url", "expected `socks5://host:port` or `http://host:port`, without credentials");
        }
        let is_user = |user: &String| {
            (1..=255).contains(&user.len()) && !user.contains(|one: char| one == ':' || one.is_control())
        };
        if proxy.user.as_ref().is_some_and(|user| !is_user(user)) {
            problem("/network/proxy/user", "expected 1 to 255 characters without a colon");
        }
        if proxy.user.is_none() && proxy.password.is_some() {
            problem("/network/proxy/user", "expected a user name for the password");
        }
    }
    let contradicts = match (network.family, network.source_address) {
        (AddressFamily::Any, _) | (_, None) => false,
        (family, Some(source)) => source.is_ipv4() != (family == AddressFamily::Ipv4),
    };
    if contradicts {
        problem("/network/source_address", "it is not of the connector's `family`");
    }
    if network.bytes_per_second == Some(0) {
        problem("/network/bytes_per_second", "expected at least 1; leave it out for no limit");
    }
    if network.idle_s.is_some_and(|seconds| seconds > 3_600) {
        problem("/network/idle_s", "expected at most 3600");
    }
}

fn check_algorithms(ssh: &SshSettings, today: Date, problem: &mut impl FnMut(&str, &str)) {
    if ssh_policy::find(ssh.policy.as_deref()).is_none() {
        let names: Vec<&str> = POLICIES.iter().map(|policy| policy.name).collect();
        problem("/ssh/policy", &format!("expected one of {}", names.join(", ")));
    }
    let last = today.saturating_add(LONGEST_EXCEPTION.years());
    for (index, exception) in ssh.legacy.iter().enumerate() {
        let place = format!("/ssh/legacy/{index}");
        if ssh_policy::legacy_kind(&exception.name).is_none() {
            let names: Vec<&str> = LEGACY.iter().map(|(name, _)| *name).collect();
            problem(&format!("{place}/name"), &format!("expected one of {}", names.join(", ")));
        }
        if ssh.legacy[..index].iter().any(|before| before.name == exception.name) {
            problem(&format!("{place}/name"), "expected each algorithm once");
        }
        if exception.until < today || exception.until > last {
            problem(&format!("{place}/until"), &format!("expected a day from {today} to {last}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::records::check::check_connector;

    /// The pointers of what is wrong with settings that are good but for these members.
    fn wrong(members: Json) -> Vec<String> {
        let mut settings = json!({"host": "sftp.acme.example", "host_keys": []});
        if members.get("user_secret").is_none() {
            settings["user"] = "reports".into();
            settings["login"] = json!([{"method": "password", "password": "env:A"}]);
        }
        for (name, value) in members.as_object().expect("an object") {
            settings[name] = value.clone();
        }
        let settings: ConnectorSettings = serde_json::from_value(settings).expect("settings");
        let mut problems = Vec::new();
        check_connector("", &settings, &mut problems);
        problems.into_iter().map(|problem| problem.pointer).collect()
    }

    fn day(from_now: i32) -> String {
        (Timestamp::now().to_zoned(TimeZone::UTC).date().saturating_add(from_now.days())).to_string()
    }

    #[test]
    fn what_is_in_order_passes() {
        for good in [
            json!({}),
            json!({"user_secret": {"secret": "aws-sm:partner", "stages": ["AWSCURRENT", "AWSPREVIOUS"]}}),
            json!({"network": {"proxy": {"url": "socks5://proxy:1080", "user": "a", "password": "env:A"},
                "source_address": "10.0.0.1", "family": "ipv4", "bytes_per_second": 1, "idle_s": 0}}),
            json!({"ssh": {"policy": "TransferSFTPConnectorSecurityPolicy-2024-03",
                "legacy": [{"name": "ssh-rsa", "until": day(0)}, {"name": "hmac-sha1", "until": day(700)}]}}),
            json!({"parallel": {"ranges": false, "channels": 10, "connections": 8, "files": 256}}),
            json!({"host": "[2001:db8::1]", "host_keys": ["@cert-authority *.acme.example ssh-ed25519 AAAAC3Nz",
                "@cert-authority ssh-ed25519 AAAAC3Nz", "ssh-ed25519 AAAAC3Nz"]}),
        ] {
            assert_eq!(wrong(good.clone()), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn every_mistake_has_its_place() {
        for (members, places) in [
            (json!({"user_secret": {"secret": "env:A"}, "user": "a"}), vec!["/user"]),
            (
                json!({"user_secret": {"secret": "env:A"}, "login": [{"method": "password", "password": "env:A"}]}),
                vec!["/login"],
            ),
            (
                json!({"user_secret": {"secret": "env:A", "stages": ["A", "A", ""]}}),
                vec!["/user_secret/stages/1", "/user_secret/stages/2"],
            ),
            (
                json!({"user_secret": {"secret": "env:A", "stages": ["A", "B", "C", "D", "E"]}}),
                vec!["/user_secret/stages"],
            ),
            (json!({"user": "", "login": []}), vec!["/user", "/login"]),
            (json!({"network": {"proxy": {"url": "socks5://a:b@proxy"}}}), vec!["/network/proxy/url"]),
            (json!({"network": {"proxy": {"url": "http://proxy", "user": "a:b"}}}), vec!["/network/proxy/user"]),
            (json!({"network": {"proxy": {"url": "http://proxy", "password": "env:A"}}}), vec!["/network/proxy/user"]),
            (json!({"network": {"source_address": "::1", "family": "ipv4"}}), vec!["/network/source_address"]),
            (
                json!({"network": {"bytes_per_second": 0, "idle_s": 3601}}),
                vec!["/network/bytes_per_second", "/network/idle_s"],
            ),
            (json!({"ssh": {"policy": "TransferSecurityPolicy-2024-01"}}), vec!["/ssh/policy"]),
            (
                json!({"ssh": {"legacy": [{"name": "aes128-ctr", "until": day(1)}, {"name": "ssh-rsa", "until": day(-1)},
                    {"name": "ssh-rsa", "until": day(800)}]}}),
                vec!["/ssh/legacy/0/name", "/ssh/legacy/1/until", "/ssh/legacy/2/name", "/ssh/legacy/2/until"],
            ),
            (
                json!({"parallel": {"channels": 11, "connections": 0, "files": 257}}),
                vec!["/parallel/channels", "/parallel/connections", "/parallel/files"],
            ),
            (json!({"host": "sftp.acme.example\r\nx"}), vec!["/host"]),
            (json!({"retry": {"longest_pause_s": 1e12}}), vec!["/retry"]),
            (json!({"retry": {"first_pause_s": 1e12, "longest_pause_s": 1e12}}), vec!["/retry"]),
            (
                json!({"host_keys": ["@revoked * ssh-ed25519 AAAA", "@cert-authority"]}),
                vec!["/host_keys/0", "/host_keys/1"],
            ),
        ] {
            assert_eq!(wrong(members.clone()), places, "{members}");
        }
    }
}
