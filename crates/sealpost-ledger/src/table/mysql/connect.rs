//! Connections: a pool of them, encrypted, logged in, and set up alike. A password that was changed is taken up.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::port::SecretStore;
use sealpost_core::{Error, Result};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions, MySqlSslMode};
use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions, Executor, MySql};
use tokio::time::timeout;

use super::fault;
use super::settings::MySqlSettings;

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Reads see what was committed last, and no lock is held on what is not there: such locks would only make those who
/// write next to one another wait.
///
/// A machine that goes in the middle of a transaction, without a word, would hold its locks for eight hours, or until TCP
/// finds out. So the server ends a session that says nothing for `wait_timeout` seconds, which rolls its transaction back
/// (<https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_wait_timeout>,
/// <https://mariadb.com/kb/en/transaction-timeouts/>). Who waits for such a lock looks at what else there is meanwhile.
const SET_UP: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET SESSION innodb_lock_wait_timeout = 2, lock_wait_timeout = 60, wait_timeout = 30, sql_mode = 'STRICT_ALL_TABLES'";

/// After which time a connection that nobody uses is closed, looked at as often: before the server does it.
pub(super) const IDLE: Duration = Duration::from_secs(10);

/// The longest wait for an answer. A server that has gone with its machine never gives one, and says nothing of it either. More
/// than a transaction takes whose statements each wait for a lock as long as they may.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The longest wait for the answer that the pool wants before it keeps a connection: shorter than whoever waits for its place
/// does, unless configured.
const LONGEST_RETURN: Duration = Duration::from_secs(5);

/// Does this with a connection, in time.
pub(super) async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(LONGEST_WAIT, work).await.unwrap_or_else(|_| Err(silent()))
}

/// The error for a server that gives no answer.
pub(super) fn silent() -> sqlx::Error {
    let words = format!("no answer within {} s", LONGEST_WAIT.as_secs());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, words))
}

/// A connection in use. Where it is dropped instead of given [`back`](Self::back), something failed or whoever asked has gone:
/// it is closed. The pool alone would ask the server first whether it is well, and wait for an answer that may never come.
pub(super) struct Held(Option<PoolConnection<MySql>>);

impl Held {
    pub(super) fn connection(&mut self) -> &mut MySqlConnection {
        match self.0.as_mut() {
            Some(connection) => connection,
            None => unreachable!("giving it back takes it away from whoever could ask"),
        }
    }

    /// To the pool, for others. The pool asks the server first whether it is well; where there is no answer in time, the
    /// connection is closed, and its place is free.
    pub(super) fn back(mut self) {
        if let Some(mut connection) = self.0.take() {
            tokio::spawn(timeout(LONGEST_RETURN, connection.return_to_pool()));
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

/// Connections to one server.
pub(super) struct Pool {
    pool: MySqlPool,
    settings: MySqlSettings,
    secrets: Arc<dyn SecretStore>,
}

impl Pool {
    pub(super) async fn open(settings: MySqlSettings, secrets: Arc<dyn SecretStore>) -> Result<Self> {
        let options = options(&settings, &*secrets).await?;
        let pool = MySqlPoolOptions::new()
            .max_connections(settings.connections.max(1))
            .acquire_timeout(settings.connect_timeout())
            .idle_timeout(IDLE)
            .max_lifetime(Duration::from_secs(1800))
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(SET_UP)).await.map(drop) })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, settings, secrets })
    }

    /// A connection. Where the login is refused, the password is asked for anew, once.
    async fn connection(&self) -> Result<PoolConnection<MySql>> {
        let refused = match self.pool.acquire().await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        if let Some(reference) = self.settings.password.as_ref().filter(|_| fault::is_login(&refused)) {
            self.secrets.stale(reference).await;
            self.pool.set_connect_options(options(&self.settings, &*self.secrets).await?);
            return self.pool.acquire().await.map_err(|error| self.named(error));
        }
        Err(self.named(refused))
    }

    /// As [`connection`](Self::connection), to be closed unless it is given back.
    pub(super) async fn held(&self) -> Result<Held> {
        self.connection().await.map(|connection| Held(Some(connection)))
    }

    fn named(&self, error: sqlx::Error) -> Error {
        match error {
            sqlx::Error::PoolTimedOut => {
                let detail = format!("no connection within {} s", self.settings.connect_timeout_s);
                Error::new(&codes::ledger::UNREACHABLE, detail)
            }
            error => fault::read(error),
        }
        .context(self.place())
    }

    /// Where the server is, for errors.
    pub(super) fn place(&self) -> String {
        let MySqlSettings { host, port, database, .. } = &self.settings;
        match &self.settings.socket {
            Some(path) => format!("MySQL at {}, database {database}", path.display()),
            None => format!("MySQL at {host}:{port}, database {database}"),
        }
    }
}

async fn options(settings: &MySqlSettings, secrets: &dyn SecretStore) -> Result<MySqlConnectOptions> {
    let mut options = MySqlConnectOptions::new()
        .host(&settings.host)
        .port(settings.port)
        .username(&settings.user)
        .database(&settings.database)
        .charset("utf8mb4")
        .timezone(Some("+00:00".to_owned()))
        .disable_statement_logging();
    if let Some(reference) = &settings.password {
        options = options.password(secrets.resolve(reference).await?.expose_text()?);
    }
    if let Some(path) = &settings.socket {
        options = options.socket(path);
    }
    options = options.ssl_mode(match (settings.uses_tls(), settings.tls.verify_identity) {
        (false, _) => MySqlSslMode::Disabled,
        (true, true) => MySqlSslMode::VerifyIdentity,
        (true, false) => MySqlSslMode::VerifyCa,
    });
    if let Some(file) = settings.tls.ca_file.as_ref().filter(|_| settings.uses_tls()) {
        let unusable =
            |why: String| Error::new(&codes::ledger::UNREACHABLE, format!("`tls.ca_file` {}: {why}", file.display()));
        let pem = tokio::fs::read(file).await.map_err(|error| unusable(error.to_string()))?;
        // The driver takes a file without certificates for one that adds none.
        if !pem.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE) {
            return Err(unusable("there is no PEM certificate in it".to_owned()));
        }
        options = options.ssl_ca_from_pem(pem);
    }
    Ok(options)
}
