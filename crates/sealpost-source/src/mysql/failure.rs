//! The driver's errors to ours.
//!
//! Numbers: <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html> and
//! <https://mariadb.com/kb/en/mariadb-error-code-reference/>. A server's message is repeated only while no row has been
//! read: later it may quote values.

use std::io;

use sealpost_core::Error;
use sealpost_core::error::Code;
use sealpost_core::error::codes::source::{
    BROKEN, BUSY, CANCELLED, COLUMNS, DOES_NOT_PREPARE, LOGIN, QUERY, STATEMENT_TIMEOUT, TLS, UNREACHABLE,
};
use sqlx::mysql::MySqlDatabaseError;

use crate::statement::Statement;

/// What was under way.
#[derive(Clone, Copy)]
pub(super) enum Phase<'a> {
    /// Connecting, TLS, login, session settings.
    Connect {
        /// The server.
        address: &'a str,
        /// Whether TLS was wanted.
        tls: bool,
    },
    /// Preparing this statement.
    Prepare(&'a Statement<'a>),
    /// Running the query and reading rows.
    Run,
}

/// The server's error number, where the server said something.
pub(super) fn number(error: &sqlx::Error) -> Option<u16> {
    Some(error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?.number())
}

/// The error of the port.
pub(super) fn failure(error: sqlx::Error, phase: Phase<'_>) -> Error {
    if let Some(refused) = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>()) {
        return refusal(refused, phase);
    }
    match phase {
        Phase::Connect { address, tls } => {
            let about_tls = match &error {
                sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => true,
                sqlx::Error::Io(error) => tls && error.kind() == io::ErrorKind::InvalidData,
                _ => false,
            };
            Error::new(if about_tls { &TLS } else { &UNREACHABLE }, format!("{address}: {error}")).caused_by(error)
        }
        Phase::Prepare(_) | Phase::Run => match error {
            // The driver's texts for these two name no value.
            sqlx::Error::Io(cause) => Error::new(&BROKEN, cause.to_string()).caused_by(cause),
            sqlx::Error::Protocol(cause) if cause.starts_with(UNKNOWN_TYPE) => {
                Error::new(&COLUMNS, unknown_type(&cause))
            }
            sqlx::Error::Protocol(cause) => Error::new(&BROKEN, cause),
            other => Error::new(&QUERY, format!("the driver failed: {}", kind_of(&other))),
        },
    }
}

/// How the driver says that a column is of a type which it does not know. The connection is as good as before, and the next one would
/// hear the same.
const UNKNOWN_TYPE: &str = "unknown column type";

/// Without the place in the driver's source that follows in brackets.
fn unknown_type(cause: &str) -> String {
    let what = cause.split_once(" (").map_or(cause, |(what, _)| what);
    format!("{what}: leave that column out, or cast it to another type")
}

fn kind_of(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Encode(_) => "a parameter can't be encoded",
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => "a value can't be decoded",
        _ => "an unexpected state",
    }
}

fn refusal(refused: &MySqlDatabaseError, phase: Phase<'_>) -> Error {
    let (number, said) = (refused.number(), refused.message());
    let known = known(number, said);
    match phase {
        Phase::Connect { address, .. } => {
            Error::new(known.unwrap_or(&UNREACHABLE), format!("{address}: error {number}: {said}"))
        }
        Phase::Prepare(statement) => match known {
            Some(code) if code.id != LOGIN.id => Error::new(code, format!("error {number}{}", hint(number, said))),
            _ => Error::new(&DOES_NOT_PREPARE, located(said, number, statement)),
        },
        Phase::Run => {
            let state = refused.code().unwrap_or("HY000");
            Error::new(known.unwrap_or(&QUERY), format!("error {number} ({state}){}", hint(number, said)))
        }
    }
}

fn known(number: u16, said: &str) -> Option<&'static Code> {
    Some(match number {
        // Access denied: for the user, to the database, without password, account locked; no such database; wrong
        // authentication method.
        1044 | 1045 | 1049 | 1251 | 1275 | 1698 | 3118 | 3955 | 4151 => &LOGIN,
        // Too many connections: of all, of this account, per hour; locks; no prepared statement is left
        // (`max_prepared_stmt_count`); a table was truncated or built anew after our snapshot ("please retry transaction");
        // definitions of tables changed, or fell out of their cache, faster than the statement was prepared again.
        1040 | 1203 | 1226 | 1205 | 1213 | 1461 | 1412 | 1615 => &BUSY,
        _ if lacks_room(number, said) => &BUSY,
        _ if is_no_member(number, said) => &UNREACHABLE,
        // The statement's time limit: MariaDB, MySQL.
        1969 | 3024 => &STATEMENT_TIMEOUT,
        1317 => &CANCELLED,
        // The server shuts down or drops the connection, or its side of the network failed.
        1053 | 1077 | 1079 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 4031 => &BROKEN,
        _ => return None,
    })
}

/// Whether there is no room for what the server writes beside a query: sorted rows, temporary tables. Nothing else is written for
/// one that only reads. It comes back with the end of other queries, or when someone makes room.
fn lacks_room(number: u16, said: &str) -> bool {
    match number {
        // The disk is full: of the server's file functions, and its own. A table is full: `tmp_disk_table_size` and the like.
        20 | 1021 | 1114 => true,
        // A file can't be written, an engine failed: because of ENOSPC, whose text stands behind its number in every language.
        3 | 1026 | 1030 => said.contains("No space left on device"),
        _ => false,
    }
}

/// Whether a node of a Galera cluster says that it is not part of it now, or still catches up. Elsewhere the number means
/// that a command is not known.
fn is_no_member(number: u16, said: &str) -> bool {
    number == 1047 && said.starts_with("WSREP")
}

/// Names for what may go wrong while rows are computed, in place of the server's message.
fn hint(number: u16, said: &str) -> &'static str {
    match number {
        1142 | 1143 => ": the account may not read a table or column",
        1146 => ": a table does not exist",
        1242 => ": a subquery returns more than one row",
        1264 | 1690 => ": a number is out of range",
        1292 | 1366 | 1525 => ": a value can't be converted",
        1365 => ": division by zero",
        1615 => ": tables are changed all the time, or `table_definition_cache` is too small",
        1792 => ": the query writes, and the transaction is read-only",
        _ if lacks_room(number, said) => ": there is no room for temporary tables or files",
        _ if is_no_member(number, said) => ": the node is not part of its cluster now",
        _ => "",
    }
}

/// The message with line and column first. The server counts lines as we do, since placeholders have no line breaks.
fn located(message: &str, number: u16, statement: &Statement<'_>) -> String {
    if let Some((before, line)) = message.rsplit_once(" at line ")
        && let Ok(line) = line.trim().parse::<usize>()
    {
        return format!("line {line}: error {number}: {before}");
    }
    // `Unknown column 'c.nmae' in 'SELECT'`, `SELECT command denied … for table `shop`.`orders``: what is quoted and
    // stands in the query; a column's error names it first, a table's last.
    let mut names: Vec<&str> = message.split(['\'', '`']).skip(1).step_by(2).collect();
    if number != UNKNOWN_COLUMN {
        names.reverse();
    }
    let place = names.iter().find_map(|name| statement.find(name.rsplit('.').next().unwrap_or_default()));
    format!("{}: error {number}: {message}", place.unwrap_or_else(|| statement.place(0).to_string()))
}

/// `ER_BAD_FIELD_ERROR`.
const UNKNOWN_COLUMN: u16 = 1054;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::statement::Dialect;

    #[test]
    fn a_type_that_the_driver_does_not_know_is_no_broken_connection() {
        let statement = Statement::parse("SELECT v FROM t WHERE p = :partner_scope", &BTreeMap::new(), Dialect::MySql);
        let statement = statement.unwrap();
        for phase in [Phase::Prepare(&statement), Phase::Run] {
            let said = |text: &str| failure(sqlx::Error::Protocol(text.to_owned()), phase);
            for text in
                ["unknown column type 0xf2", "unknown column type 0xf2 (sqlx_mysql::protocol::text::column:262)"]
            {
                let error = said(text);
                assert!(error.is(&COLUMNS) && !error.is_retried(), "{error}");
                assert_eq!(
                    error.detail(),
                    "unknown column type 0xf2: leave that column out, or cast it to another type"
                );
            }
            let broken = said("expected OK_Packet or EOF_Packet but found 0x03");
            assert!(broken.is(&BROKEN) && broken.is_retried(), "{broken}");
        }
    }

    #[test]
    fn a_full_disk_and_a_node_outside_its_cluster_pass_by_themselves() {
        let code = |number, said: &str| known(number, said).map(|code| code.id);
        for (number, said) in [
            (3, "Error writing file '/tmp/#sql/fd=51' (Errcode: 28 \"No space left on device\")"),
            (3, "Error writing file '/tmp/MYfd=41' (OS errno 28 - No space left on device)"),
            (20, "Disk got full writing '.(temporary)' (Errcode: 28 \"No space left on device\")"),
            (1021, "Disk full (/tmp/#sql-temptable-1-2-3.MAD); waiting for someone to free some space..."),
            (1026, "Error writing file '/tmp/x' (errno: 28 \"No space left on device\")"),
            (1030, "Got error 28 \"No space left on device\" from storage engine Aria"),
            (1030, "Fehler 28 - 'No space left on device' (Speicher-Engine)"),
            (1114, "The table '(temporary)' is full"),
            (1615, "Prepared statement needs to be re-prepared"),
        ] {
            assert_eq!(code(number, said), Some(BUSY.id), "{number}: {said}");
        }
        let not_ready = "WSREP has not yet prepared node for application use";
        assert_eq!(code(1047, not_ready), Some(UNREACHABLE.id));
        // The same numbers for what stays as it is.
        for (number, said) in [
            (3, "Error writing file '/tmp/fd=28' (Errcode: 5 \"Input/output error\")"),
            (1030, "Got error 127 \"Unknown error 127\" from storage engine MyISAM"),
            (1047, "Unknown command"),
        ] {
            assert_eq!(code(number, said), None, "{number}: {said}");
        }
    }
}
