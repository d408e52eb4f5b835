//! Security policies and exceptions for old algorithms, against servers that have nothing else.

use jiff::civil::Date;
use sealpost_core::connector::{ConnectorSettings, LegacyAlgorithm};
use sealpost_core::error::codes;
use sealpost_testkit::sshd::{Sshd, known_algorithms};
use sealpost_testkit::suite::transport::Parcel;

use crate::sites::{assert_nobody_came, key, openssh_settings, sftp, watched};

fn excepted(settings: &mut ConnectorSettings, names: &[&str], until: Date) {
    settings.ssh.legacy = names.iter().map(|name| LegacyAlgorithm { name: (*name).to_owned(), until }).collect();
}

fn today() -> Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// An exception of today ends at midnight, whatever runs then.
fn tomorrow() -> Date {
    today().tomorrow().unwrap()
}

#[tokio::test]
async fn an_old_server_is_reached_by_exceptions_only_and_only_as_long_as_they_last() {
    let server = Sshd::with(
        "KexAlgorithms diffie-hellman-group14-sha1\nHostKeyAlgorithms ssh-rsa\nCiphers aes128-cbc\nMACs hmac-sha1\n\
         PubkeyAcceptedAlgorithms ssh-rsa",
    );
    let mut settings = openssh_settings(&server);
    settings.host_keys = vec![server.host_key("rsa")];
    settings.login = vec![key(&server.client_key("rsa", "2048", "RFC4716", ""), "")];

    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::NEGOTIATION) && !error.is_retried(), "{error}");
    let offered = "incompatible key exchange algorithms. Client offered: [mlkem768x25519-sha256, curve25519-sha256, ";
    assert!(error.detail().contains(offered), "{error}");
    assert!(error.detail().contains("] Server offered: [diffie-hellman-group14-sha1"), "{error}");

    // Each of them is needed.
    let all = ["diffie-hellman-group14-sha1", "ssh-rsa", "aes128-cbc", "hmac-sha1"];
    for (left_out, what) in all.iter().zip(["key exchange", "host key", "encryption", "MAC"]) {
        let names: Vec<&str> = all.iter().copied().filter(|name| name != left_out).collect();
        excepted(&mut settings, &names, tomorrow());
        let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.detail().contains(&format!("incompatible {what} algorithms")), "{left_out}: {error}");
        assert!(error.detail().contains(&format!("Server offered: [{left_out}")), "{left_out}: {error}");
    }
    excepted(&mut settings, &all, tomorrow());
    let receipt = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap();
    assert_eq!(receipt.algorithms, "diffie-hellman-group14-sha1, aes128-cbc");

    let listener = watched(&mut settings);
    excepted(&mut settings, &all, today().yesterday().unwrap());
    let error = Parcel::new(&settings, "b.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::LEGACY) && !error.is_retried(), "{error}");
    assert_nobody_came(&listener);
}

#[tokio::test]
async fn a_modern_server_is_met_with_modern_algorithms_whatever_is_excepted() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    let all: Vec<&str> = sealpost_core::ssh_policy::LEGACY.iter().map(|(name, _)| *name).collect();
    excepted(&mut settings, &all, tomorrow());
    let receipt = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap();
    assert!(!receipt.algorithms.contains("sha1") && receipt.algorithms.ends_with("-gcm@openssh.com"));
}

#[tokio::test]
async fn each_old_algorithm_works_with_a_real_server() {
    use sealpost_core::ssh_policy::{AlgorithmKind, LEGACY};
    let mut server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.host_keys.push(server.host_key("rsa"));
    for (name, kind) in LEGACY {
        server.reconfigure(&match kind {
            AlgorithmKind::Kex => format!("KexAlgorithms {name}"),
            AlgorithmKind::Cipher => format!("Ciphers {name}"),
            AlgorithmKind::Mac => format!("Ciphers aes128-ctr\nMACs {name}"),
            AlgorithmKind::HostKey => format!("HostKeyAlgorithms {name}"),
        });
        excepted(&mut settings, &[name], tomorrow());
        let sent = Parcel::new(&settings, &format!("{name}.csv"), "x").send(&sftp()).await;
        assert!(sent.is_ok(), "{name}: {:?}\n{}", sent.err(), server.log());
    }
}

#[tokio::test]
async fn each_policy_reaches_a_server_that_keeps_to_it() {
    let mut server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.host_keys = ["ed25519", "ecdsa", "rsa"].map(|kind| server.host_key(kind)).to_vec();
    // What this sshd knows: it is older than the post-quantum exchange.
    let exchanges = known_algorithms("kex");
    for policy in sealpost_core::ssh_policy::POLICIES {
        settings.ssh.policy = Some(policy.name.to_owned());
        // Without the finite fields: a build for debugging needs half a minute for each.
        let usable = |kex: &&&str| exchanges.iter().any(|known| known == **kex) && !kex.starts_with("diffie-hellman");
        let kexs: Vec<&str> = policy.kexs.iter().filter(usable).copied().collect();
        for (turn, cipher) in policy.ciphers.iter().enumerate() {
            let kex = kexs[turn % kexs.len()];
            server.reconfigure(&format!("KexAlgorithms {kex}\nCiphers {cipher}\nMACs {}", policy.macs[0]));
            let sent = Parcel::new(&settings, &format!("{}-{cipher}.csv", policy.name), "x").send(&sftp()).await;
            assert_eq!(sent.unwrap().algorithms, format!("{kex}, {cipher}"), "{}", policy.name);
        }
    }
    // What a policy leaves out is not offered.
    server.reconfigure("KexAlgorithms curve25519-sha256");
    settings.ssh.policy = Some("TransferSFTPConnectorSecurityPolicy-FIPS-2024-10".to_owned());
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::NEGOTIATION), "{error}");
    settings.ssh.policy = Some("nonsense".to_owned());
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::CONFIG), "{error}");
}
