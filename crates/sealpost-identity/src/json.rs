//! JSON from strangers: no member twice, bounded depth (RFC 8259 leaves both open, RFC 7519 section 4 asks for the first).
//!
//! Two readers that take different ones of two equal members disagree about what was signed.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Objects and arrays within each other. The deepest that an issuer is known to send is Keycloak's 4.
const DEEPEST: usize = 16;

/// Reads an object, and nothing after it.
///
/// # Errors
/// What is wrong, without the text itself.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth: DEEPEST }.deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("it is not an object".to_owned()),
    }
}

/// Reads a value of at most this depth.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom(format!("nested deeper than {DEEPEST}")))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inside)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice in one object"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::object;

    #[test]
    fn an_object_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,2.5,"x",null,true],"b":{"c":{}}}"#;
        assert_eq!(serde_json::to_string(&object(text.as_bytes()).unwrap()).unwrap(), text);
    }

    #[test]
    fn twice_the_same_member_is_refused_wherever_it_stands() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"x":{"a":1,"b":2,"a":3}}"#, r#"{"x":[{"a":1,"\u0061":2}]}"#] {
            assert!(object(text.as_bytes()).unwrap_err().contains("twice"), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        object(nested(15).as_bytes()).unwrap();
        assert!(object(nested(16).as_bytes()).unwrap_err().contains("deeper"));
        assert!(object(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn only_one_object_and_only_json() {
        for text in ["", "[]", "1", "{}{}", "{} x", "{\"a\":1e999}", "{\"a\":\"\u{1}\"}", "{'a':1}"] {
            object(text.as_bytes()).unwrap_err();
        }
        object(b"{\"a\":\"\xff\"}").unwrap_err();
    }
}
