//! A company with a partner: a folder with configuration, a real OpenSSH server, a GnuPG key ring, and our binary.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use sealpost_testkit::gpg::{Gpg, KeySpec};
use sealpost_testkit::server::free_port;
use sealpost_testkit::sshd::{Sshd, user};
use serde_json::{Value as Json, json};

/// How long anything may take before a test gives up: generous, for slow machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) sshd: Sshd,
    pub(crate) gpg: Gpg,
    pub(crate) certificate: String,
    client_key: PathBuf,
    api: u16,
    admin: u16,
    sources: String,
    worker: String,
    store: String,
    transfer: u16,
    more: String,
    /// Variables that the binary runs with.
    pub(crate) variables: Vec<(String, String)>,
}

impl World {
    /// A world whose source is a SQLite file filled by `sql`.
    pub(crate) fn with_sqlite(sql: &str) -> Self {
        let mut world = Self::new();
        world.execute("company.sqlite", sql);
        world.sources = "[sources.main]\nkind = \"sqlite\"\npath = \"company.sqlite\"\n".to_owned();
        world.write_configuration();
        world
    }

    /// A world whose source is a MySQL database.
    pub(crate) fn with_mysql(address: SocketAddr, database: &str, user: &str, password: &str) -> Self {
        let mut world = Self::new();
        world.write("secrets/db", password);
        world.sources = format!(
            "[sources.main]\nkind = \"mysql\"\nhost = \"{}\"\nport = {}\ndatabase = \"{database}\"\nuser = \"{user}\"\npassword = \"file:secrets/db\"\n[sources.main.tls]\nmode = \"disabled\"\n",
            address.ip(),
            address.port()
        );
        world.write_configuration();
        world
    }

    fn new() -> Self {
        let gpg = Gpg::new();
        let spec = KeySpec::default();
        let fingerprint = gpg.generate(&spec);
        let certificate = gpg.export(&fingerprint);
        let sshd = Sshd::start();
        let client_key = sshd.client_key("ed25519", "256", "RFC4716", "");
        let folder = tempfile::tempdir().expect("make the world's folder");
        for part in ["catalogue", "partners", "secrets"] {
            std::fs::create_dir(folder.path().join(part)).expect("make a folder");
        }
        let worker = "lease_s = 5\nproduce_pause_s = 0\nproduce_attempts = 50\n".to_owned();
        let store = "kind = \"local\"\npath = \"data/store\"\n".to_owned();
        let world = Self {
            folder,
            sshd,
            gpg,
            certificate,
            client_key,
            api: free_port(),
            admin: free_port(),
            sources: String::new(),
            worker,
            store,
            transfer: free_port(),
            more: String::new(),
            variables: Vec::new(),
        };
        world.write("secrets/admin-token", "an-admin-token-for-tests");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("write a file of the world");
    }

    /// Runs SQL in a SQLite file of the world, beside our own code.
    #[track_caller]
    pub(crate) fn execute(&self, database: &str, sql: &str) {
        let status = Command::new("python3")
            .args([
                "-c",
                "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.executescript(sys.stdin.read()); c.commit()",
            ])
            .arg(self.path(database))
            .stdin(Stdio::piped())
            .spawn()
            .and_then(|mut child| {
                std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), sql.as_bytes())?;
                child.wait()
            })
            .expect("run python3");
        assert!(status.success(), "SQL in {database}");
    }

    /// Changes a file.
    pub(crate) fn rewrite(&self, name: &str, change: impl FnOnce(&str) -> String) {
        let text = std::fs::read_to_string(self.path(name)).expect("read a file of the world");
        self.write(name, &change(&text));
    }

    /// Replaces the `[worker]` block.
    pub(crate) fn worker(&mut self, block: &str) {
        block.clone_into(&mut self.worker);
        self.write_configuration();
    }

    /// Replaces the `[store]` block.
    pub(crate) fn store(&mut self, block: &str) {
        block.clone_into(&mut self.store);
        self.write_configuration();
    }

    /// Turns the transfer API on.
    pub(crate) fn transfers(&mut self) {
        self.transfers_at(1000);
    }

    /// The same with so many requests per second.
    pub(crate) fn transfers_at(&mut self, requests_per_second: u32) {
        self.write("secrets/transfer-secret", "a-master-secret-of-more-than-32-bytes-for-tests");
        self.more = format!(
            "[transfer]\nlisten = \"127.0.0.1:{}\"\nmaster_secret = \"file:secrets/transfer-secret\"\nuser_secrets = [\"file:secrets/\"]\nrequests_per_second = {requests_per_second}\n",
            self.transfer
        );
        self.write_configuration();
    }

    pub(crate) fn transfer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.transfer)
    }

    /// Makes a connector to the world's SSH server through the transfer API, by boto3. Its id.
    pub(crate) fn transfer_connector(&self, access_key: &str, secret: &str) -> String {
        const CREATE: &str = "
import boto3, sys
endpoint, key, secret, url, host_key = sys.argv[1:6]
client = boto3.client('transfer', endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id=key, aws_secret_access_key=secret)
made = client.create_connector(
    Url=url,
    AccessRole='arn:aws:iam::000000000000:role/transfer',
    SftpConfig={'UserSecretId': 'file:secrets/transfer-user.json', 'TrustedHostKeys': [host_key], 'MaxConcurrentConnections': 5},
)
print(made['ConnectorId'])
";
        let output = Command::new("python3")
            .args(["-c", CREATE, &self.transfer_url(), access_key, secret])
            .args(self.transfer_target())
            .output()
            .expect("run python3");
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), self.log());
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// Writes the user secret of the world's SSH server. The server's URL and host key, as connectors want them.
    pub(crate) fn transfer_target(&self) -> [String; 2] {
        let key = std::fs::read_to_string(&self.client_key).expect("read the client's key");
        self.write("secrets/transfer-user.json", &json!({ "Username": user(), "PrivateKey": key }).to_string());
        let host_key = self.sshd.host_key("ed25519");
        // The service wants type and key alone.
        let host_key: Vec<&str> = host_key.split_whitespace().take(2).collect();
        [format!("sftp://127.0.0.1:{}", self.sshd.port()), host_key.join(" ")]
    }

    fn write_configuration(&self) {
        let text = format!(
            "[api]\nlisten = \"127.0.0.1:{}\"\n[admin]\nlisten = \"127.0.0.1:{}\"\ntoken = \"file:secrets/admin-token\"\n{}[store]\n{}[worker]\n{}{}",
            self.api, self.admin, self.sources, self.store, self.worker, self.more
        );
        self.write("sealpost.toml", &text);
    }

    pub(crate) fn report_type(&self, id: &str, toml: &str, sql: &str) {
        self.write(&format!("catalogue/{id}.toml"), toml);
        self.write(&format!("catalogue/{id}.sql"), sql);
    }

    /// A partner that may ask for everything in the catalogue, with a connector to the SSH server at `port`.
    pub(crate) fn partner_at(&self, id: &str, scope: &str, port: u16, more: &str) {
        let mut grants = String::new();
        for entry in std::fs::read_dir(self.path("catalogue")).expect("read the catalogue") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let report = path.file_stem().expect("a stem").to_string_lossy().into_owned();
                write!(grants, "{{ report = \"{report}\" }}, ").expect("room");
            }
        }
        self.write(&format!("partners/{id}.asc"), &self.certificate);
        let inbox = self.inbox(id);
        std::fs::create_dir_all(&inbox).expect("make the inbox");
        let document = format!(
            r#"name = "{id}"
scope = "{scope}"
certificates = ["{id}.asc"]
grants = [{grants}]
{more}
[limits]
active_reports = 100000
rate = {{ per_second = 100000, burst = 100000 }}
[connectors.main]
host = "127.0.0.1"
port = {port}
user = "{user}"
directory = "{directory}"
host_keys = ["{fingerprint}"]
[connectors.main.limits]
inactivity_timeout_s = 5
concurrency = 8
[connectors.main.retry]
max_attempts = 50
first_pause_s = 0.05
longest_pause_s = 1.0
[[connectors.main.login]]
method = "private_key"
key = "file:{key}"
"#,
            user = user(),
            directory = inbox.display(),
            fingerprint = self.sshd.host_fingerprint("ed25519"),
            key = self.client_key.display(),
        );
        self.write(&format!("partners/{id}.toml"), &document);
    }

    pub(crate) fn partner(&self, id: &str, scope: &str) {
        self.partner_at(id, scope, self.sshd.port(), "");
    }

    /// The directory on the partner's server that a partner's files arrive in.
    pub(crate) fn inbox(&self, partner: &str) -> PathBuf {
        self.sshd.inbox().join(partner)
    }

    /// The binary with this world's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.arg("--config").arg(self.path("sealpost.toml")).args(arguments).env_remove("SEALPOST_CONFIG");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("run sealpost")
    }

    /// Runs a command that must succeed, and gives its JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Json {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let output = self.run(&all);
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    pub(crate) fn apply(&self) {
        let folder = self.path("partners");
        self.json(&["apply", &folder.to_string_lossy()]);
    }

    pub(crate) fn api_key(&self, partner: &str) -> String {
        self.json(&["partner", "key", "new", partner])["api_key"].as_str().expect("a key").to_owned()
    }

    /// Starts `serve` (its log goes to `serve.log`) and returns at once.
    pub(crate) fn start(&self) -> Serving {
        self.start_printing_to(Stdio::null())
    }

    /// The same with standard output at a place of the test's choice.
    pub(crate) fn start_printing_to(&self, output: impl Into<Stdio>) -> Serving {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.path("serve.log")).expect("open the log");
        self.start_writing_to(output, log)
    }

    /// The same with the log in a file of the test's choice.
    pub(crate) fn start_logging_to(&self, log: std::fs::File) -> Serving {
        self.start_writing_to(Stdio::null(), log)
    }

    fn start_writing_to(&self, output: impl Into<Stdio>, log: std::fs::File) -> Serving {
        let mut command = self.command(&["serve"]);
        Serving(command.stdin(Stdio::null()).stdout(output).stderr(log).spawn().expect("start sealpost"))
    }

    /// Starts `serve` and waits until it answers.
    pub(crate) async fn serve(&self) -> Serving {
        let serving = self.start();
        self.answers().await;
        serving
    }

    /// Waits until `serve` answers.
    pub(crate) async fn answers(&self) {
        let started = Instant::now();
        let client = reqwest::Client::new();
        while client.get(format!("{}/healthz", self.api_url())).send().await.is_err() {
            assert!(started.elapsed() < PATIENCE, "serve does not answer: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What times of a test that kills `serve` are to be multiplied by, so that it is up for most of them on a slow machine, too.
    /// Eight at most: hundreds of kills have to end within what the runner allows.
    pub(crate) async fn slowness(&self) -> f64 {
        let begun = Instant::now();
        self.serve().await.kill();
        (begun.elapsed().as_secs_f64() / 0.2).clamp(1.0, 8.0)
    }

    pub(crate) fn api_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.api)
    }

    pub(crate) fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("serve.log")).unwrap_or_default()
    }

    /// Decrypts a delivered file with gpg.
    #[track_caller]
    pub(crate) fn decrypt(&self, file: &Path) -> Vec<u8> {
        self.gpg.decrypt_file(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// The names in a partner's inbox, hidden ones too.
    pub(crate) fn names(&self, partner: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.inbox(partner))
            .expect("read the inbox")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// A running `serve`, killed when dropped.
pub(crate) struct Serving(Child);

impl Serving {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGKILL, now.
    pub(crate) fn kill(mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }

    /// SIGTERM. How it ended, or `None` where it goes on.
    pub(crate) async fn stop(&mut self) -> Option<ExitStatus> {
        let asked = Command::new("kill").arg(self.id().to_string()).status().expect("run kill");
        assert!(asked.success(), "SIGTERM");
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().expect("a child of ours") {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }

    /// Peak resident memory so far, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("a running process");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A partner's developer.
pub(crate) struct Caller {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Caller {
    pub(crate) fn new(world: &World, key: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().expect("a client");
        Self { client, url: world.api_url(), key: key.to_owned() }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Json>) -> reqwest::Result<(u16, Json)> {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)))))
    }

    pub(crate) async fn create(&self, ask: Json, idempotency_key: &str) -> reqwest::Result<(u16, Json)> {
        let request = self.client.post(format!("{}/v1/reports", self.url)).bearer_auth(&self.key);
        let answer = request.header("idempotency-key", idempotency_key).json(&ask).send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await?))
    }

    /// Waits until a report and its deliveries have ended.
    pub(crate) async fn ended(&self, id: &str) -> Json {
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < PATIENCE, "report {id} does not end");
            if let Ok((200, report)) = self.call("GET", &format!("/v1/reports/{id}"), None).await
                && is_ended(&report)
            {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether a report and its deliveries have ended.
pub(crate) fn is_ended(report: &Json) -> bool {
    let over = |value: &Json, open: &[&str]| !value["status"].as_str().is_none_or(|status| open.contains(&status));
    over(report, &["queued", "running"])
        && report["deliveries"]
            .as_array()
            .is_none_or(|all| all.iter().all(|delivery| over(delivery, &["pending", "sending"])))
}
