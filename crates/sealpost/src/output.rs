//! What commands print: text for people, or JSON for scripts. Errors go to standard error.

use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use sealpost_core::error::{Error, Kind, Result, codes};
use serde::Serialize;

/// How a command prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON document on one line.
    Json,
}

impl Output {
    /// JSON where `--json` was given.
    pub(crate) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Prints a result: its JSON, or the text.
    pub(crate) fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) {
        match self {
            Self::Text => line(&text(value)),
            Self::Json => line(&serde_json::to_string(value).unwrap_or_default()),
        }
    }
}

/// The first failure to print.
static UNPRINTED: OnceLock<Error> = OnceLock::new();

/// Prints a line. What can't be printed is remembered for [`printed`]: the command has done its work by then.
pub(crate) fn line(text: &str) {
    if let Err(error) = write_line(&mut std::io::stdout().lock(), text) {
        // Only the first one is of interest.
        drop(UNPRINTED.set(error));
    }
}

/// Whether everything was printed: a key that is shown once is lost on a full disk, which must not look like success.
///
/// # Errors
/// `SP-CONFIG-007`.
pub(crate) fn printed() -> Result<()> {
    UNPRINTED.get().map_or(Ok(()), |error| Err(error.clone()))
}

/// A closed pipe (`| head`) is no error of ours.
fn write_line(out: &mut impl Write, text: &str) -> Result<()> {
    match writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(&codes::config::OUTPUT, format!("standard output: {error}")).caused_by(error))
        }
        _ => Ok(()),
    }
}

/// Prints a line for people while a command runs, beside its result.
pub(crate) fn note(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Prints an error: what happened, to what, and what to do.
pub(crate) fn report(error: &Error, output: Output) {
    if output == Output::Json {
        let failure = sealpost_core::error::Failure::from(error);
        let value = serde_json::json!({ "error": failure, "errors": error.fields() });
        note(&value.to_string());
        return;
    }
    note(&format!("error {}: {}", error.code().id, error.code().title));
    note(&format!("  what  {}", error.detail()));
    for field in error.fields() {
        let place = if field.pointer.is_empty() { String::new() } else { format!("{}: ", field.pointer) };
        note(&format!("     -  {place}{}", field.detail.replace('\n', "\n        ")));
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        note(&format!("  why   {inner}"));
        cause = inner.source();
    }
    note(&format!("  do    {}", error.code().advice));
}

/// The exit code of an error: the one mapping of kinds to this wire.
pub(crate) fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        Kind::InvalidRequest | Kind::Config => 2,
        Kind::NotFound => 3,
        Kind::Unauthorized | Kind::Forbidden => 4,
        Kind::Conflict => 5,
        Kind::Throttled | Kind::Unavailable | Kind::Timeout => 6,
        Kind::Rejected | Kind::Integrity => 7,
        Kind::Internal => 70,
    }
}

/// Columns of text, each as wide as its widest cell.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let render = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![render(head.to_vec())];
    lines.extend(rows.iter().map(|row| render(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_closed_pipe_may_swallow_a_result() {
        assert!(write_line(&mut Failing(ErrorKind::BrokenPipe), "text").is_ok());
        let error = write_line(&mut Failing(ErrorKind::StorageFull), "text").expect_err("a full disk");
        assert_eq!((error.code().id, exit_code(&error)), ("SP-CONFIG-007", 6));
        let mut written = Vec::new();
        write_line(&mut written, "text\n\n").expect("room");
        assert_eq!(written, b"text\n");
    }
}
