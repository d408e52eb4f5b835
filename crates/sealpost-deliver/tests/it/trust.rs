//! A server is trusted by an approved key only, and gets no credential before.

use sealpost_core::error::codes;
use sealpost_core::port::Transport as _;
use sealpost_testkit::misbehaving::Misbehaving;
use sealpost_testkit::sshd::Sshd;
use sealpost_testkit::suite::transport::{Parcel, names};

use crate::sites::{connector, misbehaving, openssh_settings, sftp};

/// Not even the user's name was sent. OpenSSH logs it with whatever it says of a login that was begun.
pub(crate) fn knows_no_user(server: &Sshd) {
    let log = server.log();
    for said in ["authenticating user", "invalid user", "Accepted ", "Failed publickey"] {
        assert!(!log.contains(said), "{log}");
    }
}

#[tokio::test]
async fn a_changed_host_key_stops_everything_and_shows_both_fingerprints() {
    let mut server = Sshd::start();
    let mut settings = openssh_settings(&server);
    let approved = server.host_fingerprint("ed25519");
    server.change_host_keys();
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::HOST_KEY_MISMATCH), "{error}");
    assert!(!error.is_retried());
    assert!(error.detail().contains(&approved), "{error}");
    assert!(error.detail().contains(&server.host_fingerprint("ed25519")), "{error}");
    assert!(error.detail().contains("ssh-ed25519"), "{error}");
    knows_no_user(&server);
    assert!(names(&server.inbox()).is_empty());
    // The log does say who came in, once the new key is approved.
    settings.host_keys = vec![server.host_key("ed25519")];
    Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap();
    assert!(server.log().contains("Accepted publickey"), "{}", server.log());
}

#[tokio::test]
async fn an_approved_key_of_any_type_is_asked_for_first() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    for kind in ["rsa", "ecdsa", "ed25519"] {
        settings.host_keys = vec![server.host_key(kind)];
        let receipt = Parcel::new(&settings, &format!("{kind}.csv"), "x").send(&sftp()).await.unwrap();
        assert_eq!(receipt.host_key, server.host_fingerprint(kind));
        assert!(receipt.algorithms.contains("aes128-gcm@openssh.com"), "{}", receipt.algorithms);
    }
}

#[tokio::test]
async fn a_fingerprint_is_enough_whatever_type_its_key_has() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    for kind in ["rsa", "ecdsa", "ed25519"] {
        settings.host_keys = vec![server.host_fingerprint(kind)];
        let receipt = Parcel::new(&settings, &format!("{kind}.csv"), "x").send(&sftp()).await.unwrap();
        assert_eq!(receipt.host_key, server.host_fingerprint(kind));
    }
    settings.host_keys = vec!["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()];
    let error = Parcel::new(&settings, "none.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::HOST_KEY_MISMATCH), "{error}");
    for kind in ["rsa", "ecdsa", "ed25519"] {
        assert!(error.detail().contains(&server.host_fingerprint(kind)), "{error}");
    }
}

/// Whatever type of key is asked for, the server agrees, and shows the same one.
#[tokio::test]
async fn a_server_that_always_shows_the_same_key_is_not_asked_for_ever() {
    let server = Misbehaving::with_one_key();
    let site = misbehaving(&server);
    let another = Sshd::start();
    for approved in [
        "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        format!("@cert-authority * {}", another.host_key("ed25519")),
    ] {
        let mut settings = site.settings.clone();
        settings.host_keys = vec![approved.clone()];
        let before = server.connections();
        let transport = sftp();
        let mut parcel = Parcel::new(&settings, "a.csv", "x");
        let sent = tokio::time::timeout(std::time::Duration::from_secs(60), parcel.send(&transport)).await;
        let error = sent.unwrap().unwrap_err();
        assert!(error.is(&codes::deliver::HOST_KEY_MISMATCH), "{error}");
        assert!(error.detail().len() < 2048, "{error}");
        // Ed25519 may be the last type that is asked for.
        let connections = server.connections() - before;
        assert!((1..=3).contains(&connections), "{approved}: {connections}");
        let steps = sftp().check(&connector(settings)).await;
        assert_eq!(steps.last().unwrap().failure.as_ref().unwrap().code, codes::deliver::HOST_KEY_MISMATCH.id);
        assert!(server.connections() - before <= 7, "{approved}");
    }
    assert!(names(&server.inbox()).is_empty());
}

#[tokio::test]
async fn a_change_of_keys_can_be_prepared() {
    let mut server = Sshd::start();
    let mut settings = openssh_settings(&server);
    let old = server.host_key("ed25519");
    server.change_host_keys();
    settings.host_keys = vec![old, server.host_key("ed25519")];
    Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap();
}

#[tokio::test]
async fn without_an_approved_key_nothing_is_sent_and_the_check_shows_what_to_compare() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.host_keys.clear();
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::NO_HOST_KEY), "{error}");

    let steps = sftp().check(&connector(settings)).await;
    let last = steps.last().unwrap();
    assert_eq!(last.step, "host_key");
    assert_eq!(last.failure.as_ref().unwrap().code, codes::deliver::NO_HOST_KEY.id);
    assert!(last.detail.contains(&server.host_fingerprint("ed25519")), "{}", last.detail);
    assert!(last.detail.contains(&server.host_key("ed25519")), "{}", last.detail);
    knows_no_user(&server);
}
