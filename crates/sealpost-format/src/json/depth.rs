//! How deep JSON is nested. The parser that checks it goes along to any depth; what reads the file does not.

/// The deepest nesting that is written.
const DEEPEST: usize = 127;

/// Whether arrays and objects lie deeper in each other than is written. The text is JSON.
#[inline]
pub(super) fn is_too_deep(json: &str) -> bool {
    // Few texts have so many brackets, and only of those it matters which stand in strings.
    json.len() > 2 * DEEPEST
        && json.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > DEEPEST
        && depth(json) > DEEPEST
}

#[cold]
fn depth(json: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        "[".repeat(levels) + &"]".repeat(levels)
    }

    #[test]
    fn what_is_nested_too_deep_is_found() {
        assert!(!is_too_deep(&nested(DEEPEST)));
        assert!(is_too_deep(&nested(DEEPEST + 1)));
        let objects = "{\"a\":".repeat(DEEPEST + 1) + "1" + &"}".repeat(DEEPEST + 1);
        assert!(is_too_deep(&objects));
    }

    #[test]
    fn many_brackets_are_not_depth() {
        assert!(!is_too_deep(&format!("[{}1]", "[],".repeat(500))));
        let text = "[{".repeat(500);
        assert!(!is_too_deep(&format!("[\"{text}\", \"\\\"{text}\", \"\\\\\", [\"{text}\"]]")));
        assert_eq!(depth("[\"[\\\\\", {\"\\\"{\": []}]"), 3);
    }
}
