//! Connectors to the testkit's servers.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use sealpost_core::connector::{Connector, ConnectorSettings, Login};
use sealpost_core::id::ConnectorId;
use sealpost_core::secret::SecretRef;
use sealpost_deliver::Sftp;
use sealpost_testkit::dropbear::Dropbear;
use sealpost_testkit::misbehaving::{self, Misbehaving};
use sealpost_testkit::proftpd::{self, Proftpd};
use sealpost_testkit::sshd::{self, Sshd};
use sealpost_testkit::suite::transport::{Site, TestSecrets};
use serde_json::Value;

/// The transport under test.
pub(crate) fn sftp() -> Sftp {
    Sftp::new(Arc::new(TestSecrets))
}

/// Settings for a server on loopback.
pub(crate) fn settings(port: u16, user: &str, login: Vec<Login>, host_keys: Vec<String>) -> ConnectorSettings {
    ConnectorSettings { login, host_keys, ..ConnectorSettings::new("127.0.0.1", port, user) }
}

/// A connector with these settings.
pub(crate) fn connector(settings: ConnectorSettings) -> Connector {
    let partner = "acme".parse().unwrap();
    Connector {
        id: ConnectorId::of(&partner, "main"),
        partner,
        name: "main".to_owned(),
        settings,
        candidates: Vec::new(),
    }
}

/// Login with a key file.
pub(crate) fn key(path: &Path, passphrase: &str) -> Login {
    Login::PrivateKey {
        key: file(path),
        passphrase: (!passphrase.is_empty()).then(|| text(passphrase)),
        public_key: None,
    }
}

/// Login with a password.
pub(crate) fn password(value: &str) -> Login {
    Login::Password { password: text(value) }
}

/// A reference to a file.
pub(crate) fn file(path: &Path) -> SecretRef {
    format!("file:{}", path.display()).parse().unwrap()
}

/// A reference to a text.
pub(crate) fn text(value: &str) -> SecretRef {
    format!("env:{value}").parse().unwrap()
}

/// Settings for an sshd, with an ed25519 key.
pub(crate) fn openssh_settings(server: &Sshd) -> ConnectorSettings {
    let client_key = server.client_key("ed25519", "256", "RFC4716", "");
    settings(server.port(), &sshd::user(), vec![key(&client_key, "")], vec![server.host_key("ed25519")])
}

/// Leads these settings to a place where nobody is to come. A server's log is no witness of that: it is written later, by
/// another process.
pub(crate) fn watched(settings: &mut ConnectorSettings) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    settings.port = listener.local_addr().unwrap().port();
    listener
}

/// Asserts that nobody has come there.
#[track_caller]
pub(crate) fn assert_nobody_came(listener: &TcpListener) {
    let error = listener.accept().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
}

/// A site at an sshd.
pub(crate) fn openssh(server: &Sshd) -> Site {
    Site { transport: Arc::new(sftp()), settings: openssh_settings(server), inbox: server.inbox() }
}

/// A site at a proftpd.
pub(crate) fn proftpd(server: &Proftpd) -> Site {
    let login = vec![password(proftpd::PASSWORD)];
    let settings = settings(server.port(), proftpd::USER, login, vec![server.host_key("ed25519")]);
    Site { transport: Arc::new(sftp()), settings, inbox: server.inbox() }
}

/// A site at a dropbear.
pub(crate) fn dropbear(server: &Dropbear) -> Site {
    let login = vec![key(&server.client_key(), "")];
    let settings = settings(server.port(), &sshd::user(), login, vec![server.host_key()]);
    Site { transport: Arc::new(sftp()), settings, inbox: server.inbox() }
}

/// How long a server of ours in Python that behaves so may be silent, in seconds: briefly where it falls silent on purpose. Any
/// other one may have a slow disk.
pub(crate) fn silence_of(behaviour: &Value) -> u64 {
    if behaviour.get("stall_after").is_some() { 5 } else { 60 }
}

/// A site at a server of ours in Python.
pub(crate) fn misbehaving(server: &Misbehaving) -> Site {
    let login = vec![password(misbehaving::PASSWORD)];
    let settings = settings(server.port(), misbehaving::USER, login, vec![server.host_key()]);
    Site { transport: Arc::new(sftp()), settings, inbox: server.inbox() }
}
