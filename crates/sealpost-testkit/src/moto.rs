//! The moto server: S3 and other AWS services on loopback.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::server::{Server, free_port, program, wait_until};
use crate::{lasting, request};

mod cognito;
mod services;

pub use cognito::{CognitoLogin, CognitoPool};
pub use services::REGION;

/// A running moto server. Each has its own, empty services; they end with it.
pub struct Moto {
    address: SocketAddr,
    /// Its process and log; none for one that lasts.
    _server: Option<(Server, tempfile::TempDir)>,
}

/// What [`Moto::lasting`] changes about moto.
const SERIAL: &str = include_str!("moto/serial.py");

fn moto_server() -> PathBuf {
    program(&["moto_server"], "python3-pip && pip install 'moto[server]' boto3")
}

impl Moto {
    /// Starts a server on a free port. It accepts any credentials.
    ///
    /// # Panics
    /// When moto is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server that verifies signatures and applies IAM policies, from the request after `free` ones on.
    ///
    /// # Panics
    /// When moto is not installed or does not start.
    #[must_use]
    pub fn enforcing_after(free: u32) -> Self {
        Self::with(&[("INITIAL_NO_AUTH_ACTION_COUNT", free.to_string())])
    }

    fn with(variables: &[(&str, String)]) -> Self {
        let log = tempfile::tempdir().expect("a folder for the log");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let server = Server::start(
            Command::new(moto_server())
                .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .envs(variables.iter().map(|(name, value)| (*name, value.as_str()))),
            &log.path().join("moto.log"),
        );
        wait_until("moto", Duration::from_secs(60), || TcpStream::connect(address).is_ok());
        Self { address, _server: Some((server, log)) }
    }

    /// The server that tests of many processes share: each makes tables, queues or buckets of its own, under names that nobody
    /// else has, and looks at nothing else. It handles one request of DynamoDB at a time.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn lasting() -> Self {
        let answers = |address: &str| TcpStream::connect(address).is_ok();
        let address = lasting::join("moto", answers, |base| {
            let folder = tempfile::Builder::new().prefix("sp-moto-").tempdir().expect("a folder for moto").keep();
            std::fs::write(folder.join("sitecustomize.py"), SERIAL).expect("write what moto is started with");
            let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
            let command = [moto_server().display().to_string(), "-H".into(), "127.0.0.1".into(), "-p".into()];
            let command: Vec<String> = command.into_iter().chain([address.port().to_string()]).collect();
            let path = folder.display().to_string();
            let variables = [("PYTHONPATH", path), ("PYTHONDONTWRITEBYTECODE", "1".to_owned())];
            lasting::start(base, &folder, &command, &variables);
            wait_until("moto", Duration::from_secs(60), || TcpStream::connect(address).is_ok());
            address.to_string()
        });
        Self { address: address.parse().expect("an address"), _server: None }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint for AWS clients: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a bucket in `us-east-1`.
    ///
    /// # Panics
    /// When moto refuses.
    pub fn create_bucket(&self, name: &str) {
        let (status, body) = self.request("PUT", &format!("/{name}"));
        assert_eq!(status, 200, "create the bucket {name}: {body}");
    }

    /// Makes an empty bucket in `us-east-1` and returns its name, which no other has.
    ///
    /// # Panics
    /// When moto refuses.
    #[must_use]
    pub fn bucket(&self) -> String {
        static BUCKETS: AtomicU32 = AtomicU32::new(0);
        // Many processes share a lasting server, and one after the other may have the same id.
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
        let name = format!("b{now:x}-{}-{}", std::process::id(), BUCKETS.fetch_add(1, Ordering::Relaxed));
        self.create_bucket(&name);
        name
    }

    /// The keys in a bucket, in order.
    ///
    /// # Panics
    /// When moto refuses.
    #[must_use]
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.elements(&format!("/{bucket}?list-type=2"), "Key")
    }

    /// The keys of multipart uploads that were begun and neither completed nor aborted.
    ///
    /// # Panics
    /// When moto refuses.
    #[must_use]
    pub fn pending_uploads(&self, bucket: &str) -> Vec<String> {
        self.elements(&format!("/{bucket}?uploads"), "Key")
    }

    fn elements(&self, target: &str, name: &str) -> Vec<String> {
        let (status, body) = self.request("GET", target);
        assert_eq!(status, 200, "GET {target}: {body}");
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let parts = body.split(&open).skip(1).filter_map(|part| part.split_once(&close));
        parts.map(|(text, _)| text.to_owned()).collect()
    }

    /// A request without body, unsigned, which moto accepts: status and body of the answer.
    ///
    /// # Panics
    /// When moto does not answer.
    pub fn request(&self, method: &str, target: &str) -> (u16, String) {
        request::send(self.address, method, target, &[], "")
    }
}
