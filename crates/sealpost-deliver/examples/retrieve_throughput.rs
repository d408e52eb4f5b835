//! Our retrieving beside OpenSSH's `sftp`, from a local sshd, near or far. Needs openssh-server.
//!
//! `cargo run --release -p sealpost-deliver --example retrieve_throughput -- [name=value …]` with `mib` (256), `files` (1;
//! more are retrieved of `kib` each), `kib` (20), `at_once` (64), `round_trip_ms` (0), `mbit` (1000, of a far line),
//! `rounds` (5), `peer` (1).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement by hand: its output is the point")]

use std::fs::File;
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use sealpost_core::Result;
use sealpost_core::connector::{ConnectorSettings, Login};
use sealpost_core::port::{Landing, Retrieval, Transport as _};
use sealpost_deliver::Sftp;
use sealpost_testkit::far::{FarProxy, Line};
use sealpost_testkit::sshd::{self, Sshd};
use sealpost_testkit::suite::transport::{Parcel, TestSecrets, noise};

struct Disk(File);

#[async_trait]
impl Landing for Disk {
    async fn expect(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.0.write_all(&bytes).unwrap();
        Ok(())
    }
}

fn option(name: &str, otherwise: u64) -> u64 {
    let given = std::env::args().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    given.unwrap_or(otherwise)
}

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
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
    let settings = ConnectorSettings {
        login: vec![Login::PrivateKey {
            key: format!("file:{}", key.display()).parse().unwrap(),
            passphrase: None,
            public_key: None,
        }],
        host_keys: vec![server.host_key("ed25519")],
        ..ConnectorSettings::new("127.0.0.1", port, sshd::user())
    };
    let files = option("files", 1);
    let each = if files > 1 { option("kib", 20) << 10 } else { option("mib", 256) << 20 };
    let bytes = noise(usize::try_from(each).unwrap(), 1);
    let folder = server.inbox().with_file_name("landing");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..files {
        std::fs::write(server.inbox().join(format!("f{number}")), &bytes).unwrap();
    }
    let connector = Parcel::new(&settings, "x", "").connector;
    let total = (files * each) as f64 / f64::from(1 << 20);
    for round in 1..=option("rounds", 5) {
        // A transport of its own: connecting is part of it.
        let transport = Sftp::new(Arc::new(TestSecrets));
        let (begun, cpu) = (Instant::now(), cpu_seconds());
        stream::iter(0..files)
            .for_each_concurrent(usize::try_from(option("at_once", 64)).unwrap(), |number| {
                let (transport, connector, folder) = (&transport, &connector, &folder);
                async move {
                    let mut landing = Disk(File::create(folder.join(format!("f{number}"))).unwrap());
                    let path = format!("f{number}");
                    let retrieval = Retrieval { connector, path: &path, landing: &mut landing };
                    transport.retrieve(retrieval).await.unwrap();
                }
            })
            .await;
        let (ours, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        assert!(std::fs::read(folder.join("f0")).unwrap() == bytes);
        if option("peer", 1) == 0 {
            println!("round {round}: ours {ours:.2} s, {:.0} MiB/s, {cpu:.2} CPU s", total / ours);
            continue;
        }
        let batch = folder.with_file_name("batch");
        std::fs::write(&batch, format!("get f* {}/\n", folder.display())).unwrap();
        let begun = Instant::now();
        let done = Command::new("sftp")
            .args(["-q", "-c", "aes128-gcm@openssh.com", "-B", "261120", "-R", "128"])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
            .args(["-P", &port.to_string(), "-i"])
            .arg(&key)
            .arg("-b")
            .arg(&batch)
            .arg(format!("{}@127.0.0.1", sshd::user()))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let theirs = begun.elapsed().as_secs_f64();
        println!(
            "round {round}: ours {ours:.2} s, {:.0} MiB/s, {cpu:.2} CPU s; sftp {theirs:.2} s, {:.0} MiB/s; ×{:.2}",
            total / ours,
            total / theirs,
            theirs / ours
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}
