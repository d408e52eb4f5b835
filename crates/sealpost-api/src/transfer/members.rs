//! The members of a request, checked against the model's types, lengths and patterns: clients check minimum lengths
//! only. Members that the model does not have are ignored, as the service does.

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json};

use super::refusal::{Refusal, Result};

/// An object of the request.
pub(super) struct Members<'a> {
    map: &'a Map<String, Json>,
    /// What stands before its members' names in messages: `sftpConfig.`
    path: String,
}

impl<'a> Members<'a> {
    /// The request itself.
    pub(super) fn of(map: &'a Map<String, Json>) -> Self {
        Self { map, path: String::new() }
    }

    /// A member that is there; null is not.
    fn find(&self, name: &str) -> Option<&'a Json> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Whether a member is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Text of this many characters.
    pub(super) fn text(&self, name: &str, length: RangeInclusive<usize>) -> Result<Option<&'a str>> {
        let Some(value) = self.find(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.wrong_type(name, "a string"))?;
        self.check_length(name, text.chars().count(), &length)?;
        Ok(Some(text))
    }

    /// Text that must be there.
    pub(super) fn required(&self, name: &str, length: RangeInclusive<usize>) -> Result<&'a str> {
        self.text(name, length)?.ok_or_else(|| self.missing(name))
    }

    /// A whole number.
    pub(super) fn integer(&self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>> {
        let Some(value) = self.find(name) else { return Ok(None) };
        let number = value.as_i64().ok_or_else(|| self.wrong_type(name, "an integer"))?;
        let (least, most) = (*range.start(), *range.end());
        if number < i64::from(least) {
            return Err(self.violates(name, &format!("Member must have value greater than or equal to {least}")));
        }
        match u32::try_from(number) {
            Ok(number) if number <= most => Ok(Some(number)),
            _ => Err(self.violates(name, &format!("Member must have value less than or equal to {most}"))),
        }
    }

    /// A list of texts.
    pub(super) fn texts(
        &self,
        name: &str,
        count: RangeInclusive<usize>,
        length: RangeInclusive<usize>,
    ) -> Result<Option<Vec<&'a str>>> {
        let Some(list) = self.list(name, &count)? else { return Ok(None) };
        let each = |(index, value): (usize, &'a Json)| {
            let member = format!("{name}.{}.member", index + 1);
            let text = value.as_str().ok_or_else(|| self.wrong_type(&member, "a string"))?;
            self.check_length(&member, text.chars().count(), &length)?;
            Ok(text)
        };
        list.iter().enumerate().map(each).collect::<Result<_>>().map(Some)
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &str, count: RangeInclusive<usize>) -> Result<Option<Vec<Members<'a>>>> {
        let Some(list) = self.list(name, &count)? else { return Ok(None) };
        let each = |(index, value): (usize, &'a Json)| {
            let member = format!("{name}.{}.member", index + 1);
            let map = value.as_object().ok_or_else(|| self.wrong_type(&member, "an object"))?;
            Ok(Members { map, path: format!("{}{}.", self.path, shown(&member)) })
        };
        list.iter().enumerate().map(each).collect::<Result<_>>().map(Some)
    }

    /// An object.
    pub(super) fn object(&self, name: &str) -> Result<Option<Members<'a>>> {
        let Some(value) = self.find(name) else { return Ok(None) };
        let map = value.as_object().ok_or_else(|| self.wrong_type(name, "an object"))?;
        Ok(Some(Members { map, path: format!("{}{}.", self.path, shown(name)) }))
    }

    fn list(&self, name: &str, count: &RangeInclusive<usize>) -> Result<Option<&'a Vec<Json>>> {
        let Some(value) = self.find(name) else { return Ok(None) };
        let list = value.as_array().ok_or_else(|| self.wrong_type(name, "a list"))?;
        self.check_length(name, list.len(), count)?;
        Ok(Some(list))
    }

    fn check_length(&self, name: &str, length: usize, allowed: &RangeInclusive<usize>) -> Result<()> {
        if length < *allowed.start() {
            let constraint = format!("Member must have length greater than or equal to {}", allowed.start());
            return Err(self.violates(name, &constraint));
        }
        if length > *allowed.end() {
            let constraint = format!("Member must have length less than or equal to {}", allowed.end());
            return Err(self.violates(name, &constraint));
        }
        Ok(())
    }

    /// A value that is not what the model allows, in the service's words. The value itself is not repeated: it may be a
    /// secret in the wrong place.
    pub(super) fn violates(&self, name: &str, constraint: &str) -> Refusal {
        let path = format!("{}{}", self.path, shown(name));
        Refusal::invalid(format!(
            "1 validation error detected: Value at '{path}' failed to satisfy constraint: {constraint}"
        ))
    }

    /// The same for a pattern.
    pub(super) fn pattern(&self, name: &str, pattern: &str) -> Refusal {
        self.violates(name, &format!("Member must satisfy regular expression pattern: {pattern}"))
    }

    fn missing(&self, name: &str) -> Refusal {
        self.violates(name, "Member must not be null")
    }

    fn wrong_type(&self, name: &str, expected: &str) -> Refusal {
        Refusal::serialization(format!("{}{}: expected {expected}", self.path, shown(name)))
    }
}

/// The service writes members in messages with a small first letter.
fn shown(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(result: Result<impl std::fmt::Debug>) -> String {
        format!("{:?}", result.expect_err("a refusal"))
    }

    #[test]
    fn types_lengths_and_ranges_are_checked_and_null_is_absent() {
        let body =
            json!({"Name": "ab", "Number": 7, "List": ["a", "bb"], "Null": null, "In": {"Key": 5}, "Float": 1.5});
        let members = Members::of(body.as_object().expect("an object"));
        assert_eq!(members.text("Name", 1..=2).expect("text"), Some("ab"));
        assert_eq!(members.text("Null", 1..=2).expect("nothing"), None);
        assert!(!members.has("Null") && !members.has("Other"));
        assert_eq!(members.integer("Number", 1..=7).expect("a number"), Some(7));
        assert_eq!(members.texts("List", 1..=2, 1..=2).expect("a list"), Some(vec!["a", "bb"]));
        for (refusal, part) in [
            (
                message(members.text("Name", 3..=9)),
                "'name' failed to satisfy constraint: Member must have length greater",
            ),
            (message(members.text("Number", 1..=2)), "SerializationException"),
            (message(members.required("Null", 1..=2)), "Member must not be null"),
            (message(members.integer("Number", 8..=9)), "greater than or equal to 8"),
            (message(members.integer("Number", 1..=6)), "less than or equal to 6"),
            (message(members.integer("Float", 1..=6)), "SerializationException"),
            (message(members.texts("List", 1..=1, 1..=2)), "less than or equal to 1"),
            (message(members.texts("List", 1..=2, 1..=1)), "'list.2.member'"),
        ] {
            assert!(refusal.contains(part), "{refusal}");
        }
        let inner = members.object("In").expect("an object").expect("there");
        assert!(message(inner.text("Key", 1..=2)).contains("in.key: expected a string"));
    }
}
