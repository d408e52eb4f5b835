//! A certified OIDC issuer on loopback: npm's `oidc-provider`, with the client credentials grant and JWT access tokens.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::request;
use crate::server::{Server, free_port, installed, wait_until};

/// The environment variable with the folder that `cargo xtask test` installs Node's parts into.
pub const FOLDER: &str = "SEALPOST_NODE";

/// What every client's secret is.
pub const SECRET: &str = "a-secret-for-tests-only";

/// A signing key: its id and its algorithm, such as `RS256`, `ES256`, `PS256`, `EdDSA`.
pub type SigningKey<'a> = (&'a str, &'a str);

/// A running issuer. Its keys live as long as this does, also while it is stopped.
pub struct OidcProvider {
    address: SocketAddr,
    folder: tempfile::TempDir,
    server: Option<Server>,
}

impl OidcProvider {
    /// Starts an issuer with one RS256 key, `first`, and these clients, each with the scopes that it may ask for.
    ///
    /// # Panics
    /// When Node's parts are not installed, or it does not start.
    #[must_use]
    pub fn start(clients: &[(&str, &[&str])]) -> Self {
        Self::with_keys(clients, &[("first", "RS256")])
    }

    /// The same with other keys. The first one signs.
    ///
    /// # Panics
    /// As [`OidcProvider::start`].
    #[must_use]
    pub fn with_keys(clients: &[(&str, &[&str])], keys: &[SigningKey<'_>]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the issuer");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut scopes: Vec<&str> = clients.iter().flat_map(|(_, scopes)| scopes.iter().copied()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let client = |(id, scopes): &(&str, &[&str])| json!({"id": id, "secret": SECRET, "scopes": scopes});
        let settings = json!({
            "modules": node_folder(),
            "port": address.port(),
            "store": folder.path().join("keys.json"),
            "clients": clients.iter().map(client).collect::<Vec<_>>(),
            "scopes": scopes,
            "keys": described(keys),
        });
        std::fs::write(folder.path().join("settings.json"), settings.to_string()).expect("write the settings");
        let mut provider = Self { address, folder, server: None };
        provider.resume();
        provider
    }

    /// The issuer's URL, as its tokens say it.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An access token for a client with these scopes (separated by spaces), meant for `audience` (an absolute URI).
    ///
    /// # Panics
    /// When the issuer refuses.
    #[must_use]
    pub fn token(&self, client: &str, scope: &str, audience: &str) -> String {
        let escape = |text: &str| text.replace(':', "%3A").replace('/', "%2F").replace(' ', "+");
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={SECRET}&scope={}&resource={}",
            escape(scope),
            escape(audience)
        );
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let (status, body) = request::send(self.address, "POST", "/token", &headers, &form);
        assert_eq!(status, 200, "a token for {client}: {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        answer["access_token"].as_str().expect("an access token").to_owned()
    }

    /// Replaces the keys while it runs: keys that are known stay as they are, new ones are made, others are removed at
    /// once. The first one signs from now on.
    ///
    /// # Panics
    /// When the issuer refuses.
    pub fn use_keys(&self, keys: &[SigningKey<'_>]) {
        let (status, body) = request::send(self.address, "POST", "/control/keys", &[], &described(keys).to_string());
        assert_eq!(status, 204, "{body}");
    }

    /// Stops it: its address refuses connections.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts it again at the same address with the same keys.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("oidc/server.mjs");
        let log = self.folder.path().join("issuer.log");
        let mut command = Command::new(node_folder().join("bin/node"));
        command.arg(script).arg(self.folder.path().join("settings.json")).env_remove("NODE_OPTIONS");
        self.server = Some(Server::start(&mut command, &log));
        let mut waited = 0;
        wait_until("the OIDC provider", Duration::from_secs(60), || {
            waited += 1;
            if waited % 500 == 0 {
                // A script that ended is not worth a minute of silence.
                eprint_log(&log);
            }
            TcpStream::connect(self.address).is_ok()
        });
    }
}

fn eprint_log(log: &Path) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    assert!(!text.contains("Error"), "the OIDC provider does not start: {text}");
}

fn described(keys: &[SigningKey<'_>]) -> Value {
    keys.iter().map(|(id, algorithm)| json!({"kid": id, "alg": algorithm})).collect()
}

/// Where Node and its packages are.
///
/// # Panics
/// When they are not installed.
#[must_use]
pub fn node_folder() -> PathBuf {
    let folder = installed(FOLDER, "node");
    let there = folder.join("bin/node").exists() && folder.join("node_modules/oidc-provider").is_dir();
    assert!(there, "{} has no Node with oidc-provider: run `cargo xtask test --only node`", folder.display());
    folder
}
