//! Destinations as they come and go: never a secret, nor where one is kept.

use jiff::Timestamp;
use sealpost_core::connector::{Connector, ExistingFile as CoreExistingFile, HostKeyCandidate, Login as CoreLogin};
use sealpost_pipeline::self_service::host_key::fingerprint;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An SFTP server that files are sent to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "c-0123456789abcdef0", "name": "main", "host": "sftp.acme.example", "port": 22, "user": "reports",
    "login": [{"method": "generated_key", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGl4c5gJ0kqz0YkmrEKmD8AVX3vMZt1y0Yb3V7P6V1bn sealpost acme/main"}],
    "directory": "incoming", "create_directories": false, "existing_file": "fail", "checksum_file": true, "done_file": false,
    "receives_reports": true,
    "host_keys": [{"fingerprint": "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A", "public_key": null}],
    "candidates": []
}))]
pub struct Destination {
    /// Its id.
    id: String,
    /// Its name among your destinations.
    name: String,
    /// Host name or address.
    host: String,
    /// Port.
    port: u16,
    /// User name.
    user: String,
    /// Ways to log in, tried in this order.
    login: Vec<Login>,
    /// The remote directory; the login directory when empty.
    directory: String,
    /// Whether a missing directory is made.
    create_directories: bool,
    /// What happens when a file of the name exists already.
    existing_file: ExistingFile,
    /// A file `<name>.sha256` beside each file.
    checksum_file: bool,
    /// An empty file `<name>.done` after each file.
    done_file: bool,
    /// Whether reports go there unless the request says otherwise.
    receives_reports: bool,
    /// Approved host keys. The server is trusted by these alone; without any, nothing is sent.
    host_keys: Vec<HostKey>,
    /// Host keys that the server has shown and nobody has approved.
    candidates: Vec<Candidate>,
}

/// A way to log in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DestinationLogin)]
pub struct Login {
    /// How.
    method: LoginMethod,
    /// The line for your server's `authorized_keys`, where we made the key.
    #[schema(required)]
    public_key: Option<String>,
}

/// How to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginMethod {
    /// A password.
    Password,
    /// Keyboard-interactive: the same answer to every hidden prompt.
    KeyboardInteractive,
    /// A key pair that we made.
    GeneratedKey,
    /// A private key that the operator set.
    PrivateKey,
}

/// What happens when a file of the name exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WhenFileExists)]
pub enum ExistingFile {
    /// The delivery fails.
    #[default]
    Fail,
    /// It is replaced.
    Replace,
    /// Both are kept: the new one gets `name-1.ext`.
    KeepBoth,
}

/// An approved host key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApprovedHostKey)]
pub struct HostKey {
    /// Its fingerprint.
    #[schema(example = "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A")]
    fingerprint: String,
    /// The public key, where it is known.
    #[schema(required)]
    public_key: Option<String>,
}

/// A host key that the server has shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShownHostKey)]
pub struct Candidate {
    /// Its fingerprint: compare it with what the server's administrator tells you.
    #[schema(example = "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A")]
    fingerprint: String,
    /// The public key.
    public_key: String,
    /// When it was first shown.
    first_seen: Timestamp,
    /// When it was last shown.
    last_seen: Timestamp,
}

impl Destination {
    pub(crate) fn of(connector: &Connector, receives_reports: bool) -> Self {
        let settings = &connector.settings;
        Self {
            id: connector.id.to_string(),
            name: connector.name.clone(),
            host: settings.host.clone(),
            port: settings.port,
            user: settings.user.clone(),
            login: settings.login.iter().map(Login::of).collect(),
            directory: settings.directory.clone(),
            create_directories: settings.create_directories,
            existing_file: settings.existing_file.into(),
            checksum_file: settings.checksum_file,
            done_file: settings.done_file,
            receives_reports,
            host_keys: settings.host_keys.iter().map(|entry| HostKey::of(entry)).collect(),
            candidates: connector.candidates.iter().map(Candidate::of).collect(),
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl Login {
    fn of(login: &CoreLogin) -> Self {
        let (method, public_key) = match login {
            CoreLogin::Password { .. } => (LoginMethod::Password, None),
            CoreLogin::KeyboardInteractive { .. } => (LoginMethod::KeyboardInteractive, None),
            CoreLogin::PrivateKey { public_key: Some(line), .. } => (LoginMethod::GeneratedKey, Some(line.clone())),
            CoreLogin::PrivateKey { public_key: None, .. } => (LoginMethod::PrivateKey, None),
        };
        Self { method, public_key }
    }
}

impl HostKey {
    fn of(entry: &str) -> Self {
        let public_key = (!entry.starts_with("SHA256:")).then(|| entry.to_owned());
        Self { fingerprint: fingerprint(entry).unwrap_or_else(|| entry.to_owned()), public_key }
    }
}

impl Candidate {
    fn of(candidate: &HostKeyCandidate) -> Self {
        let HostKeyCandidate { public_key, fingerprint, first_seen, last_seen } = candidate.clone();
        Self { fingerprint, public_key, first_seen, last_seen }
    }
}

impl From<CoreExistingFile> for ExistingFile {
    fn from(existing: CoreExistingFile) -> Self {
        match existing {
            CoreExistingFile::Fail => Self::Fail,
            CoreExistingFile::Replace => Self::Replace,
            CoreExistingFile::KeepBoth => Self::KeepBoth,
        }
    }
}

impl From<ExistingFile> for CoreExistingFile {
    fn from(existing: ExistingFile) -> Self {
        match existing {
            ExistingFile::Fail => Self::Fail,
            ExistingFile::Replace => Self::Replace,
            ExistingFile::KeepBoth => Self::KeepBoth,
        }
    }
}
