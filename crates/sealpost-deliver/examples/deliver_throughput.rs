//! Our upload beside OpenSSH's `sftp`, to a local sshd. Usage: `cargo run --release -p sealpost-deliver --example
//! deliver_throughput [MiB]`. Needs openssh-server.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement by hand: its output is the point")]

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use sealpost_core::connector::{ConnectorSettings, Login};
use sealpost_deliver::Sftp;
use sealpost_testkit::sshd::{self, Sshd};
use sealpost_testkit::suite::transport::{Parcel, TestSecrets, noise};

#[tokio::main]
async fn main() {
    let mib: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(256);
    let server = Sshd::start();
    let key = server.client_key("ed25519", "256", "RFC4716", "");
    let settings: ConnectorSettings = ConnectorSettings {
        login: vec![Login::PrivateKey {
            key: format!("file:{}", key.display()).parse().unwrap(),
            passphrase: None,
            public_key: None,
        }],
        host_keys: vec![server.host_key("ed25519")],
        existing_file: sealpost_core::connector::ExistingFile::Replace,
        ..ConnectorSettings::new("127.0.0.1", server.port(), sshd::user())
    };
    let bytes = noise(mib << 20, 1);
    let source = server.inbox().with_file_name("source");
    std::fs::write(&source, &bytes).unwrap();
    let transport = Sftp::new(Arc::new(TestSecrets));
    for round in 1..=5 {
        let mut parcel = Parcel::new(&settings, "ours.bin", bytes.clone());
        let begun = Instant::now();
        parcel.send(&transport).await.unwrap();
        let ours = begun.elapsed().as_secs_f64();
        let batch = server.inbox().with_file_name("batch");
        std::fs::write(&batch, format!("put {} theirs.bin\n", source.display())).unwrap();
        let begun = Instant::now();
        let done = Command::new("sftp")
            .args(["-q", "-c", "aes128-gcm@openssh.com", "-B", "261120", "-R", "128"])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
            .args(["-P", &server.port().to_string(), "-i"])
            .arg(&key)
            .arg("-b")
            .arg(&batch)
            .arg(format!("{}@127.0.0.1", sshd::user()))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let theirs = begun.elapsed().as_secs_f64();
        println!("round {round}: ours {:.0} MiB/s, sftp {:.0} MiB/s", mib as f64 / ours, mib as f64 / theirs);
    }
}
