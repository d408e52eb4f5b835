//! TLS that ends here, judged by curl and `openssl s_client`: versions, client certificates, new files, slow clients.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sealpost_api::{ClientCertificates, Front, Limits, Tls, TlsSettings, keep_tls_fresh};
use sealpost_core::port::SecretStore;
use sealpost_testkit::pki::{self, Authority, Issued, Validity};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::front::{know, listen};
use crate::rig::Rig;

/// A listener with TLS. Its files are `chain.pem`, `key.pem` and `clients.pem` of `files`.
struct Secure {
    rig: Rig,
    address: String,
    servers: Authority,
    files: TempDir,
    tls: Arc<Tls>,
}

/// No client certificates; or with the authorities in the file, and whether they are required.
type Clients<'a> = Option<(&'a Authority, bool)>;

impl Secure {
    async fn new(clients: Clients<'_>) -> Self {
        Self::with(clients, Limits::default()).await
    }

    async fn with(clients: Clients<'_>, limits: Limits) -> Self {
        let rig = Rig::idle().await;
        let servers = Authority::new("servers");
        let files = tempfile::tempdir().unwrap();
        show(&files, &servers.issue("localhost", Validity::Now));
        if let Some((authority, _)) = clients {
            std::fs::copy(authority.certificate(), files.path().join("clients.pem")).unwrap();
        }
        let authorities = files.path().join("clients.pem");
        let settings = TlsSettings {
            name: "api",
            certificate: files.path().join("chain.pem"),
            key: "file:key.pem".parse().unwrap(),
            clients: clients.map(|(_, required)| ClientCertificates { authorities, required }),
        };
        let secrets: Arc<dyn SecretStore> = Arc::new(sealpost_secrets::SecretStores::new(files.path()));
        let tls = Arc::new(Tls::load(settings, secrets).await.unwrap());
        let front = Front { limits, tls: Some(tls.clone()), ..Front::default() };
        let address = listen(&rig, front, |state| state).await;
        Self { rig, address, servers, files, tls }
    }

    /// What curl gets: the status, 0 without an answer; and everything it says about why.
    async fn curl(&self, path: &str, arguments: &[&str]) -> (u16, String) {
        let mut command = Command::new("curl");
        command.args(["-sSv", "--max-time", "60", "-o", "-", "-w", "\n%{http_code}", "--cacert"]);
        command.arg(self.servers.certificate()).args(arguments).arg(format!("https://{}{path}", self.address));
        let output = run(command).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), format!("{body}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Asks with a client certificate.
    async fn with_certificate(&self, client: &Issued, more: &[&str]) -> (u16, String) {
        let [certificate, key] = [&client.certificate, &client.key].map(|path| path.to_str().unwrap());
        self.curl("/v1/reports", &[&["--cert", certificate, "--key", key], more].concat()).await
    }

    /// What `openssl s_client` says about a handshake.
    async fn handshake(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-connect", &self.address, "-CAfile"])
            .arg(self.servers.certificate())
            .args(arguments);
        run(command).await
    }

    /// The fingerprint of the certificate that the listener shows.
    async fn shown(&self) -> String {
        let output = self.handshake(&[]).await;
        let file = self.files.path().join("shown.pem");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let begin = text.find("-----BEGIN").unwrap_or_else(|| panic!("no certificate: {text}"));
        std::fs::write(&file, &text[begin..]).unwrap();
        pki::fingerprint(&file)
    }
}

async fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Puts a certificate into the listener's folder, each file at once as by `mv`.
fn show(files: &TempDir, issued: &Issued) {
    for (from, name) in [(&issued.key, "key.pem"), (&issued.certificate, "chain.pem")] {
        let beside = files.path().join("beside");
        std::fs::copy(from, &beside).unwrap();
        std::fs::rename(beside, files.path().join(name)).unwrap();
    }
}

/// A header value for curl.
fn key_of(partner: &crate::rig::Partner) -> String {
    format!("x-api-key: {}", partner.key)
}

/// The fingerprint of a certificate given as text.
pub(crate) fn fingerprint(pem: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("certificate.pem");
    std::fs::write(&file, pem).unwrap();
    pki::fingerprint(Path::new(&file))
}

#[tokio::test]
async fn versions_and_suites_that_are_still_good() {
    let secure = Secure::new(None).await;
    let key = key_of(&secure.rig.acme);
    let (status, text) = secure.curl("/v1/reports", &["-H", &key]).await;
    assert_eq!(status, 200, "{text}");
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let output = secure.handshake(&[version, "-alpn", "h2,http/1.1", "-brief"]).await;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(text.contains(name) && text.contains("Verification: OK"), "{text}");
        assert!(text.contains("GCM") || text.contains("POLY1305"), "{text}");
        let output = secure.handshake(&[version, "-alpn", "h2,http/1.1"]).await;
        assert!(String::from_utf8_lossy(&output.stdout).contains("ALPN protocol: http/1.1"));
    }
    for old in [
        &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"][..],
        // No forward secrecy, no authenticated encryption.
        &["-tls1_2", "-cipher", "AES128-SHA256:ECDHE-ECDSA-AES128-SHA256"],
    ] {
        let output = secure.handshake(old).await;
        assert!(!output.status.success(), "{old:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[tokio::test]
async fn who_speaks_no_tls_gets_nothing_and_harms_nobody() {
    let secure = Secure::new(None).await;
    let answer = reqwest::get(format!("http://{}/healthz", secure.address)).await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(secure.curl("/healthz", &[]).await.0, 200);
}

#[tokio::test]
async fn optional_client_certificates() {
    let clients = Authority::new("clients");
    let secure = Secure::new(Some((&clients, false))).await;
    let [acme, globex, nobody] = ["acme", "globex", "nobody"].map(|name| clients.issue(name, Validity::Now));
    know(&secure.rig, "acme", &[("mtls", &acme.fingerprint())]).await;
    know(&secure.rig, "globex", &[("mtls", &globex.fingerprint())]).await;
    let key = key_of(&secure.rig.acme);

    let (status, text) = secure.with_certificate(&acme, &[]).await;
    assert_eq!(status, 200, "{text}");
    let (status, text) = secure.with_certificate(&nobody, &[]).await;
    assert!(status == 403 && text.contains("SP-REQUEST-032"), "{text}");
    // Beside a key, a certificate of nobody is there for the connection's sake; one of another partner is a contradiction.
    assert_eq!(secure.with_certificate(&nobody, &["-H", &key]).await.0, 200);
    assert_eq!(secure.with_certificate(&acme, &["-H", &key]).await.0, 200);
    let (status, text) = secure.with_certificate(&globex, &["-H", &key]).await;
    assert!(status == 401 && text.contains("different partners"), "{text}");
    // Without one.
    assert_eq!(secure.curl("/v1/reports", &["-H", &key]).await.0, 200);
    assert_eq!(secure.curl("/v1/reports", &[]).await.0, 401);
}

#[tokio::test]
async fn certificates_of_others_and_of_the_past_make_no_connection() {
    let clients = Authority::new("clients");
    for required in [false, true] {
        let secure = Secure::new(Some((&clients, required))).await;
        let past = clients.issue("acme", Validity::Past);
        // Of the same name, so that only the signature tells them apart.
        let other = Authority::new("clients");
        let foreign = other.issue("acme", Validity::Now);
        know(&secure.rig, "acme", &[("mtls", &past.fingerprint()), ("mtls", &foreign.fingerprint())]).await;
        let key = key_of(&secure.rig.acme);
        for client in [&past, &foreign] {
            let (status, text) = secure.with_certificate(client, &["-H", &key]).await;
            assert!(status == 0 && text.contains("alert"), "{status} {text}");
        }
        let (status, _) = secure.curl("/v1/reports", &["-H", &key]).await;
        assert_eq!(status, if required { 0 } else { 200 });
        let good = clients.issue("acme", Validity::Now);
        know(&secure.rig, "acme", &[("mtls", &good.fingerprint())]).await;
        assert_eq!(secure.with_certificate(&good, &[]).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn new_files_are_taken_under_load_and_broken_ones_are_not() {
    let secure = Secure::new(None).await;
    tokio::spawn(keep_tls_fresh(vec![secure.tls.clone()], Duration::from_millis(20), secure.rig.shutdown.clone()));
    let authority = reqwest::Certificate::from_pem(&std::fs::read(secure.servers.certificate()).unwrap()).unwrap();
    // A connection for each request.
    let client = reqwest::Client::builder().tls_certs_only([authority]).pool_max_idle_per_host(0).build().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (client, stop, url) = (client.clone(), stop.clone(), format!("https://{}/healthz", secure.address));
            tokio::spawn(async move {
                let mut answered = 0;
                while !stop.is_cancelled() {
                    assert_eq!(client.get(&url).send().await.unwrap().status().as_u16(), 200);
                    answered += 1;
                }
                answered
            })
        })
        .collect();

    let mut last = secure.shown().await;
    for round in 0..4 {
        let next = secure.servers.issue("localhost", Validity::Now);
        if round % 2 == 1 {
            std::fs::write(secure.files.path().join("chain.pem"), "half of a certif").unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(secure.shown().await, last, "the earlier one stays");
        }
        show(&secure.files, &next);
        let fingerprint = next.fingerprint();
        let mut tries = 0;
        while secure.shown().await != fingerprint {
            tries += 1;
            assert!(tries < 500, "the new certificate is not shown");
        }
        last = fingerprint;
    }
    stop.cancel();
    for one in load {
        assert!(one.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_key_of_another_certificate_is_no_reason_to_stop() {
    let secure = Secure::new(None).await;
    let before = (secure.shown().await, secure.tls.ends());
    std::fs::copy(secure.servers.issue("localhost", Validity::Now).key, secure.files.path().join("key.pem")).unwrap();
    secure.tls.reload().await;
    assert_eq!((secure.shown().await, secure.tls.ends()), before);
    std::fs::remove_file(secure.files.path().join("key.pem")).unwrap();
    secure.tls.reload().await;
    assert_eq!((secure.shown().await, secure.tls.ends()), before);
}

#[tokio::test]
async fn who_is_slow_to_shake_hands_keeps_nobody_waiting_and_is_cut_off() {
    // It holds for curl, too.
    let limits = Limits { handshake_time: Duration::from_secs(5), ..Limits::default() };
    let secure = Secure::with(None, limits).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        slow.push(TcpStream::connect(&secure.address).await.unwrap());
    }
    // The first byte of a handshake, and no more.
    slow[0].write_all(&[0x16]).await.unwrap();
    assert_eq!(secure.curl("/healthz", &[]).await.0, 200);
    for mut stream in slow {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await;
        drop(ended.expect("it is cut off"));
    }
}

#[tokio::test]
async fn shutdown_waits_for_no_handshake() {
    let limits = Limits { handshake_time: Duration::from_secs(3_600), ..Limits::default() };
    let secure = Secure::with(None, limits).await;
    let mut slow = TcpStream::connect(&secure.address).await.unwrap();
    assert_eq!(secure.curl("/healthz", &[]).await.0, 200);
    secure.rig.shutdown.cancel();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(60), slow.read_to_end(&mut rest)).await.unwrap().unwrap();
}
