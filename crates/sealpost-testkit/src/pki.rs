//! Certificates made by the `openssl` command: authorities, servers on loopback, clients, expired ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A certificate authority with what it has issued, in a folder of its own.
pub struct Authority {
    folder: tempfile::TempDir,
}

/// An issued certificate.
#[derive(Debug, Clone)]
pub struct Issued {
    /// PEM: the certificate.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

/// How long a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Since yesterday or so, for 30 days.
    Now,
    /// It ended in 2021.
    Past,
}

impl Authority {
    /// A new authority with a key of its own.
    ///
    /// # Panics
    /// When `openssl` fails.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the authority");
        let authority = Self { folder };
        fs::write(authority.path("index.txt"), "").expect("write the index");
        fs::write(authority.path("index.txt.attr"), "unique_subject = no\n").expect("write the index");
        fs::write(
            authority.path("ca.cnf"),
            "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\nnew_certs_dir = .\ncertificate = ca.pem\n\
             private_key = ca.key\nrand_serial = yes\ndefault_md = sha256\npolicy = any\nx509_extensions = leaf\n\
             [any]\ncommonName = supplied\n[leaf]\nbasicConstraints = CA:FALSE\n\
             extendedKeyUsage = serverAuth, clientAuth\nsubjectAltName = DNS:localhost, IP:127.0.0.1\n",
        )
        .expect("write the configuration");
        let subject = format!("/CN={name}");
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            &subject,
            "-days",
            "30",
            "-addext",
            "keyUsage=critical,keyCertSign",
        ]);
        authority
    }

    /// PEM: the authority's own certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Issues a certificate for a client, or for a server at `localhost` and `127.0.0.1`.
    ///
    /// # Panics
    /// When `openssl` fails.
    #[must_use]
    pub fn issue(&self, name: &str, validity: Validity) -> Issued {
        let number = fs::read_dir(self.folder.path()).expect("read the folder").count();
        let [key, request, certificate] = ["key", "csr", "pem"].map(|kind| format!("{name}-{number}.{kind}"));
        let subject = format!("/CN={name}");
        self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &request,
            "-subj",
            &subject,
        ]);
        let dates: &[&str] = match validity {
            Validity::Now => &["-days", "30"],
            Validity::Past => &["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"],
        };
        let issue = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-in", &request, "-out", &certificate];
        self.openssl(&[&issue[..], dates].concat());
        Issued { certificate: self.path(&certificate), key: self.path(&key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap_or_else(|error| panic!("run openssl: {error}"));
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Issued {
    /// The SHA-256 fingerprint of the certificate in lower-case hexadecimal, as `openssl` tells it.
    ///
    /// # Panics
    /// When `openssl` fails.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.certificate)
    }
}

/// The SHA-256 fingerprint of a certificate in PEM, in lower-case hexadecimal, as `openssl` tells it.
///
/// # Panics
/// When `openssl` fails.
#[must_use]
pub fn fingerprint(certificate: &Path) -> String {
    let mut command = Command::new("openssl");
    command.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(certificate);
    let output = command.output().unwrap_or_else(|error| panic!("run openssl: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let (_, digits) = text.trim().split_once('=').expect("a fingerprint");
    digits.replace(':', "").to_lowercase()
}
