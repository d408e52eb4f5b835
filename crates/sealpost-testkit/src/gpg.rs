//! GnuPG as outside judge: a key ring in a folder of its own, with an agent that ends with it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::server::program;

/// A GnuPG home. Keys have no passphrase unless a test gives one.
pub struct Gpg {
    home: tempfile::TempDir,
}

/// What to generate, in the words of GnuPG's batch mode.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec<'a> {
    /// Lines `Key-Type`, `Key-Length`, `Key-Curve`, `Subkey-…`, joined by line breaks.
    pub algorithms: &'a str,
    /// The address in the user id.
    pub email: &'a str,
    /// `0` for never, `1d`, `2y`, or an ISO date.
    pub expires: &'a str,
    /// Pretend that it is this time, as `20200101T000000`.
    pub at: Option<&'a str>,
    /// More command line options, for example `--cert-digest-algo`.
    pub options: &'a [&'a str],
}

/// Algorithm lines for [`KeySpec::algorithms`].
pub mod algorithms {
    /// Ed25519 with a Curve25519 subkey: GnuPG 2.3's default.
    pub const CURVE25519: &str = "Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519";
    /// RSA 2048.
    pub const RSA2048: &str = "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\nSubkey-Type: RSA\nSubkey-Length: 2048\nSubkey-Usage: encrypt";
    /// RSA 3072: GnuPG 2.2's default.
    pub const RSA3072: &str = "Key-Type: RSA\nKey-Length: 3072\nKey-Usage: sign\nSubkey-Type: RSA\nSubkey-Length: 3072\nSubkey-Usage: encrypt";
    /// RSA 4096.
    pub const RSA4096: &str = "Key-Type: RSA\nKey-Length: 4096\nKey-Usage: sign\nSubkey-Type: RSA\nSubkey-Length: 4096\nSubkey-Usage: encrypt";
    /// RSA 1024: too weak.
    pub const RSA1024: &str = "Key-Type: RSA\nKey-Length: 1024\nKey-Usage: sign\nSubkey-Type: RSA\nSubkey-Length: 1024\nSubkey-Usage: encrypt";
    /// NIST P-256.
    pub const NISTP256: &str = "Key-Type: ECDSA\nKey-Curve: nistp256\nSubkey-Type: ECDH\nSubkey-Curve: nistp256";
    /// NIST P-384.
    pub const NISTP384: &str = "Key-Type: ECDSA\nKey-Curve: nistp384\nSubkey-Type: ECDH\nSubkey-Curve: nistp384";
    /// NIST P-521.
    pub const NISTP521: &str = "Key-Type: ECDSA\nKey-Curve: nistp521\nSubkey-Type: ECDH\nSubkey-Curve: nistp521";
    /// Brainpool P-256: not supported.
    pub const BRAINPOOL: &str =
        "Key-Type: ECDSA\nKey-Curve: brainpoolP256r1\nSubkey-Type: ECDH\nSubkey-Curve: brainpoolP256r1";
    /// A key that signs only.
    pub const SIGN_ONLY: &str = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign";
}

impl Default for KeySpec<'_> {
    fn default() -> Self {
        Self { algorithms: algorithms::CURVE25519, email: "partner@example.com", expires: "0", at: None, options: &[] }
    }
}

impl Gpg {
    /// An empty key ring. The folder's path is short: the agent's socket lies in it, and sockets end at 108 bytes.
    #[must_use]
    pub fn new() -> Self {
        let home = tempfile::Builder::new().prefix("spgpg").tempdir_in("/tmp").expect("a folder for GnuPG");
        Self { home }
    }

    /// The folder, for `GNUPGHOME`.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A `gpg` command on this key ring that never asks.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(program(&["gpg"], "gnupg"));
        command.env("GNUPGHOME", self.home()).env("LC_ALL", "C.UTF-8").env_remove("GPG_AGENT_INFO");
        command.args([
            "--no-tty",
            "--yes",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            "--trust-model",
            "always",
        ]);
        command
    }

    /// Runs `gpg` with these arguments and this input.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, input: &[u8]) -> Output {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start gpg");
        let mut stdin = child.stdin.take().expect("gpg's input");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // gpg may refuse and leave before it has read everything.
                drop(stdin.write_all(input));
            });
            child.wait_with_output().expect("wait for gpg")
        })
    }

    /// As [`run`](Self::run), for what has to work.
    ///
    /// # Panics
    /// With gpg's messages, when it fails.
    pub fn must<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, input: &[u8]) -> Vec<u8> {
        let output = self.run(arguments, input);
        assert!(output.status.success(), "gpg failed: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Generates a key and gives its fingerprint.
    pub fn generate(&self, spec: &KeySpec<'_>) -> String {
        let KeySpec { algorithms, email, expires, at, options } = spec;
        let parameters = format!(
            "%no-protection\n{algorithms}\nName-Real: Test\nName-Email: {email}\nExpire-Date: {expires}\n%commit\n"
        );
        let mut arguments = vec!["--batch".to_owned(), "--status-fd".to_owned(), "1".to_owned()];
        arguments.extend(faked(*at));
        arguments.extend(options.iter().map(|&option| option.to_owned()));
        arguments.push("--full-generate-key".to_owned());
        let status = self.must(arguments, parameters.as_bytes());
        let status = String::from_utf8_lossy(&status);
        let created = status.lines().find(|line| line.contains("KEY_CREATED")).expect("a key was created");
        created.split(' ').nth(3).expect("its fingerprint").to_owned()
    }

    /// Adds a subkey: an algorithm of gpg such as `cv25519` or `rsa2048`, a usage such as `encr`.
    pub fn add_subkey(&self, fingerprint: &str, algorithm: &str, usage: &str, expires: &str, at: Option<&str>) {
        let mut arguments = vec!["--batch".to_owned()];
        arguments.extend(faked(at));
        arguments.extend(["--quick-add-key", fingerprint, algorithm, usage, expires].map(str::to_owned));
        self.must(arguments, b"");
    }

    /// Revokes the key, with the certificate that gpg made when it was generated.
    pub fn revoke(&self, fingerprint: &str) {
        let file = self.home().join("openpgp-revocs.d").join(format!("{fingerprint}.rev"));
        let text = std::fs::read_to_string(file).expect("a revocation certificate");
        self.import(text.replace(":-----BEGIN", "-----BEGIN").as_bytes());
    }

    /// Drives `--edit-key` with these lines.
    pub fn edit(&self, fingerprint: &str, lines: &[&str]) {
        let input = lines.join("\n") + "\n";
        self.must(["--command-fd", "0", "--expert", "--edit-key", fingerprint], input.as_bytes());
    }

    /// Revokes the n-th subkey, counted from 1.
    pub fn revoke_subkey(&self, fingerprint: &str, number: usize) {
        self.edit(fingerprint, &[&format!("key {number}"), "revkey", "y", "0", "", "y", "save"]);
    }

    /// The certificate, ASCII-armored.
    #[must_use]
    pub fn export(&self, fingerprint: &str) -> String {
        text(self.must(["--batch", "--armor", "--export", fingerprint], b""))
    }

    /// The private key, ASCII-armored.
    #[must_use]
    pub fn export_secret(&self, fingerprint: &str) -> String {
        text(self.must(["--batch", "--armor", "--export-secret-keys", fingerprint], b""))
    }

    /// Imports keys, certificates or revocations.
    pub fn import(&self, key: &[u8]) {
        self.must(["--batch", "--import"], key);
    }

    /// Decrypts a message.
    ///
    /// # Errors
    /// gpg's messages, where it refuses, warns of manipulation or exits with a failure.
    pub fn decrypt(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let output = self.run(["--batch", "--decrypt"], message);
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Decrypts a file.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_file(&self, file: &Path) -> Result<Vec<u8>, String> {
        let output = self.command().args(["--batch", "--decrypt"]).arg(file).output().expect("run gpg");
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Decrypts a message, with gpg's status lines: `GOODSIG`, `VALIDSIG`, `DECRYPTION_OKAY`, `GOODMDC` and so on.
    #[must_use]
    pub fn decrypt_with_status(&self, message: &[u8]) -> (Vec<u8>, String) {
        let status = self.home().join("status");
        let file = status.to_str().expect("a path in UTF-8");
        let plain = self.run(["--batch", "--status-file", file, "--decrypt"], message).stdout;
        (plain, std::fs::read_to_string(&status).expect("gpg's status lines"))
    }

    /// What packets a message consists of, in gpg's words.
    #[must_use]
    pub fn list_packets(&self, message: &[u8]) -> String {
        text(self.run(["--batch", "--list-packets", "--verbose"], message).stdout)
    }
}

impl Default for Gpg {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // Ends the agent of this folder, and no other.
        let mut command = Command::new(program(&["gpgconf"], "gnupg"));
        drop(command.env("GNUPGHOME", self.home()).args(["--kill", "all"]).output());
    }
}

fn faked(at: Option<&str>) -> Vec<String> {
    at.map(|at| vec!["--faked-system-time".to_owned(), at.to_owned()]).unwrap_or_default()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
