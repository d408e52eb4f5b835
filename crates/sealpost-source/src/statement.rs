//! A report's SQL: checked to be one read-only query, its `:names` turned into placeholders in order.
//!
//! Values never touch the text. What is sent to the server is made of the file's text and of fixed words only.

mod bind;
mod grammar;
mod lexer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use sealpost_core::error::codes::source::{NO_SCOPE, UNKNOWN_PARAMETER};
use sealpost_core::param::Parameter;
use sealpost_core::report::SCOPE_PARAMETER;
use sealpost_core::{Error, Result};

pub(crate) use bind::utc_text;
pub(crate) use lexer::Dialect;
use lexer::{Fault, Kind, Token};

/// A checked query.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    sql: &'a str,
    dialect: Dialect,
    /// Where each `:name` stands.
    uses: Vec<Use<'a>>,
    /// Where the text ends, without closing `;`.
    end: usize,
}

#[derive(Debug)]
struct Use<'a> {
    name: &'a str,
    at: usize,
    /// Whether `IS NULL` or `IS NOT NULL` follows.
    asks_null: bool,
}

impl<'a> Statement<'a> {
    /// Reads a report's SQL and checks it against its parameters.
    ///
    /// # Errors
    /// `SP-SOURCE-007` to `-010`, with line and column.
    pub(crate) fn parse(sql: &'a str, declared: &BTreeMap<String, Parameter>, dialect: Dialect) -> Result<Self> {
        let place = |fault: Fault| Error::new(fault.code, format!("{}: {}", Place::of(sql, fault.at), fault.detail));
        let tokens = lexer::tokens(sql, dialect).map_err(place)?;
        grammar::check(&tokens).map_err(place)?;
        let uses = tokens
            .iter()
            .enumerate()
            .filter_map(|(index, token)| match token.kind {
                Kind::Parameter(name) => {
                    Some(Use { name, at: token.at, asks_null: is_null_test(&tokens[index + 1..]) })
                }
                _ => None,
            })
            .collect();
        let end = tokens.iter().find(|token| token.is_symbol(';')).map_or(sql.len(), |token| token.at);
        let this = Self { sql, dialect, uses, end };
        this.check_parameters(declared)?;
        Ok(this)
    }

    fn check_parameters(&self, declared: &BTreeMap<String, Parameter>) -> Result<()> {
        if declared.contains_key(SCOPE_PARAMETER) {
            let detail = format!("`{SCOPE_PARAMETER}` is bound by Sealpost and must not be declared as a parameter");
            return Err(Error::new(&UNKNOWN_PARAMETER, detail));
        }
        for used in &self.uses {
            if used.name != SCOPE_PARAMETER && !declared.contains_key(used.name) {
                let detail = format!("{}: `:{}` is not a declared parameter", self.place(used.at), used.name);
                return Err(Error::new(&UNKNOWN_PARAMETER, detail));
            }
        }
        if !self.uses.iter().any(|used| used.name == SCOPE_PARAMETER) {
            let detail = format!("{}: `:{SCOPE_PARAMETER}` does not occur in the query", self.place(0));
            return Err(Error::new(&NO_SCOPE, detail));
        }
        match declared.keys().find(|name| !self.uses.iter().any(|used| used.name == **name)) {
            Some(name) => {
                let detail =
                    format!("{}: the parameter `{name}` is declared but `:{name}` does not occur", self.place(0));
                Err(Error::new(&UNKNOWN_PARAMETER, detail))
            }
            None => Ok(()),
        }
    }

    /// Line and column of a byte of the text.
    pub(crate) fn place(&self, at: usize) -> Place {
        Place::of(self.sql, at)
    }

    /// Where a word or quoted name occurs outside strings and comments, for errors of databases that tell no line:
    /// `line 3, column 8`, or several of them.
    pub(crate) fn find(&self, name: &str) -> Option<String> {
        let tokens = lexer::tokens(self.sql, self.dialect).unwrap_or_default();
        let quoted = |at: usize| {
            let inside = self.sql.get(at + 1..at + 1 + name.len());
            inside.is_some_and(|text| text.eq_ignore_ascii_case(name))
        };
        let found = tokens.iter().filter(|token| token.is(name) || token.kind == Kind::Quoted && quoted(token.at));
        let places: Vec<String> = found.take(3).map(|token| self.place(token.at).to_string()).collect();
        (!places.is_empty()).then(|| places.join(" or "))
    }
}

/// Whether these tokens begin with `IS NULL` or `IS NOT NULL`.
fn is_null_test(tokens: &[Token<'_>]) -> bool {
    let word = |index: usize, word: &str| tokens.get(index).is_some_and(|token| token.is(word));
    word(0, "IS") && (word(1, "NULL") || word(1, "NOT") && word(2, "NULL"))
}

/// A place in the SQL file, from 1. Columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn of(sql: &str, at: usize) -> Self {
        let before = &sql[..sql.floor_char_boundary(at)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}
