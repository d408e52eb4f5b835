//! OpenSSH's `sftp` and `ssh`, in batch mode, with strict host key checking.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use sealpost_inbound::{SftpSite, SiteSettings, generate_host_key};
use sealpost_testkit::server::program;

use crate::{Site, known_hosts, names, noise, run};

fn options(site: &Site) -> Vec<String> {
    let key = site.path("id").display().to_string();
    let hosts = known_hosts(site).display().to_string();
    ["-F", "none", "-i", &key]
        .into_iter()
        .map(str::to_owned)
        .chain(
            [
                format!("UserKnownHostsFile={hosts}"),
                "StrictHostKeyChecking=yes".to_owned(),
                "IdentitiesOnly=yes".to_owned(),
                "BatchMode=yes".to_owned(),
            ]
            .into_iter()
            .flat_map(|option| ["-o".to_owned(), option]),
        )
        .collect()
}

/// Runs a batch; gives standard output, or standard error when `sftp` failed.
async fn sftp(site: &Site, batch: &str) -> Result<String, String> {
    let file = site.path("batch");
    std::fs::write(&file, batch).unwrap();
    let mut command = Command::new(program(&["sftp"], "openssh-client"));
    command.args(options(site)).args(["-P", &site.port(), "-b"]).arg(file).arg("acme@127.0.0.1");
    command.current_dir(site.folder.path());
    let output = run(command).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_up_and_down_unchanged() {
    let site = Site::start().await;
    let bytes = noise(20_000_003);
    std::fs::write(site.path("up"), &bytes).unwrap();
    std::fs::write(site.path("none"), b"").unwrap();
    let batch = "put -f up Bericht_ü.bin\nget Bericht_ü.bin down\nls -l\nput none empty\nget empty nothing\n";
    let listing = sftp(&site, batch).await.unwrap();
    assert!(std::fs::read(site.home().join("Bericht_ü.bin")).unwrap() == bytes);
    assert!(std::fs::read(site.path("down")).unwrap() == bytes);
    assert_eq!(std::fs::read(site.path("nothing")).unwrap(), b"");
    assert!(listing.contains("20000003"), "{listing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_upload_and_download_are_resumed() {
    let site = Site::start().await;
    let bytes = noise(3_000_000);
    std::fs::write(site.path("up"), &bytes).unwrap();
    std::fs::write(site.home().join("up"), &bytes[..1_234_567]).unwrap();
    std::fs::write(site.path("down"), &bytes[..7]).unwrap();
    sftp(&site, "reput up up\nreget up down\n").await.unwrap();
    assert!(std::fs::read(site.home().join("up")).unwrap() == bytes);
    assert!(std::fs::read(site.path("down")).unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_and_names_are_managed() {
    let site = Site::start().await;
    std::fs::write(site.path("f"), b"1").unwrap();
    let batch = "mkdir in\nput f in/f\nrename in/f in/g\nchmod 640 in/g\nmkdir gone\nrmdir gone\nput f x\nrm x\n";
    sftp(&site, batch).await.unwrap();
    assert_eq!(names(&site.home()), ["in"]);
    assert_eq!(names(&site.home().join("in")), ["g"]);
    let mode = std::fs::metadata(site.home().join("in/g")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(sftp(&site, "rm nothing\n").await.unwrap_err().contains("No such file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_beyond_the_own_folder() {
    let site = Site::start().await;
    std::fs::write(site.path("site/other/secret"), b"theirs").unwrap();
    std::fs::write(site.path("f"), b"mine").unwrap();
    assert!(sftp(&site, "get ../other/secret stolen\n").await.is_err());
    assert!(sftp(&site, "get /../../other/secret stolen\n").await.is_err());
    assert!(sftp(&site, "put f ../other/f\n").await.is_err());
    assert!(sftp(&site, "ln -s ../other/secret link\n").await.is_err());
    std::os::unix::fs::symlink("../other", site.home().join("link")).unwrap();
    assert!(sftp(&site, "get link/secret stolen\n").await.is_err());
    assert!(sftp(&site, "put f link/f\n").await.is_err());
    assert!(!site.path("stolen").exists());
    assert_eq!(names(&site.path("site/other")), ["secret"]);
    let pwd = sftp(&site, "cd ../../..\npwd\n").await.unwrap();
    assert!(pwd.contains("Remote working directory: /\n"), "{pwd}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_and_a_command_are_refused() {
    let site = Site::start().await;
    let stranger = site.path("stranger");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&stranger).status();
    assert!(made.unwrap().success());
    std::fs::rename(&stranger, site.path("id")).unwrap();
    std::fs::rename(stranger.with_extension("pub"), site.path("id.pub")).unwrap();
    assert!(sftp(&site, "ls\n").await.unwrap_err().contains("Permission denied"));

    let site = Site::start().await;
    let mut command = Command::new(program(&["ssh"], "openssh-client"));
    command.args(options(&site)).args(["-p", &site.port(), "acme@127.0.0.1", "touch", "pwned"]);
    assert!(!run(command).await.status.success());
    assert_eq!(names(&site.home()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fingerprint_is_the_one_ssh_keygen_shows() {
    let site = Site::start().await;
    let mut command = Command::new("ssh-keygen");
    command.arg("-lf").arg(known_hosts(&site));
    let shown = String::from_utf8(run(command).await.stdout).unwrap();
    assert!(shown.contains(site.running.host_key_fingerprint()), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_host_key_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let pem = generate_host_key().unwrap().expose().to_vec();
    let start = async || {
        let settings = SiteSettings {
            root: folder.path().to_owned(),
            host_keys: vec![sealpost_core::secret::Secret::new(pem.clone())],
            users: std::collections::BTreeMap::new(),
            listen: "127.0.0.1:0".parse().unwrap(),
        };
        SftpSite::start(settings).await.unwrap()
    };
    let first = start().await;
    let fingerprint = first.host_key_fingerprint().to_owned();
    first.shutdown().await;
    assert_eq!(start().await.host_key_fingerprint(), fingerprint);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_connections_and_frees_the_port() {
    let site = Site::start().await;
    let address = site.running.address();
    let mut client = Command::new(program(&["sftp"], "openssh-client"))
        .args(options(&site))
        .args(["-P", &site.port(), "acme@127.0.0.1"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // It has logged in when it can show the folder.
    use std::io::{BufRead, BufReader, Write};
    client.stdin.as_mut().unwrap().write_all(b"pwd\n").unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Remote working directory")));
    site.running.shutdown().await;
    assert!(std::net::TcpStream::connect(address).is_err());
    drop(client.stdin.as_mut().unwrap().write_all(b"ls\n"));
    assert!(!tokio::task::spawn_blocking(move || client.wait()).await.unwrap().unwrap().success());
}
