//! Our upload beside OpenSSH's `sftp`, to a local sshd, near or far. Needs openssh-server.
//!
//! `cargo run --release -p sealpost-deliver --example deliver_throughput -- [name=value …]` with `mib` (256), `files` (1; more
//! are sent of `kib` each), `kib` (20), `at_once` (128), `round_trip_ms` (0), `mbit` (1000, of a far line), `rounds` (5),
//! `channels`, `connections`, `peer` (1).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement by hand: its output is the point")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use sealpost_core::connector::{ConnectorSettings, ExistingFile, Login};
use sealpost_deliver::Sftp;
use sealpost_testkit::far::{FarProxy, Line};
use sealpost_testkit::sshd::{self, Sshd};
use sealpost_testkit::suite::transport::{Parcel, TestSecrets, noise};

fn option(name: &str, otherwise: u64) -> u64 {
    let given = std::env::args().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    given.unwrap_or(otherwise)
}

#[tokio::main]
async fn main() {
    let server = Sshd::start();
    let key = server.client_key("ed25519", "256", "RFC4716", "");
    let round_trip = option("round_trip_ms", 0);
    let one_way = Duration::from_micros(round_trip * 500);
    let line = Line { one_way, bytes_per_second: Some(option("mbit", 1000) * 125_000) };
    let far = (round_trip > 0).then(|| FarProxy::start(([127, 0, 0, 1], server.port()).into(), line));
    let port = far.as_ref().map_or(server.port(), |far| far.address().port());
    let mut settings: ConnectorSettings = ConnectorSettings {
        login: vec![Login::PrivateKey {
            key: format!("file:{}", key.display()).parse().unwrap(),
            passphrase: None,
            public_key: None,
        }],
        host_keys: vec![server.host_key("ed25519")],
        existing_file: ExistingFile::Replace,
        ..ConnectorSettings::new("127.0.0.1", port, sshd::user())
    };
    settings.parallel.channels = u32::try_from(option("channels", 0)).ok().filter(|set| *set > 0);
    settings.parallel.connections = u32::try_from(option("connections", 0)).ok().filter(|set| *set > 0);
    let files = option("files", 1);
    let each = if files > 1 { option("kib", 20) << 10 } else { option("mib", 256) << 20 };
    let bytes = bytes::Bytes::from(noise(usize::try_from(each).unwrap(), 1));
    let folder = server.inbox().with_file_name("source");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..files {
        std::fs::write(folder.join(format!("theirs{number}")), &bytes).unwrap();
    }
    for round in 1..=option("rounds", 5) {
        // A transport of its own: connecting is part of it.
        let transport = Sftp::new(Arc::new(TestSecrets));
        let mut parcels: Vec<Parcel> =
            (0..files).map(|number| Parcel::new(&settings, &format!("ours{number}"), bytes.clone())).collect();
        let begun = Instant::now();
        let at_once = usize::try_from(option("at_once", 128)).unwrap();
        stream::iter(&mut parcels)
            .for_each_concurrent(at_once, |parcel| async {
                parcel.send(&transport).await.unwrap();
            })
            .await;
        let ours = begun.elapsed().as_secs_f64();
        drop(transport);
        let mib = (files * each) as f64 / f64::from(1 << 20);
        let theirs = if option("peer", 1) > 0 { sftp(&server, port, &key, &folder) } else { f64::NAN };
        println!(
            "round {round}: ours {ours:.3} s, {:.0} MB/s; sftp {theirs:.3} s, {:.0} MB/s; x {:.2}; peak {} MiB",
            mib * 1.048_576 / ours,
            mib * 1.048_576 / theirs,
            theirs / ours,
            peak_kib() >> 10,
        );
    }
}

/// Seconds that OpenSSH's client takes for the folder.
fn sftp(server: &Sshd, port: u16, key: &Path, folder: &Path) -> f64 {
    let batch = server.inbox().with_file_name("batch");
    std::fs::write(&batch, format!("put {}/*\n", folder.display())).unwrap();
    let begun = Instant::now();
    let done = Command::new("sftp")
        .args(["-q", "-c", "aes128-gcm@openssh.com", "-B", "261120", "-R", "128"])
        .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
        .args(["-P", &port.to_string(), "-i"])
        .arg(key)
        .arg("-b")
        .arg(&batch)
        .arg(format!("{}@127.0.0.1", sshd::user()))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    begun.elapsed().as_secs_f64()
}

/// Most memory that this process has had, the source's bytes included.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
