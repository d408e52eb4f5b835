//! SQL text to tokens: just enough to know what stands outside strings, quoted names and comments.
//!
//! MySQL: <https://dev.mysql.com/doc/refman/8.0/en/language-structure.html>;
//! SQLite: `sqlite3GetToken` in <https://sqlite.org/src/file/src/tokenize.c>.

use sealpost_core::error::Code;
use sealpost_core::error::codes::source::{DOES_NOT_PREPARE, NOT_READ_ONLY};

/// Whose quoting rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// MySQL and MariaDB, without the modes `ANSI_QUOTES` and `NO_BACKSLASH_ESCAPES` (a session switches them off).
    MySql,
    /// SQLite.
    Sqlite,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// A keyword, name or number.
    Word(&'a str),
    /// A string or a quoted name.
    Quoted,
    /// `:name`, without the colon.
    Parameter(&'a str),
    /// Any other character.
    Symbol(char),
}

/// A token with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: Kind<'a>,
    /// Where it starts, in bytes.
    pub(crate) at: usize,
}

impl Token<'_> {
    /// Whether it is this word; the case does not matter.
    pub(crate) fn is(self, word: &str) -> bool {
        matches!(self.kind, Kind::Word(text) if text.eq_ignore_ascii_case(word))
    }

    /// Whether it is this character.
    pub(crate) fn is_symbol(self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }
}

/// What is wrong with the text, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Which error it is.
    pub(crate) code: &'static Code,
    /// Where, in bytes.
    pub(crate) at: usize,
    /// In words.
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(code: &'static Code, at: usize, detail: impl Into<String>) -> Self {
        Self { code, at, detail: detail.into() }
    }
}

/// Splits SQL into tokens, without its comments.
pub(crate) fn tokens(sql: &str, dialect: Dialect) -> Result<Vec<Token<'_>>, Fault> {
    let mut lexer = Lexer { sql, bytes: sql.as_bytes(), at: 0, dialect };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
}

impl<'a> Lexer<'a> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Result<Option<Token<'a>>, Fault> {
        self.skip_blanks()?;
        let at = self.at;
        let Some(symbol) = self.sql[at..].chars().next() else { return Ok(None) };
        let kind = match symbol {
            '\'' | '"' | '`' => self.quoted(symbol as u8)?,
            '[' if self.dialect == Dialect::Sqlite => self.quoted(b']')?,
            ':' if is_name_start(self.peek(1)) => {
                self.at += 1;
                Kind::Parameter(self.name())
            }
            // `::` and `:=` are operators; the name after `::` is no parameter.
            ':' if matches!(self.peek(1), b':' | b'=') => {
                self.at += 2;
                Kind::Symbol(':')
            }
            '?' => {
                return Err(Fault::new(&DOES_NOT_PREPARE, at, "`?` stands for no parameter here; write `:name`"));
            }
            '$' | '@' if self.dialect == Dialect::Sqlite => {
                return Err(Fault::new(&DOES_NOT_PREPARE, at, "parameters are written `:name`"));
            }
            '\0' => return Err(Fault::new(&DOES_NOT_PREPARE, at, "a NUL character")),
            _ if is_word(self.bytes[at]) => Kind::Word(self.name()),
            other => {
                self.at += other.len_utf8();
                Kind::Symbol(other)
            }
        };
        Ok(Some(Token { kind, at }))
    }

    fn name(&mut self) -> &'a str {
        let start = self.at;
        while is_word(self.peek(0)) {
            self.at += 1;
        }
        &self.sql[start..self.at]
    }

    /// Reads to the closing quote. A doubled quote is one inside; so is, in MySQL's strings, one after a backslash.
    fn quoted(&mut self, close: u8) -> Result<Kind<'a>, Fault> {
        let start = self.at;
        let escapes = self.dialect == Dialect::MySql && close != b'`';
        self.at += 1;
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\\' if escapes => self.at += 2,
                byte if byte == close && self.peek(1) == close && close != b']' => self.at += 2,
                byte if byte == close => {
                    self.at += 1;
                    return Ok(Kind::Quoted);
                }
                _ => self.at += 1,
            }
        }
        Err(Fault::new(&DOES_NOT_PREPARE, start, "a quote that is not closed"))
    }

    fn skip_blanks(&mut self) -> Result<(), Fault> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => self.at += 1,
                (b'#', _) if self.dialect == Dialect::MySql => self.skip_line(),
                // MySQL wants a blank or a control character behind the two dashes: `1--1` is 2.
                (b'-', b'-') if self.dialect == Dialect::Sqlite || self.peek(2) <= b' ' => self.skip_line(),
                (b'/', b'*') => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        self.at =
            self.bytes[self.at..].iter().position(|byte| *byte == b'\n').map_or(self.bytes.len(), |n| self.at + n);
    }

    fn skip_comment(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.dialect == Dialect::MySql && (self.peek(2) == b'!' || (self.peek(2) == b'M' && self.peek(3) == b'!')) {
            return Err(Fault::new(&NOT_READ_ONLY, start, "an executable comment (`/*! … */`)"));
        }
        match self.sql[start + 2..].find("*/") {
            Some(length) => {
                self.at = start + 2 + length + 2;
                Ok(())
            }
            None => Err(Fault::new(&DOES_NOT_PREPARE, start, "a comment that is not closed")),
        }
    }
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
