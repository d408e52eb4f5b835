//! Column names to XML element names (XML 1.0 section 2.3), always the same way.

use sealpost_core::Error;
use sealpost_core::column::Column;
use sealpost_core::error::{Result, codes};

/// `NameStartChar` without the colon, which namespaces use.
fn is_start(character: char) -> bool {
    matches!(character,
        'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` without the colon.
fn is_part(character: char) -> bool {
    is_start(character)
        || matches!(character,
            '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Names beginning with `xml` are reserved.
fn is_reserved(name: &str) -> bool {
    name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("xml"))
}

/// Whether the text can be an element name as it is.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(is_start) && text.chars().all(is_part) && !is_reserved(text)
}

/// The element name of a column: characters that names can't have become `_`; what can't begin a name gets `_` in front.
fn element(column: &str) -> String {
    let name: String = column.chars().map(|character| if is_part(character) { character } else { '_' }).collect();
    if is_name(&name) { name } else { format!("_{name}") }
}

/// The element names of all columns.
pub(super) fn elements(columns: &[Column]) -> Result<Vec<String>> {
    let mut elements: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let name = element(&column.name);
        if let Some(other) = elements.iter().position(|taken| *taken == name) {
            let other = columns.get(other).map_or("", |column| column.name.as_str());
            let detail = format!("columns `{other}` and `{}` both become the XML element `{name}`", column.name);
            return Err(Error::new(&codes::format::COLUMN, detail));
        }
        elements.push(name);
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealpost_core::column::ColumnKind;

    #[test]
    fn names_are_mapped_always_the_same_way() {
        for (column, name) in [
            ("contract_id", "contract_id"),
            ("Straße", "Straße"),
            ("COUNT(*)", "COUNT___"),
            ("2024", "_2024"),
            ("", "_"),
            ("XmlData", "_XmlData"),
            ("a:b", "a_b"),
            ("-x", "_-x"),
        ] {
            assert_eq!(element(column), name);
            assert!(is_name(name));
        }
    }

    #[test]
    fn columns_that_become_one_element_are_refused() {
        let columns = ["a b", "a_b"].map(|name| Column::new(name, ColumnKind::Text));
        let error = elements(&columns).unwrap_err();
        assert!(error.is(&codes::format::COLUMN));
        assert!(error.detail().contains("`a b` and `a_b`"), "{error}");
    }
}
