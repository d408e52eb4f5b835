//! A MariaDB server with its own data folder, socket and port.
//!
//! Making a data folder takes seconds, so it is made once per user and MariaDB version and copied for every server. The
//! server is a child of a shell that waits on our pipe: it ends with the test process, however that ends, and its folder
//! is removed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::lasting;
use crate::server::{free_port, program, wait_until};
use crate::template::template;

/// The account that tests log in with over TCP or the socket; it may do everything.
pub const USER: &str = "sealpost";
/// Its password.
pub const PASSWORD: &str = "correct-horse'\"battery";

/// Serves until its input ends, then kills the server and removes the folder (`$0`).
const WATCH: &str = r#"dir=$0; "$@" </dev/null >"$dir/server.log" 2>&1 & pid=$!
cat >/dev/null; kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$dir""#;

/// A running server.
pub struct MariaDb {
    /// None for one that lasts.
    watch: Option<Child>,
    folder: PathBuf,
    port: u16,
    server_id: u32,
    databases: AtomicU32,
}

impl MariaDb {
    /// The server that all tests of this process share.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server without TLS.
    ///
    /// # Panics
    /// When MariaDB is not installed or does not start; the message has the server's log.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server that offers TLS with a certificate for `localhost` (not for `127.0.0.1`); see [`ca_file`](Self::ca_file).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_tls() -> Self {
        Self::start_with(&["--ssl-ca={dir}/ca.pem", "--ssl-cert={dir}/server.pem", "--ssl-key={dir}/server.key"])
    }

    /// Starts a server with further options; `{dir}` in them is its folder.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        let (folder, port, command) = prepare(options);
        let watch = Command::new("sh")
            .args(["-c", WATCH])
            .arg(&folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start sh");
        let mut this = Self { watch: Some(watch), folder, port, server_id: 0, databases: AtomicU32::new(0) };
        this.become_ready();
        this
    }

    /// The server that tests of many processes share: each makes databases, and users, of its own, and changes nothing else.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn lasting() -> Self {
        let read = |address: &str| {
            let mut words = address.split_whitespace();
            let mut next = || words.next().expect("port, process and folder");
            let (port, server_id) = (next().parse().expect("a port"), next().parse().expect("a process id"));
            Self { watch: None, folder: next().into(), port, server_id, databases: AtomicU32::new(0) }
        };
        let address = lasting::join(
            "mariadb",
            |address| read(address).answers(),
            |base| {
                let (folder, port, command) = prepare(&[]);
                lasting::start(base, &folder, &command, &[]);
                let mut this = Self { watch: None, folder, port, server_id: 0, databases: AtomicU32::new(0) };
                this.become_ready();
                format!("{port} {} {}", this.server_id, this.folder.display())
            },
        );
        read(&address)
    }

    /// Waits for the server, and makes the account.
    fn become_ready(&mut self) {
        wait_until("MariaDB", Duration::from_secs(60), || self.answers());
        let pid = fs::read_to_string(self.folder.join("pid")).expect("the server's pid file");
        self.server_id = pid.trim().parse().expect("a process id");
        let password = PASSWORD.replace('\'', "''");
        self.run("", &format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{password}'; GRANT ALL ON *.* TO '{USER}'@'%'"));
    }

    fn answers(&self) -> bool {
        let ready = self.client("").args(["-e", "SELECT 1"]).output().is_ok_and(|output| output.status.success());
        if !ready && let Ok(log) = fs::read_to_string(self.folder.join("server.log")) {
            assert!(!log.contains("[ERROR] Aborting"), "MariaDB did not start:\n{log}");
        }
        ready
    }

    fn client(&self, database: &str) -> Command {
        let mut command = Command::new(program(&["mariadb", "mysql"], "mariadb-client"));
        command.args(["--no-defaults", "--default-character-set=utf8mb4", "--user=root", "--batch"]);
        command.arg(format!("--socket={}", self.socket().display())).arg(format!("--database={database}"));
        command
    }

    /// The server's unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id, to stop or kill it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.server_id
    }

    /// The certificate authority of a server with TLS, as PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate authority that the server's certificate does not come from.
    #[must_use]
    pub fn wrong_ca_file(&self) -> PathBuf {
        self.folder.join("wrong.pem")
    }

    /// Makes an empty database and returns its name.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn database(&self) -> String {
        // Many processes share a lasting server, and one after the other may have the same id.
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
        let name = format!("t{now:x}_{}_{}", std::process::id(), self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("", &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        name
    }

    /// Runs SQL as root with the stock client, and returns what it prints: tab-separated, with a header line.
    ///
    /// # Panics
    /// When the client fails; the message has its error.
    #[track_caller]
    pub fn run(&self, database: &str, sql: &str) -> String {
        self.try_run(database, sql).unwrap_or_else(|error| panic!("mariadb: {error}"))
    }

    /// As [`run`](Self::run), without header line.
    ///
    /// # Panics
    /// When the client fails.
    #[track_caller]
    pub fn rows(&self, database: &str, sql: &str) -> String {
        feed(self.client(database).arg("--skip-column-names"), sql.as_bytes())
            .unwrap_or_else(|error| panic!("mariadb: {error}"))
    }

    /// As [`run`](Self::run), with the client's error for the caller.
    ///
    /// # Errors
    /// What the client printed.
    pub fn try_run(&self, database: &str, sql: &str) -> Result<String, String> {
        feed(&mut self.client(database), sql.as_bytes())
    }

    /// Loads the Sakila sample database (<https://dev.mysql.com/doc/sakila/en/>) as database `sakila`, and returns that name.
    ///
    /// # Panics
    /// When the data are not there: `SEALPOST_SAKILA` names the folder, `../shared/data/sakila` is the default.
    #[must_use]
    pub fn load_sakila(&self) -> String {
        let folder = std::env::var_os("SEALPOST_SAKILA")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/sakila"), PathBuf::from);
        for name in ["schema.sql", "data.sql"] {
            let file = folder.join(name);
            let sql = fs::read(&file).unwrap_or_else(|error| {
                panic!("{}: {error}; set SEALPOST_SAKILA to the folder with schema.sql and data.sql", file.display())
            });
            // One transaction: the rows are inserted one by one.
            let sql = [b"SET autocommit = 0;\n", sql.as_slice(), b"\nCOMMIT;\n"].concat();
            feed(&mut self.client(""), &sql).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
        // Without statistics the optimizer joins 16,000 rentals with every film: 30 s instead of 0.3 s.
        let tables = self.rows("sakila", "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'");
        let tables: Vec<&str> = tables.lines().filter_map(|line| line.split('\t').next()).collect();
        drop(self.run("sakila", &format!("ANALYZE TABLE {}", tables.join(", "))));
        "sakila".to_owned()
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(watch) = &mut self.watch {
            drop(watch.stdin.take());
            drop(watch.wait());
        }
    }
}

/// A folder with what a server needs, a port, and the command that starts it.
fn prepare(options: &[&str]) -> (PathBuf, u16, Vec<String>) {
    let server = program(&["mariadbd", "mysqld"], "mariadb-server");
    // A short path: a socket's may have 107 bytes at most (unix(7)).
    let folder = tempfile::Builder::new().prefix("sp-mdb-").tempdir().expect("a folder for MariaDB").keep();
    run(Command::new("cp").args(["-a", "--sparse=always"]).arg(data(&server)).arg(folder.join("data")));
    if options.iter().any(|option| option.starts_with("--ssl-")) {
        certificates(&folder);
    }
    let (dir, port) = (folder.display().to_string(), free_port());
    let mut command = vec![server.display().to_string(), "--no-defaults".to_owned()];
    command.extend([
        format!("--datadir={dir}/data"),
        format!("--socket={dir}/socket"),
        format!("--pid-file={dir}/pid"),
        format!("--port={port}"),
        format!("--tmpdir={dir}"),
    ]);
    let fixed = ["--bind-address=127.0.0.1", "--skip-log-bin", "--innodb-buffer-pool-size=64M"];
    let quick = ["--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"];
    let sizes = ["--character-set-server=utf8mb4", "--max-connections=150"];
    command.extend([fixed, quick].concat().iter().chain(&sizes).map(|option| (*option).to_owned()));
    if is_root() {
        command.push("--user=root".to_owned());
    }
    command.extend(options.iter().map(|option| option.replace("{dir}", &dir)));
    (folder, port, command)
}

fn feed(command: &mut Command, input: &[u8]) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        // Written beside the reading: both pipes are finite.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output()
    })
    .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).expect("UTF-8 from the client"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The data folder to copy.
fn data(server: &Path) -> PathBuf {
    let version = Command::new(server).arg("--version").output().expect("run mariadbd --version").stdout;
    let version: String = String::from_utf8_lossy(&version).chars().filter(char::is_ascii_alphanumeric).collect();
    template("mariadb", &version, |making| {
        let mut install = Command::new(program(&["mariadb-install-db", "mysql_install_db"], "mariadb-server"));
        install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
        install.arg("--innodb-log-file-size=4M").arg(format!("--datadir={}", making.display()));
        if is_root() {
            install.arg("--user=root");
        }
        run(&mut install);
    })
}

/// A certificate authority, a server certificate of it, and a foreign authority.
fn certificates(folder: &Path) {
    let openssl = program(&["openssl"], "openssl");
    let authority = |name: &str| {
        let mut command = Command::new(&openssl);
        command.current_dir(folder).args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]);
        run(command.arg(format!("/CN=Sealpost test {name}")).args([
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ]));
    };
    authority("ca");
    authority("wrong");
    let mut request = Command::new(&openssl);
    request.current_dir(folder).args(["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]);
    run(request.args(["-keyout", "server.key", "-out", "server.csr"]));
    fs::write(folder.join("san"), "subjectAltName=DNS:localhost\n").expect("write the extension file");
    let mut sign = Command::new(&openssl);
    sign.current_dir(folder).args(["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key"]);
    run(sign.args(["-CAcreateserial", "-days", "2", "-extfile", "san", "-out", "server.pem"]));
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
    let words = || String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}", words());
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}
