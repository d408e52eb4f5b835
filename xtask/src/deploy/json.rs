//! JSON as terraform and our own API write it (RFC 8259), read without a dependency.

/// A value. Numbers stay text: nothing here calculates with them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    /// In the order of the text.
    Object(Vec<(String, Json)>),
}

/// Deeper than any plan, and no danger for the stack.
const DEPTH: usize = 128;

impl Json {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.space();
        if reader.at == text.len() { Ok(value) } else { Err(reader.error("something follows the value")) }
    }

    /// A member of an object; `Null` where there is none.
    pub(super) fn get(&self, name: &str) -> &Self {
        self.members().iter().find(|(key, _)| key == name).map_or(&Self::Null, |(_, value)| value)
    }

    pub(super) fn members(&self) -> &[(String, Self)] {
        if let Self::Object(members) = self { members } else { &[] }
    }

    pub(super) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Whether `true` stands anywhere in it: how terraform marks what is sensitive.
    pub(super) fn has_true(&self) -> bool {
        match self {
            Self::Bool(value) => *value,
            Self::List(items) => items.iter().any(Self::has_true),
            Self::Object(members) => members.iter().any(|(_, value)| value.has_true()),
            Self::Null | Self::Number(_) | Self::Text(_) => false,
        }
    }
}

/// The text as a JSON string, with its quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, what: &str) -> String {
        format!("not JSON: {what} at byte {}", self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.text[self.at..].starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > DEPTH {
            return Err(self.error("it is nested too deeply"));
        }
        self.space();
        match self.peek() {
            Some(b'"') => self.string().map(Json::Text),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'-' | b'0'..=b'9') => Ok(self.number()),
            _ if self.take("true") => Ok(Json::Bool(true)),
            _ if self.take("false") => Ok(Json::Bool(false)),
            _ if self.take("null") => Ok(Json::Null),
            _ => Err(self.error("no value")),
        }
    }

    fn number(&mut self) -> Json {
        let start = self.at;
        while self.peek().is_some_and(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        Json::Number(self.text[start..self.at].to_owned())
    }

    fn list(&mut self, depth: usize) -> Result<Json, String> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take("]") {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take("]") {
                return Ok(Json::List(items));
            }
            if !self.take(",") {
                return Err(self.error("no comma between the items"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        self.at += 1;
        let mut members = Vec::new();
        self.space();
        if self.take("}") {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("no name of a member"));
            }
            let name = self.string()?;
            self.space();
            if !self.take(":") {
                return Err(self.error("no colon after the name"));
            }
            members.push((name, self.value(depth + 1)?));
            self.space();
            if self.take("}") {
                return Ok(Json::Object(members));
            }
            if !self.take(",") {
                return Err(self.error("no comma between the members"));
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(c) = rest.chars().next() else { return Err(self.error("the string does not end")) };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => out.push(self.escaped()?),
                c if c < ' ' => return Err(self.error("a control character in a string")),
                c => out.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        let kind = self.peek().ok_or_else(|| self.error("the string does not end"))?;
        self.at += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.unit()?;
                let paired = (0xd800..0xdc00).contains(&high) && self.take("\\u");
                let code = if paired { 0x10000 + ((high - 0xd800) << 10) + (self.unit()? & 0x3ff) } else { high };
                char::from_u32(code).ok_or_else(|| self.error("half of a character"))?
            }
            _ => return Err(self.error("an unknown escape")),
        })
    }

    fn unit(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).ok_or_else(|| self.error("a short escape"))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.error("an escape that is no number"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Json, quoted};

    #[test]
    fn values_are_read() {
        let json =
            Json::parse(" {\"a\" : [1, -2.5e3, true, null, \"x\\n\\u00e4\\ud83d\\ude00\\\"\"], \"b\":{}, \"c\":[]}\n")
                .unwrap();
        assert_eq!(json.get("a").items()[0], Json::Number("1".into()));
        assert_eq!(json.get("a").items()[2], Json::Bool(true));
        assert_eq!(json.get("a").items()[4].text(), Some("x\nä😀\""));
        assert!(json.get("b").members().is_empty());
        assert_eq!(json.get("missing"), &Json::Null);
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for text in
            ["", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "\"x", "tru", "1 2", "\"\\x\"", "\"\\ud800\"", "\"\\u00\""]
        {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        assert!(Json::parse(&"[".repeat(10_000)).is_err());
    }

    #[test]
    fn what_was_quoted_reads_as_the_same() {
        let text = "a\"b\\c\n\u{1}ä";
        assert_eq!(Json::parse(&quoted(text)).unwrap().text(), Some(text));
    }

    #[test]
    fn sensitive_marks_are_found_at_any_depth() {
        assert!(Json::parse("{\"a\":[{\"b\":true}]}").unwrap().has_true());
        assert!(!Json::parse("{\"a\":[{\"b\":false}],\"c\":\"true\"}").unwrap().has_true());
    }
}
