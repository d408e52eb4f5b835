//! Host certificates: whom an approved authority vouches for, and what it does not make trusted. And further host keys
//! that a server announces.

use sealpost_core::error::codes;
use sealpost_core::port::Transport as _;
use sealpost_testkit::sshd::{Sshd, public_key};
use sealpost_testkit::suite::transport::Parcel;

use crate::sites::{connector, openssh_settings, sftp};
use crate::trust::knows_no_user;

/// Options for a certificate that is in order.
const GOOD: [&str; 3] = ["-h", "-n", "elsewhere.example,127.0.0.1"];

#[tokio::test]
async fn a_key_that_an_approved_authority_vouches_for_is_trusted() {
    let mut server = Sshd::start();
    let mut settings = openssh_settings(&server);
    for (host_key, authority) in [("ed25519", "ed25519"), ("ecdsa", "rsa"), ("rsa", "ecdsa"), ("rsa", "rsa")] {
        let authority = server.authority(authority);
        server.certify(host_key, &authority, &GOOD);
        settings.host_keys = vec![format!("@cert-authority 10.0.0.1,127.0.0.* {}", public_key(&authority))];
        let receipt = Parcel::new(&settings, &format!("{host_key}.csv"), "x").send(&sftp()).await;
        let receipt = receipt.unwrap_or_else(|error| panic!("{host_key}: {error}"));
        assert_eq!(receipt.host_key, server.host_fingerprint(host_key));
        drop(std::fs::remove_file(server.inbox().join(format!("{host_key}.csv"))));
        // The key may change without anybody's approval, as long as the authority vouches for the new one.
        server.change_host_keys();
        server.certify(host_key, &authority, &GOOD);
        Parcel::new(&settings, &format!("{host_key}-2.csv"), "x").send(&sftp()).await.unwrap();
        drop(std::fs::remove_file(server.inbox().join(format!("{host_key}-2.csv"))));
    }
    let steps = sftp().check(&connector(settings)).await;
    let step = steps.iter().find(|step| step.step == "host_key").unwrap();
    assert!(step.detail.contains("certificate `the host` of authority SHA256:"), "{}", step.detail);
    assert_eq!(step.host_key, Some(server.host_key("rsa")));
}

#[tokio::test]
async fn a_certificate_that_is_not_in_order_makes_nobody_trusted() {
    let mut server = Sshd::start();
    let mut settings = openssh_settings(&server);
    let (authority, old, stranger) =
        (server.authority("ed25519"), server.authority("rsa"), server.authority("ed25519"));
    let approved = [&authority, &old].map(|path| format!("@cert-authority *,!10.* {}", public_key(path)));
    settings.host_keys = approved.to_vec();
    for (signer, options, why) in [
        (&authority, &["-h", "-n", "127.0.0.1", "-V", "20200101:20200102"][..], "it expired on 2020-01-02T"),
        (&authority, &["-h", "-n", "127.0.0.1", "-V", "20400101:20410101"][..], "it is valid from 2040-01-01T"),
        (&authority, &["-h", "-n", "127.0.0.2,sftp.example"][..], "it names `127.0.0.2`, `sftp.example`"),
        (&authority, &["-h"][..], "it names no principal"),
        (&authority, &["-h", "-n", "127.0.0.1", "-O", "critical:colour=blue"][..], "option `colour` is not known"),
        (&authority, &["-n", "127.0.0.1"][..], "it is a user's certificate"),
        (&old, &["-h", "-n", "127.0.0.1", "-t", "ssh-rsa"][..], "signed it with ssh-rsa"),
        (&stranger, &GOOD[..], "is not approved for this host"),
    ] {
        server.certify("ed25519", signer, options);
        let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::deliver::HOST_KEY_MISMATCH), "{why}: {error}");
        assert!(error.detail().contains(why), "{why}: {error}");
        assert!(error.detail().contains(&server.host_fingerprint("ed25519")), "{error}");
        assert!(error.detail().contains("approved: authority ssh-ed25519 SHA256:"), "{error}");
        knows_no_user(&server);
    }
    // A pattern may leave a host out.
    server.certify("ed25519", &authority, &GOOD);
    settings.host_keys = vec![format!("@cert-authority *,!127.* {}", public_key(&authority))];
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::HOST_KEY_MISMATCH), "{error}");
}

#[tokio::test]
async fn an_authority_does_not_take_the_place_of_approved_keys() {
    let mut server = Sshd::start();
    let mut settings = openssh_settings(&server);
    let (authority, stranger) = (server.authority("ed25519"), server.authority("ed25519"));
    // The server has a certificate of somebody else's, and one approved key.
    server.certify("ed25519", &stranger, &GOOD);
    for key in ["ed25519", "ecdsa", "rsa"] {
        for approval in [server.host_key(key), server.host_fingerprint(key)] {
            settings.host_keys = vec![format!("@cert-authority * {}", public_key(&authority)), approval];
            let receipt = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await;
            let receipt = receipt.unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(receipt.host_key, server.host_fingerprint(key));
            drop(std::fs::remove_file(server.inbox().join("a.csv")));
        }
    }
}

#[tokio::test]
async fn announced_keys_are_shown_and_never_trusted() {
    let server = Sshd::start();
    let settings = openssh_settings(&server);
    let announced = |steps: Vec<sealpost_core::port::CheckStep>| -> Vec<String> {
        assert!(steps.iter().all(|step| step.failure.is_none()), "{steps:?}");
        let mut keys: Vec<String> =
            steps.into_iter().filter(|step| step.step == "announced_key").filter_map(|step| step.host_key).collect();
        keys.sort();
        keys
    };
    let expected = vec![server.host_key("ecdsa"), server.host_key("rsa")];
    assert_eq!(announced(sftp().check(&connector(settings.clone())).await), expected);
    assert_eq!(announced(sftp().probe(&connector(settings.clone())).await), expected);
    // Nothing was learnt: a server that has only those keys is a stranger.
    let mut other = settings.clone();
    other.host_keys = vec![Sshd::start().host_key("ed25519")];
    let error = Parcel::new(&other, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::HOST_KEY_MISMATCH), "{error}");
    // Once they are approved, there is nothing more to show.
    let mut all = settings;
    all.host_keys.extend(expected);
    assert_eq!(announced(sftp().probe(&connector(all)).await), Vec::<String>::new());
}
