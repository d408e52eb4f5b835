//! The shape of a JSON body, whatever it means: no deeper than 32, no more than 10,000 values, no name given twice.
//!
//! Serde takes the last of two members with the same name inside a free object such as `parameters`, and others take the
//! first (RFC 8259, section 4): two readers of one request must not see different things, so it is refused.

use std::collections::HashSet;
use std::fmt;

use sealpost_core::error::FieldError;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Most objects and lists within one another.
const DEPTH: usize = 32;
/// Most values: members, items, the body itself.
const VALUES: usize = 10_000;

/// What is wrong with the shape of a body; what is no JSON at all is left to its reader.
pub(super) fn check(bytes: &[u8]) -> Option<FieldError> {
    let mut walk = Walk::default();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    match (Step { walk: &mut walk }).deserialize(&mut json) {
        Err(error) if error.is_data() => Some(FieldError::new(walk.pointer(), error.to_string())),
        _ => None,
    }
}

#[derive(Default)]
struct Walk {
    path: Vec<Segment>,
    values: usize,
}

enum Segment {
    Name(String),
    Index(usize),
}

impl Walk {
    /// Where the walk is, or ended (RFC 6901).
    fn pointer(&self) -> String {
        let segments = self.path.iter().map(|segment| match segment {
            Segment::Name(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            Segment::Index(index) => format!("/{index}"),
        });
        segments.collect()
    }
}

/// One value on the way.
struct Step<'a> {
    walk: &'a mut Walk,
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.walk.values += 1;
        if self.walk.values > VALUES {
            return Err(D::Error::custom(format!("more than {VALUES} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        deeper::<A::Error>(self.walk)?;
        for index in 0.. {
            self.walk.path.push(Segment::Index(index));
            if items.next_element_seed(Step { walk: &mut *self.walk })?.is_none() {
                self.walk.path.pop();
                break;
            }
            self.walk.path.pop();
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        deeper::<A::Error>(self.walk)?;
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            self.walk.path.push(Segment::Name(name.clone()));
            if names.contains(&name) {
                return Err(A::Error::custom(format!("duplicate field `{}`", name.escape_debug())));
            }
            names.insert(name);
            members.next_value_seed(Step { walk: &mut *self.walk })?;
            self.walk.path.pop();
        }
        Ok(())
    }
}

fn deeper<E: serde::de::Error>(walk: &Walk) -> Result<(), E> {
    if walk.path.len() >= DEPTH {
        return Err(E::custom(format!("more than {DEPTH} levels deep")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn names_are_unique_at_every_level() {
        let wrong = check(br#"{"a": {"x": 1, "y": [{"b~/": 1, "b~/": 2}]}}"#).expect("refused");
        assert_eq!(wrong.pointer, "/a/y/0/b~0~1");
        assert!(wrong.detail.starts_with("duplicate field `b~/`"), "{}", wrong.detail);
        let escaped = check("{\"a\": 1, \"\\u0061\": 2}".as_bytes()).expect("the same name, escaped");
        assert_eq!(escaped.pointer, "/a");
        assert_eq!(check(br#"{"a": {"x": 1}, "b": {"x": 1}, "c": [{"x": 1}, {"x": 1}]}"#), None);
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        assert_eq!(check(nested(DEPTH).as_bytes()), None);
        assert!(check(nested(DEPTH + 1).as_bytes()).expect("refused").detail.contains("32 levels"));
        // So deep that a reader that recurses without a limit would end its thread.
        assert!(check("[".repeat(500_000).as_bytes()).expect("refused").detail.contains("32 levels"));
        let list = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert_eq!(check(list(VALUES - 1).as_bytes()), None);
        let wrong = check(list(VALUES).as_bytes()).expect("refused");
        assert_eq!(wrong.pointer, format!("/{}", VALUES - 1));
    }

    #[test]
    fn what_is_no_json_is_left_to_the_reader() {
        for text in ["", "{", "{\"a\"}", "nul", "1e999", "{} x", "\u{feff}{}"] {
            assert_eq!(check(text.as_bytes()), None, "{text}");
        }
    }
}
