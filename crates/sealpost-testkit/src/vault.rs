//! A server that speaks Vault's API, with storage of its own: RustyVault. It has what every Vault has: it is initialised,
//! sealed and unsealed, tokens end, roles log in, key/value engines of version 1. Versions, policies and renewals it has not.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::pki::{Authority, Validity};
use crate::server::{Server, free_port, installed, program};

/// The environment variable with the server's program; `cargo xtask test` builds it.
pub const PROGRAM: &str = "SEALPOST_RVAULT";

/// A running server, unsealed. What it has stored lives as long as this does, also while it is stopped.
pub struct Vault {
    address: SocketAddr,
    folder: tempfile::TempDir,
    authority: Option<Authority>,
    server: Option<Server>,
    key: String,
    token: String,
}

/// What a role logs in with.
#[derive(Debug, Clone)]
pub struct AppRole {
    /// The role's id.
    pub role_id: String,
    /// One of its secrets.
    pub secret_id: String,
}

impl Vault {
    /// Starts a server without TLS.
    ///
    /// # Panics
    /// When the program is not built, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::with(None)
    }

    /// Starts a server with TLS only, with a certificate for `localhost` and `127.0.0.1`; see [`ca_file`](Self::ca_file).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_tls() -> Self {
        Self::with(Some(Authority::new("Sealpost test Vault")))
    }

    fn with(authority: Option<Authority>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for Vault");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let path = |name: &str| folder.path().join(name);
        let mut listener = json!({"address": address.to_string(), "tls_disable": authority.is_none()});
        if let Some(authority) = &authority {
            let issued = authority.issue("localhost", Validity::Now);
            listener["tls_cert_file"] = json!(issued.certificate);
            listener["tls_key_file"] = json!(issued.key);
            listener["tls_disable_client_certs"] = json!(true);
        }
        let settings = json!({
            "storage": {"file": {"path": path("data")}},
            "listener": {"tcp": listener},
            "work_dir": path("work"),
            // One line for every request.
            "log_level": "info",
        });
        std::fs::write(path("vault.json"), settings.to_string()).expect("write the settings");
        let mut vault = Self { address, folder, authority, server: None, key: String::new(), token: String::new() };
        vault.run();
        let made = vault.ask("PUT", "sys/init", &json!({"secret_shares": 1, "secret_threshold": 1}));
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        (vault.key, vault.token) = (text(&made["keys"][0]), text(&made["root_token"]));
        vault.unseal();
        vault
    }

    fn run(&mut self) {
        let mut command = Command::new(rvault());
        command.arg("server").arg("--config").arg(self.folder.path().join("vault.json"));
        let mut server = Server::start(&mut command, &self.log_file());
        let address = self.address;
        let is_ready = server.is_ready_within(Duration::from_secs(60), || TcpStream::connect(address).is_ok());
        assert!(is_ready, "Vault does not start: {}", self.log());
        self.server = Some(server);
    }

    /// Its address, as `VAULT_ADDR` has it.
    #[must_use]
    pub fn address(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate authority of a server with TLS, as PEM.
    ///
    /// # Panics
    /// Without TLS.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.authority.as_ref().expect("a server with TLS").certificate()
    }

    /// The token that may do everything.
    #[must_use]
    pub fn root_token(&self) -> &str {
        &self.token
    }

    /// Asks for something below `/v1/` as root, and gives the answer; none is null.
    ///
    /// # Panics
    /// When it refuses.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask_as(&self.token, method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// The same with a token: status and answer.
    ///
    /// # Panics
    /// When it does not answer.
    #[track_caller]
    pub fn ask_as(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut curl = Command::new(program(&["curl"], "curl"));
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "30", "--write-out", "\n%{http_code}"]);
        if let Some(authority) = &self.authority {
            curl.arg("--cacert").arg(authority.certificate());
        }
        if !token.is_empty() {
            curl.args(["--header", &format!("X-Vault-Token: {token}")]);
        }
        if !body.is_null() {
            curl.args(["--json", &body.to_string()]);
        }
        curl.args(["--request", method, &format!("{}/v1/{path}", self.address())]);
        let output = curl.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("run curl: {error}"));
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{method} {path}: {}\n{}", said(), self.log());
        let text = String::from_utf8_lossy(&output.stdout);
        let (answer, status) = text.rsplit_once('\n').expect("a status");
        (status.parse().expect("a number"), serde_json::from_str(answer).unwrap_or_default())
    }

    /// Makes a role whose tokens end after so many seconds, at the mount `approle`.
    ///
    /// # Panics
    /// When it refuses.
    #[must_use]
    pub fn app_role(&self, name: &str, token_ttl_s: u32) -> AppRole {
        if self.ask("GET", "sys/auth", &Value::Null).get("approle/").is_none() {
            self.ask("POST", "sys/auth/approle", &json!({"type": "approle"}));
        }
        let role = format!("auth/approle/role/{name}");
        self.ask("POST", &role, &json!({"token_ttl": token_ttl_s, "token_policies": ["default"]}));
        let role_id = self.ask("GET", &format!("{role}/role-id"), &Value::Null);
        let secret_id = self.ask("POST", &format!("{role}/secret-id"), &json!({}));
        let text = |answer: &Value, name: &str| answer["data"][name].as_str().expect("an id").to_owned();
        AppRole { role_id: text(&role_id, "role_id"), secret_id: text(&secret_id, "secret_id") }
    }

    /// Seals it: it listens, and answers nothing.
    ///
    /// # Panics
    /// When it refuses.
    pub fn seal(&self) {
        self.ask("PUT", "sys/seal", &Value::Null);
    }

    /// Unseals it.
    ///
    /// # Panics
    /// When it refuses.
    pub fn unseal(&self) {
        let state = self.ask("PUT", "sys/unseal", &json!({"key": self.key}));
        assert_eq!(state["sealed"], false, "{state}");
    }

    /// Kills it: its address refuses connections.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts it again at the same address with what it has stored: sealed, as Vault is after a start.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self) {
        self.run();
    }

    /// How often it was asked for something since it was started, such as `GET kv/app`, and answered with this status. An
    /// answer over HTTP/1.1 is counted before it is sent.
    #[must_use]
    pub fn asked(&self, what: &str, status: u16) -> usize {
        let (method, path) = what.split_once(' ').expect("method and path");
        let (request, status) = (format!("\"{method} /v1/{path} HTTP/"), format!("\" {status} "));
        self.log().lines().filter(|line| line.contains(&request) && line.contains(&status)).count()
    }

    /// What it has said.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("vault.log")
    }
}

/// The server's program.
fn rvault() -> PathBuf {
    let program = installed(PROGRAM, "rvault/bin/rvault");
    assert!(program.is_file(), "{} is not there: run `cargo xtask test --only vault`", program.display());
    program
}
