//! Exactly one query that only reads.

use sealpost_core::error::codes::source::NOT_READ_ONLY;

use super::lexer::{Fault, Kind, Token};

/// Refuses everything but one SELECT or WITH … SELECT, and within it what locks or writes.
///
/// A second fence stands behind it: the session's transaction is read-only.
pub(crate) fn check(tokens: &[Token<'_>]) -> Result<(), Fault> {
    one_statement(tokens)?;
    let first = tokens.iter().find(|token| !token.is_symbol('('));
    match first {
        Some(token) if token.is("SELECT") => {}
        Some(token) if token.is("WITH") => main_verb(tokens)?,
        Some(token) => return Err(refuse(*token, "expected SELECT or WITH … SELECT")),
        None => return Err(Fault::new(&NOT_READ_ONLY, 0, "there is no statement")),
    }
    for (index, token) in tokens.iter().enumerate() {
        let next = |word: &str| tokens.get(index + 1).is_some_and(|token| token.is(word));
        if token.is("INTO") {
            return Err(refuse(*token, "INTO writes the result elsewhere"));
        }
        if token.is("FOR") && (next("UPDATE") || next("SHARE")) || token.is("LOCK") && next("IN") {
            return Err(refuse(*token, "a report must not lock rows"));
        }
        if token.is("PROCEDURE") || token.is("NEXT") && next("VALUE") {
            return Err(refuse(*token, "only a plain query is possible"));
        }
        let called = tokens.get(index + 1).is_some_and(|token| token.is_symbol('('));
        if called && (token.is("NEXTVAL") || token.is("SETVAL")) {
            return Err(refuse(*token, "a sequence is changed by reading it"));
        }
    }
    Ok(())
}

fn refuse(token: Token<'_>, detail: &str) -> Fault {
    Fault::new(&NOT_READ_ONLY, token.at, detail)
}

/// Nothing may follow the `;`, and nothing is left open that the statement could be continued with.
fn one_statement(tokens: &[Token<'_>]) -> Result<(), Fault> {
    if let Some(end) = tokens.iter().position(|token| token.is_symbol(';'))
        && let Some(second) = tokens[end..].iter().find(|token| !token.is_symbol(';'))
    {
        return Err(refuse(*second, "a second statement"));
    }
    let mut depth = 0i32;
    for token in tokens {
        depth += match token.kind {
            Kind::Symbol('(') => 1,
            Kind::Symbol(')') => -1,
            _ => 0,
        };
        if depth < 0 {
            return Err(refuse(*token, "a `)` that closes nothing"));
        }
    }
    if depth > 0 { Err(Fault::new(&NOT_READ_ONLY, 0, "a `(` that is not closed")) } else { Ok(()) }
}

/// Walks over the common table expressions: what follows the last one decides what the statement does.
fn main_verb(tokens: &[Token<'_>]) -> Result<(), Fault> {
    let mut rest = tokens.iter().skip_while(|token| token.is_symbol('(')).skip(1).peekable();
    let mut depth = 0;
    let mut after_body = false;
    let end = tokens.last().map_or(0, |token| token.at);
    while let Some(token) = rest.next() {
        match token.kind {
            Kind::Symbol('(') if depth == 0 && after_body => return Ok(()),
            Kind::Symbol('(') => depth += 1,
            Kind::Symbol(')') => {
                depth -= 1;
                // `name (columns) AS (body)`: only the body is followed by a comma or the verb.
                after_body = depth == 0 && !rest.peek().is_some_and(|token| token.is("AS"));
            }
            Kind::Symbol(',') if depth == 0 => after_body = false,
            _ if depth == 0 && after_body => {
                // MariaDB: `CYCLE column, … RESTRICT` belongs to the body before it.
                if token.is("CYCLE") {
                    while rest.next_if(|token| !token.is("RESTRICT")).is_some() {}
                    rest.next();
                } else if token.is("SELECT") {
                    return Ok(());
                } else {
                    return Err(refuse(*token, "expected SELECT after WITH …"));
                }
            }
            _ => {}
        }
    }
    Err(Fault::new(&NOT_READ_ONLY, end, "expected SELECT after WITH …"))
}
