//! Environment variables behind one method, so that no test sets a real one.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Reads environment variables.
pub trait Environment: Send + Sync {
    /// The variable's value; `None` when it is not set.
    fn variable(&self, name: &str) -> Option<OsString>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        // `var_os` of a name with `=` or NUL may panic on some platforms; no variable has such a name.
        if name.contains(['=', '\0']) { None } else { std::env::var_os(name) }
    }
}

/// An environment of its own, for tests and for callers that have collected the variables.
impl Environment for BTreeMap<String, OsString> {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.get(name).cloned()
    }
}
