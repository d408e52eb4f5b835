//! Connections: a pool of them, encrypted, logged in, and set up alike. A password that was changed is taken up.

use std::sync::Arc;
use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::port::SecretStore;
use sealpost_core::{Error, Result};
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions, MySqlSslMode};
use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions, Executor, MySql};

use super::fault;
use super::settings::MySqlSettings;

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Reads see what was committed last, and no lock is held on what is not there: such locks would only make those who
/// write next to one another wait. Who waits for a lock waits no longer than a step would.
const SET_UP: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET SESSION innodb_lock_wait_timeout = 10, lock_wait_timeout = 60, sql_mode = 'STRICT_ALL_TABLES'";

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
            .idle_timeout(Duration::from_secs(300))
            .max_lifetime(Duration::from_secs(1800))
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(SET_UP)).await.map(drop) })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, settings, secrets })
    }

    /// A connection. Where the login is refused, the password is asked for anew, once.
    pub(super) async fn connection(&self) -> Result<PoolConnection<MySql>> {
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
