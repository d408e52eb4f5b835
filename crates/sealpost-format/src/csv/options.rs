//! The options of CSV.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cell::BytesText;
use crate::charset::Charset;
use crate::options::{MOST_NULL_TEXT, Options, too_long_for_null};
use crate::pattern::{Pattern, Reach};

/// Options of CSV. Without any: RFC 4180 in UTF-8 with a header line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CsvOptions {
    /// What stands between fields: one ASCII character but quote, CR and LF. Default: a comma.
    pub(crate) delimiter: Delimiter,
    /// Which fields are quoted. NULL never is. Default: `necessary`.
    pub(crate) quoting: Quoting,
    /// Whether the first line names the columns. Default: yes.
    pub(crate) header: bool,
    /// How lines end. Default: `crlf` (RFC 4180).
    pub(crate) line_ending: LineEnding,
    /// The character encoding; a character that it lacks is an error. Default: `utf-8`.
    pub(crate) encoding: Charset,
    /// What stands before the fraction of decimals and floating-point numbers. Default: `point`.
    pub(crate) decimal_separator: DecimalSeparator,
    /// How dates look, of YYYY YY MM M DD D, 'text', space and punctuation; at most 128 characters, as the other patterns.
    /// Default: `YYYY-MM-DD`.
    pub(crate) date_pattern: DatePattern,
    /// How values with date and time look: also HH H mm ss, S to SSSSSS (digits of the fraction), F (point and digits as
    /// the column has), T. Default: `YYYY-MM-DD HH:mm:ssF`.
    pub(crate) datetime_pattern: DateTimePattern,
    /// How instants look: also ZZ (offset such as +02:00), Z (the same, and `Z` for UTC). Default:
    /// `YYYY-MM-DD HH:mm:ssFZZ`.
    pub(crate) timestamp_pattern: TimestampPattern,
    /// What NULL looks like: at most 64 characters, without the delimiter, a quote or a line break. A text that looks the
    /// same is quoted. Default: empty; with a single column an empty line, which some readers skip.
    #[schemars(length(max = MOST_NULL_TEXT), regex(pattern = r#"^[^"\r\n]*$"#))]
    pub(crate) null_text: String,
    /// Whether a text that a spreadsheet would calculate (first character one of = + - @, tab, line break) gets an
    /// apostrophe in front. It changes the text. Default: no.
    pub(crate) formula_guard: bool,
    /// How bytes look. Default: `hex`.
    pub(crate) bytes: BytesText,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            delimiter: Delimiter(b','),
            quoting: Quoting::Necessary,
            header: true,
            line_ending: LineEnding::Crlf,
            encoding: Charset::Utf8,
            decimal_separator: DecimalSeparator::Point,
            date_pattern: DatePattern::default(),
            datetime_pattern: DateTimePattern::default(),
            timestamp_pattern: TimestampPattern::default(),
            null_text: String::new(),
            formula_guard: false,
            bytes: BytesText::Hex,
        }
    }
}

impl Options for CsvOptions {
    fn conflicts(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        let special =
            |character: char| matches!(character, '"' | '\r' | '\n') || character == char::from(self.delimiter.0);
        if self.null_text.contains(special) {
            wrong.push(("null_text", "must not hold the delimiter, a quote or a line break".to_owned()));
        }
        wrong.extend(too_long_for_null(&self.null_text));
        if !self.encoding.encode(&self.null_text, &mut Vec::new()) {
            wrong.push(("null_text", format!("holds a character that {} does not have", self.encoding.name())));
        }
        if self.quoting == Quoting::Never
            && self.decimal_separator == DecimalSeparator::Comma
            && self.delimiter.0 == b','
        {
            let detail =
                "a comma as delimiter and as decimal separator needs quotes; choose another delimiter or quoting";
            wrong.push(("decimal_separator", detail.to_owned()));
        }
        wrong
    }
}

/// Which fields are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Quoting {
    /// Fields that must be.
    Necessary,
    /// All but NULL.
    All,
    /// All but numbers and NULL.
    NonNumeric,
    /// None; a field that must be quoted is an error.
    Never,
}

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LineEnding {
    /// Carriage return and line feed.
    Crlf,
    /// Line feed.
    Lf,
}

/// What stands before a number's fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DecimalSeparator {
    /// `1.5`
    Point,
    /// `1,5`
    Comma,
}

/// One ASCII character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delimiter(pub(crate) u8);

impl Serialize for Delimiter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_char(char::from(self.0))
    }
}

impl<'de> Deserialize<'de> for Delimiter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(Self(*byte)),
            _ => Err(serde::de::Error::custom(
                "must be one ASCII character, and no quote, CR or LF; for example `,` `;` `|` or a tab",
            )),
        }
    }
}

impl JsonSchema for Delimiter {
    fn schema_name() -> Cow<'static, str> {
        "Delimiter".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[\\x00-\\x09\\x0B\\x0C\\x0E-!#-\\x7F]$"})
    }
}

/// Most characters of a pattern.
const MOST_PATTERN: usize = 128;

/// A pattern option: the text as given, read when it is deserialised.
macro_rules! pattern_option {
    ($(#[$doc:meta])* $name:ident, $reach:ident, $default:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) Pattern, String);

        impl Default for $name {
            fn default() -> Self {
                Self(Pattern::parse($default, Reach::$reach).unwrap_or_default(), $default.to_owned())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.1)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                if text.chars().count() > MOST_PATTERN {
                    let detail = format!("must have at most {MOST_PATTERN} characters");
                    return Err(serde::de::Error::custom(detail));
                }
                let pattern = Pattern::parse(&text, Reach::$reach).map_err(serde::de::Error::custom)?;
                Ok(Self(pattern, text))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "minLength": 1, "maxLength": MOST_PATTERN})
            }
        }
    };
}

pattern_option!(
    /// How a date looks.
    DatePattern, Date, "YYYY-MM-DD"
);
pattern_option!(
    /// How a date with time looks.
    DateTimePattern, DateTime, "YYYY-MM-DD HH:mm:ssF"
);
pattern_option!(
    /// How an instant looks.
    TimestampPattern, Timestamp, "YYYY-MM-DD HH:mm:ssFZZ"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_patterns_are_patterns() {
        let options = CsvOptions::default();
        for pattern in [options.date_pattern.0, options.datetime_pattern.0, options.timestamp_pattern.0] {
            assert_ne!(pattern, Pattern::default());
        }
    }
}
