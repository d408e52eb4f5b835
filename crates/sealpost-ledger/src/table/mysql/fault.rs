//! What the server's and the driver's failures mean here.
//!
//! Numbers: <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>,
//! <https://mariadb.com/kb/en/mariadb-error-code-reference/>.

use sealpost_core::Error;
use sealpost_core::error::codes;
use sqlx::mysql::MySqlDatabaseError;

/// A failed write.
pub(super) fn write(error: sqlx::Error) -> Error {
    convert(error, "write")
}

/// A failed read.
pub(super) fn read(error: sqlx::Error) -> Error {
    convert(error, "read")
}

/// The server's error number, where the server said something.
fn number(error: &sqlx::Error) -> Option<u16> {
    Some(error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?.number())
}

/// Whether another writer was in the way: a key that was made meanwhile, a lock that took too long, a deadlock, a row
/// that has changed (MariaDB).
pub(super) fn is_conflict(error: &sqlx::Error) -> bool {
    matches!(number(error), Some(1062 | 1205 | 1213 | 1020))
}

/// Whether there is no such table.
pub(super) fn is_no_table(error: &sqlx::Error) -> bool {
    number(error) == Some(1146)
}

/// Whether the account, its password or its way to prove it was refused.
pub(super) fn is_login(error: &sqlx::Error) -> bool {
    matches!(number(error), Some(1044 | 1045 | 1049 | 1251 | 1275 | 1698 | 3118 | 3955 | 4151))
}

fn convert(error: sqlx::Error, verb: &str) -> Error {
    let code = match (number(&error), &error) {
        // The disk, or the table's space, is full.
        (Some(1021 | 1114), _) => &codes::ledger::FULL,
        // A right is missing: 1142, 1143 for a table, 1227 for anything.
        (Some(1142 | 1143 | 1227), _) => &codes::ledger::LOGIN,
        (Some(1153 | 1406), _) => &codes::ledger::TOO_LARGE,
        (_, _) if is_login(&error) => &codes::ledger::LOGIN,
        (_, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => &codes::ledger::CORRUPT,
        _ => &codes::ledger::UNREACHABLE,
    };
    // A duplicate's message has its key in it; the other messages name tables and columns.
    let message = match (number(&error), error.as_database_error()) {
        (Some(number), Some(refused)) if number != 1062 => format!("error {number}: {}", refused.message()),
        (Some(number), _) => format!("error {number}"),
        _ => error.to_string(),
    };
    Error::new(code, format!("{verb}: {message}")).caused_by(error)
}
