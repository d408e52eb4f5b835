//! A session: connected, encrypted, logged in, and set up so that the same SQL means the same everywhere.

use std::time::Duration;

use sealpost_core::error::codes::source::{BROKEN, LOGIN, TLS, UNREACHABLE};
use sealpost_core::port::SecretStore;
use sealpost_core::{Error, Result};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, MySqlConnection, Row};

use super::account::Account;
use super::failure::{Phase, failure};
use super::kill::{Kill, Target, WHICH_SERVER};
use super::settings::MySqlSettings;

/// A connection with what is needed to end its query from outside.
pub(super) struct Session {
    pub(super) connection: MySqlConnection,
    pub(super) kill: Kill,
}

/// Modes that change how the text is read: quotes and backslashes must mean what our own reader takes them for. The
/// combined modes of MariaDB switch them on again and go too.
const READING_MODES: [&str; 8] =
    ["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"];

/// What a server may be set to must not make a result shorter: it cuts rows without a word, and values with a warning.
/// No account needs a privilege for these.
///
/// A value beyond a variable's range is an error in strict modes, and the ranges differ: `group_concat_max_len` ends at
/// a gibibyte in newer releases of MariaDB, and older ones count four bytes for each in 32 bits. No packet is larger.
///
/// The list of warnings is as long as it can be, so that those that are looked for at the end are in it (see `warnings.rs`).
const WHOLE: &str =
    "sql_select_limit = 18446744073709551615, group_concat_max_len = 1073741823, max_error_count = 65535";

/// The same for MariaDB alone: where a recursion goes too deep, MySQL fails; MariaDB gives what there is by then, with a warning.
const WHOLE_IN_MARIADB: &str = "max_recursive_iterations = 4294967295";

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Connects and sets the session up. `timeout_s` becomes the server's own limit on a statement. Where the login is refused, it
/// is tried again with what its secret says by then: the password may have been changed a moment ago.
pub(super) async fn session(
    settings: &std::sync::Arc<MySqlSettings>,
    secrets: &dyn SecretStore,
    timeout_s: u64,
) -> Result<Session> {
    let account = Account::resolve(settings, secrets).await?;
    let mut refused = match connect(settings, &account, timeout_s).await {
        Err(error) if error.is(&LOGIN) => error,
        connected => return connected,
    };
    for account in account.successors(settings, secrets).await? {
        match connect(settings, &account, timeout_s).await {
            Err(error) if error.is(&LOGIN) => refused = error,
            connected => {
                tracing::info!(source = %settings.address(), "the database's password was changed: logged in with the new one");
                return connected;
            }
        }
    }
    Err(refused)
}

async fn connect(settings: &MySqlSettings, account: &Account, timeout_s: u64) -> Result<Session> {
    let options = options(settings, account).await?;
    let tls = settings.uses_tls();
    let address = settings.address();
    let limit = settings.connect_timeout();
    let connected = tokio::time::timeout(limit, async {
        let mut connection = options.connect().await?;
        let target = set_up(&mut connection, timeout_s).await?;
        Ok((connection, target))
    });
    match connected.await {
        Ok(Ok((connection, target))) => Ok(Session { connection, kill: Kill::new(target, options, limit) }),
        Ok(Err(error)) => Err(failure(error, Phase::Connect { address: &address, tls })),
        Err(_) => Err(Error::new(&UNREACHABLE, format!("{address} did not answer within {} s", limit.as_secs()))),
    }
}

async fn options(settings: &MySqlSettings, account: &Account) -> Result<MySqlConnectOptions> {
    // What the operator tries in the stock client must run here too: the driver's own SQL modes stay off.
    let mut options = MySqlConnectOptions::new()
        .host(&settings.host)
        .port(settings.port)
        .username(&account.user)
        .database(&settings.database)
        .charset("utf8mb4")
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(Some("+00:00".to_owned()))
        .disable_statement_logging();
    if let Some(password) = &account.password {
        options = options.password(password.expose_text()?);
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
        let unusable = |why: String| Error::new(&TLS, format!("`tls.ca_file` {}: {why}", file.display()));
        let pem = tokio::fs::read(file).await.map_err(|error| unusable(error.to_string()))?;
        // The driver takes a file without certificates for one that adds none.
        if !pem.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE) {
            return Err(unusable("there is no PEM certificate in it".to_owned()));
        }
        options = options.ssl_ca_from_pem(pem);
    }
    Ok(options)
}

/// Returns what the connection is on the server.
async fn set_up(connection: &mut MySqlConnection, timeout_s: u64) -> Result<Target, sqlx::Error> {
    let asked = format!("{WHICH_SERVER}, CONNECTION_ID(), VERSION(), @@SESSION.sql_mode");
    let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(asked))).await?;
    let target = Target { server: row.try_get_unchecked(0)?, id: row.try_get_unchecked(1)? };
    let version: String = row.try_get_unchecked(2)?;
    let modes: String = row.try_get_unchecked(3)?;
    connection.execute(sqlx::raw_sql(AssertSqlSafe(settings_of(&version, &modes, timeout_s)))).await?;
    Ok(target)
}

/// The statements that set a session up, on a server of this version with these SQL modes.
fn settings_of(version: &str, modes: &str, timeout_s: u64) -> String {
    let modes: Vec<&str> = modes.split(',').filter(|mode| !READING_MODES.contains(mode)).collect();
    // MariaDB counts seconds and covers every statement, MySQL milliseconds and covers SELECT.
    let limit = if version.contains("MariaDB") {
        format!("max_statement_time = {}, {WHOLE_IN_MARIADB}", timeout_s.min(31_536_000))
    } else {
        format!("max_execution_time = {}", timeout_s.saturating_mul(1000).min(u64::from(u32::MAX)))
    };
    // A consumer that is slow to take rows must not make the server give up before the statement's own limit; and an
    // ALTER TABLE that runs or waits must not hold us up for the server's default of a day.
    let patience = timeout_s.clamp(60, 31_536_000);
    format!(
        "SET SESSION {limit}, {WHOLE}, net_write_timeout = {patience}, lock_wait_timeout = {patience}, sql_mode = '{}';\
         SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        modes.join(",")
    )
}

/// How much later than the server we give up ourselves, for a server that does not answer any more.
pub(super) const GRACE: Duration = Duration::from_secs(15);

/// Bounds what the server's own limit bounds, should the server or the network be gone without a word: TCP itself does not
/// notice while nothing is sent (RFC 9293, section 3.8.4), and the driver asks for no keep-alive.
///
/// # Errors
/// `SP-SOURCE-004` then. A server that is there says by itself, before, that the limit is over.
pub(super) async fn within<T>(timeout_s: u64, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(Duration::from_secs(timeout_s).saturating_add(GRACE), work).await {
        Ok(done) => done,
        Err(_) => {
            let grace = GRACE.as_secs();
            let detail = format!("the server said nothing within its limit of {timeout_s} s, nor {grace} s later");
            Err(Error::new(&BROKEN, detail))
        }
    }
}

/// Takes the snapshot that all rows come from.
pub(super) async fn begin(session: &mut Session) -> Result<()> {
    let begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
    let begun = session.connection.execute(sqlx::raw_sql(begin)).await;
    begun.map(drop).map_err(|error| failure(error, Phase::Run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_makes_a_result_shorter_and_quotes_mean_the_same_on_each() {
        for (version, limit) in [
            ("10.11.19-MariaDB-0+deb12u1", "max_statement_time = 600, max_recursive_iterations = 4294967295, "),
            ("8.4.3", "max_execution_time = 600000, "),
        ] {
            let set = settings_of(version, "ANSI_QUOTES,STRICT_ALL_TABLES,ANSI", 600);
            for part in [
                limit,
                "sql_select_limit = 18446744073709551615, ",
                "group_concat_max_len = 1073741823, ",
                "max_error_count = 65535, ",
                "sql_mode = 'STRICT_ALL_TABLES'",
            ] {
                assert!(set.contains(part), "{version}: {part} in {set}");
            }
        }
    }
}
