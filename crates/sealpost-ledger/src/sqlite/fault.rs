//! What SQLite's failures mean here. Result codes: <https://www.sqlite.org/rescode.html>.

use sealpost_core::Error;
use sealpost_core::error::codes;
use sealpost_core::id::PartnerId;

const BUSY: i32 = 5;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const NOT_A_DATABASE: i32 = 26;
/// The shared-memory file beside the log could not grow: how a full disk shows itself before the log is written.
const IO_SHARED_MEMORY_SIZE: i32 = 4874;
const FOREIGN_KEY: i32 = 787;

/// A failed write.
pub(super) fn write(error: rusqlite::Error) -> Error {
    convert(error, "write")
}

/// A failed read.
pub(super) fn read(error: rusqlite::Error) -> Error {
    convert(error, "read")
}

/// Whether another connection holds the file.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    extended(error).is_some_and(|code| code & 0xff == BUSY)
}

/// A failed write of something that is a partner's own. Without the foreign key, it could outlive its partner and wake up
/// with the next one of its name.
pub(super) fn owned(error: rusqlite::Error, partner: &PartnerId) -> Error {
    if extended(&error) == Some(FOREIGN_KEY) { no_partner(partner) } else { write(error) }
}

/// The error for a partner that isn't there.
pub(super) fn no_partner(partner: &PartnerId) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("there is no partner {partner}"))
}

fn extended(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

fn convert(error: rusqlite::Error, verb: &str) -> Error {
    // SQLite's messages name tables and columns, never values.
    let message = error.to_string();
    let code = match (&error, extended(&error)) {
        (_, Some(IO_SHARED_MEMORY_SIZE)) => &codes::ledger::FULL,
        (_, Some(code)) if code & 0xff == FULL => &codes::ledger::FULL,
        (_, Some(code)) if matches!(code & 0xff, CORRUPT | NOT_A_DATABASE) => &codes::ledger::CORRUPT,
        (
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..),
            _,
        ) => &codes::ledger::CORRUPT,
        _ => &codes::ledger::UNREACHABLE,
    };
    Error::new(code, format!("{verb}: {message}")).caused_by(error)
}
