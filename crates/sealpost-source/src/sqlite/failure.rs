//! The driver's errors to ours. Codes: <https://sqlite.org/rescode.html>.

use sealpost_core::Error;
use sealpost_core::error::Code;
use sealpost_core::error::codes::source::{
    BROKEN, BUSY, DOES_NOT_PREPARE, LOGIN, QUERY, STATEMENT_TIMEOUT, UNREACHABLE,
};

use crate::statement::Statement;

/// What was under way.
#[derive(Clone, Copy)]
pub(super) enum Phase<'a> {
    /// Opening the file.
    Connect {
        /// The file.
        path: &'a str,
    },
    /// Preparing this statement.
    Prepare(&'a Statement<'a>),
    /// Running the query and reading rows.
    Run,
}

/// The error of the port. SQLite's message is repeated only while no row has been read.
pub(super) fn failure(error: sqlx::Error, phase: Phase<'_>) -> Error {
    let Some(refused) = error.as_database_error() else {
        return match phase {
            Phase::Connect { path } => Error::new(&UNREACHABLE, format!("{path}: {error}")).caused_by(error),
            Phase::Prepare(_) | Phase::Run => Error::new(&BROKEN, "SQLite's thread has stopped"),
        };
    };
    // The lower byte is the primary code.
    let number = refused.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(1) & 0xff;
    let known = known(number);
    match phase {
        Phase::Connect { path } => Error::new(known.unwrap_or(&UNREACHABLE), format!("{path}: {}", refused.message())),
        Phase::Prepare(statement) => match known {
            Some(code) => Error::new(code, format!("SQLite's error {number}")),
            None => {
                // `near "FORM": syntax error`, `no such column: c.nmae`
                let message = refused.message();
                let name = message.split('"').nth(1).or_else(|| message.rsplit(": ").next());
                let place = name.and_then(|name| statement.find(name.rsplit('.').next()?));
                let place = place.unwrap_or_else(|| statement.place(0).to_string());
                Error::new(&DOES_NOT_PREPARE, format!("{place}: {message}"))
            }
        },
        Phase::Run => Error::new(known.unwrap_or(&QUERY), format!("SQLite's error {number}{}", hint(number))),
    }
}

fn known(number: i32) -> Option<&'static Code> {
    Some(match number {
        3 | 23 => &LOGIN,
        5 | 6 => &BUSY,
        // Interrupted: by the progress handler, and while someone listens only because of the time limit.
        9 => &STATEMENT_TIMEOUT,
        10 => &BROKEN,
        14 | 26 => &UNREACHABLE,
        _ => return None,
    })
}

fn hint(number: i32) -> &'static str {
    match number {
        8 => ": the query writes, and the database is open for reading only",
        11 => ": the database file is damaged",
        18 => ": a value is too large",
        _ => "",
    }
}
