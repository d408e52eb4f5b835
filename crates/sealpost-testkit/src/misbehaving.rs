//! An SFTP server that misbehaves on purpose: in Python, with each packet made by hand.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::server::{Server, program, wait_until};

/// The user name that logs in; any does.
pub const USER: &str = "partner";
/// The password; any does.
pub const PASSWORD: &str = "correct horse battery";

const PROGRAM: &str = include_str!("../misbehaving/server.py");

/// A running server. Paths on it begin at the inbox: `/a.csv` is `a.csv` in it.
pub struct Misbehaving {
    _server: Server,
    folder: tempfile::TempDir,
    port: u16,
}

impl Misbehaving {
    /// Starts a server that does nothing wrong yet.
    ///
    /// # Panics
    /// When Python or asyncssh is not installed.
    #[must_use]
    pub fn start() -> Self {
        Self::run(&[])
    }

    /// Starts asyncssh's own SFTP server instead, which does nothing wrong, and works on several requests at once.
    ///
    /// # Panics
    /// When Python or asyncssh is not installed.
    #[must_use]
    pub fn asyncssh() -> Self {
        Self::run(&["asyncssh"])
    }

    /// Starts one that agrees to every type of host key, and always shows the same key, of Ed25519.
    ///
    /// # Panics
    /// When Python or asyncssh is not installed.
    #[must_use]
    pub fn with_one_key() -> Self {
        Self::run(&["one-key"])
    }

    fn run(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("make the server's folder");
        std::fs::create_dir(folder.path().join("inbox")).expect("make the inbox");
        std::fs::write(folder.path().join("behaviour.json"), "{}").expect("write the behaviour");
        let script = folder.path().join("server.py");
        std::fs::write(&script, PROGRAM).expect("write the server");
        let mut command = Command::new(program(&["python3"], "python3-pip && pip install asyncssh"));
        command.arg(&script).arg(folder.path()).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
        let log = folder.path().join("log");
        let mut server = Server::start(&mut command, &log);
        let port = folder.path().join("port");
        assert!(
            server.is_ready_within(Duration::from_secs(60), || port.exists()),
            "the server did not start: {}",
            std::fs::read_to_string(&log).unwrap_or_default()
        );
        let port = std::fs::read_to_string(port).expect("read the port").parse().expect("a port");
        wait_until("the server", Duration::from_secs(60), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { _server: server, folder, port }
    }

    /// How connections from now on behave: a JSON object, as the head of `misbehaving/server.py` describes. `{}` is
    /// faultless.
    pub fn behave(&self, behaviour: &serde_json::Value) {
        let path = self.folder.path().join("behaviour.json");
        let new = self.folder.path().join("behaviour.new");
        std::fs::write(&new, behaviour.to_string()).expect("write the behaviour");
        std::fs::rename(new, path).expect("put the behaviour in place");
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder in which sessions begin.
    #[must_use]
    pub fn inbox(&self) -> PathBuf {
        self.folder.path().join("inbox")
    }

    /// The public host key, as `type base64`.
    #[must_use]
    pub fn host_key(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("host_key.pub")).expect("read the host key");
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// How many key exchanges there were; counted by a server [`with_one_key`](Self::with_one_key).
    #[must_use]
    pub fn connections(&self) -> usize {
        self.log().matches("the same key").count()
    }

    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}
