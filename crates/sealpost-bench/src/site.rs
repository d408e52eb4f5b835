//! What everyone works on: one MariaDB, one OpenSSH server, one partner with its key, and our configuration for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sealpost_testkit::gpg::{Gpg, KeySpec, algorithms};
use sealpost_testkit::mariadb::{MariaDb, PASSWORD, USER};
use sealpost_testkit::server::program;
use sealpost_testkit::sshd::{self, Sshd};

use crate::arguments::Arguments;
use crate::data;

/// The partner's and the report type's id.
pub(crate) const PARTNER: &str = "bench";
/// The report type's id.
pub(crate) const REPORT: &str = "contracts";

/// Everything that is running, and where things are. Dropped, it is gone.
pub(crate) struct Site {
    pub(crate) rows: u64,
    pub(crate) sealpost: PathBuf,
    pub(crate) database: MariaDb,
    pub(crate) sshd: Sshd,
    /// A private key that the SFTP server accepts.
    pub(crate) client_key: PathBuf,
    /// The SFTP server's user.
    pub(crate) user: String,
    pub(crate) gpg: Gpg,
    /// The partner's certificate, armored.
    pub(crate) certificate: String,
    /// The fingerprint of the partner's key.
    pub(crate) recipient: String,
    folder: tempfile::TempDir,
}

/// The binary that is measured.
///
/// # Errors
/// When it is missing.
pub(crate) fn sealpost(arguments: &Arguments) -> Result<PathBuf> {
    let sealpost = match &arguments.sealpost {
        Some(file) => file.clone(),
        None => std::env::current_exe().context("our own path")?.with_file_name("sealpost"),
    };
    if !sealpost.is_file() {
        bail!("{} is missing; `cargo xtask bench` builds it", sealpost.display());
    }
    fs::canonicalize(&sealpost).with_context(|| format!("{}", sealpost.display()))
}

impl Site {
    /// Starts the servers, fills the table, makes keys and configuration.
    ///
    /// # Errors
    /// When the binary is missing or a file can't be written.
    pub(crate) fn prepare(arguments: &Arguments) -> Result<Self> {
        let sealpost = sealpost(arguments)?;
        let gpg = Gpg::new();
        let recipient = gpg.generate(&KeySpec { algorithms: algorithms::RSA3072, ..KeySpec::default() });
        let sshd = Sshd::start();
        let site = Self {
            rows: arguments.rows,
            sealpost,
            database: data::server(arguments.rows),
            client_key: sshd.client_key("ed25519", "256", "RFC4716", ""),
            user: sshd::user(),
            sshd,
            certificate: gpg.export(&recipient),
            recipient,
            gpg,
            folder: tempfile::Builder::new().prefix("sealpost-bench-").tempdir().context("a working folder")?,
        };
        site.configure()?;
        Ok(site)
    }

    /// The SFTP server's host key, as `type base64`.
    pub(crate) fn host_key(&self) -> String {
        self.sshd.host_key("ed25519")
    }

    /// A file in the working folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder that the partner's SFTP server shows.
    pub(crate) fn inbox(&self) -> PathBuf {
        self.sshd.inbox()
    }

    /// A `sealpost` command on our configuration.
    pub(crate) fn sealpost(&self) -> Command {
        let mut command = Command::new(&self.sealpost);
        command.arg("--config").arg(self.file("sealpost.toml")).arg("--json").current_dir(self.folder.path());
        command
    }

    /// The stock client on our database, with the query of the report.
    pub(crate) fn client(&self, more: &str) -> Command {
        let mut command = Command::new(program(&["mariadb", "mysql"], "mariadb-client"));
        command.args(["--no-defaults", "--default-character-set=utf8mb4", "--protocol=tcp", "--host=127.0.0.1"]);
        command
            .arg(format!("--port={}", self.database.port()))
            .arg(format!("--user={USER}"))
            .env("MYSQL_PWD", PASSWORD);
        command.args(["--quick", "--batch", "--raw", "--skip-column-names", "--database", data::DATABASE, "--execute"]);
        command.arg(self.query(more));
        command
    }

    /// The query of the report, as the peers run it, with more conditions.
    pub(crate) fn query(&self, more: &str) -> String {
        data::query(&format!("'{}'", data::SCOPE), more)
    }

    /// Removes what the store has: dozens of reports would fill the memory.
    pub(crate) fn empty_store(&self) -> Result<()> {
        let store = self.file("data/store");
        fs::remove_dir_all(&store).with_context(|| format!("empty {}", store.display()))
    }

    /// The connector to the SFTP server, for a partner's file.
    pub(crate) fn connector(&self) -> String {
        format!(
            "host = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nhost_keys = [\"{}\"]\n\
             login = [{{ method = \"private_key\", key = \"file:{}\" }}]\ndirectory = \"{}\"\n",
            self.sshd.port(),
            self.user,
            self.host_key(),
            self.client_key.display(),
            self.inbox().display(),
        )
    }

    /// Writes our configuration, catalogue and partner, and puts the partner into the ledger.
    fn configure(&self) -> Result<()> {
        self.write("database-password", PASSWORD)?;
        let owner_only = fs::Permissions::from_mode(0o600);
        fs::set_permissions(self.file("database-password"), owner_only).context("protect the password's file")?;
        for (report, more) in data::REPORTS {
            self.write(&format!("catalogue/{report}.sql"), &data::query(":partner_scope", more))?;
            self.write(&format!("catalogue/{report}.toml"), "title = \"Contracts\"\n")?;
        }
        self.write("partners/bench.asc", &self.certificate)?;
        let port = self.database.port();
        self.write(
            "sealpost.toml",
            &format!(
                "[log]\nlevel = \"warn\"\n\
                 [sources.main]\nkind = \"mysql\"\nhost = \"127.0.0.1\"\nport = {port}\ndatabase = \"{}\"\nuser = \"{USER}\"\npassword = \"file:database-password\"\n",
                data::DATABASE
            ),
        )?;
        let connector = self.connector();
        self.write(
            "partners/bench.toml",
            &format!(
                "name = \"Bench\"\nscope = \"{}\"\ncertificates = [\"bench.asc\"]\ngrants = [{}]\n[connectors.sftp]\n{connector}",
                data::SCOPE,
                data::grants(),
            ),
        )?;
        let applied = self.sealpost().arg("apply").arg(self.file("partners")).output().context("start sealpost")?;
        if !applied.status.success() {
            bail!(
                "sealpost apply: {}{}",
                String::from_utf8_lossy(&applied.stdout),
                String::from_utf8_lossy(&applied.stderr)
            );
        }
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.file(name);
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))
    }
}
