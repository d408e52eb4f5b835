//! Byte ranges (RFC 9110, section 14).

use http::header::{self, HeaderMap};

/// What a request asks of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// `start..end`, not empty, within the file.
    Part {
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
    },
    /// A range that lies outside.
    Outside,
}

/// What `Range` and `If-Range` ask of a file of this size and entity tag.
///
/// A `Range` that is malformed, of another unit, or of several parts is ignored, as section 14.2 allows: the whole
/// file is always a right answer.
pub(crate) fn wanted(asked: &HeaderMap, size: u64, tag: &str) -> Wanted {
    let text = |name| asked.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let Some(range) = text(header::RANGE) else { return Wanted::Whole };
    // Section 13.1.5: the comparison is strong, and we never send a date that could be repeated here.
    if asked.contains_key(header::IF_RANGE) && text(header::IF_RANGE) != Some(tag) {
        return Wanted::Whole;
    }
    match range.split_once('=') {
        Some((unit, spec)) if unit.trim().eq_ignore_ascii_case("bytes") => of_spec(spec.trim(), size),
        _ => Wanted::Whole,
    }
}

fn of_spec(spec: &str, size: u64) -> Wanted {
    // A number beyond 64 bits is still a number: it saturates, and so lies behind the end.
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let Some((first, last)) = spec.split_once('-') else { return Wanted::Whole };
    match (first.trim(), last.trim()) {
        ("", suffix) => match number(suffix) {
            None => Wanted::Whole,
            Some(0) => Wanted::Outside,
            Some(_) if size == 0 => Wanted::Outside,
            Some(length) => Wanted::Part { start: size.saturating_sub(length), end: size },
        },
        (first, "") => match number(first) {
            None => Wanted::Whole,
            Some(start) if start >= size => Wanted::Outside,
            Some(start) => Wanted::Part { start, end: size },
        },
        (first, last) => match (number(first), number(last)) {
            (Some(start), Some(last)) if start > last => Wanted::Whole,
            (Some(start), Some(_)) if start >= size => Wanted::Outside,
            (Some(start), Some(last)) => Wanted::Part { start, end: last.saturating_add(1).min(size) },
            _ => Wanted::Whole,
        },
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ask(range: &'static str, if_range: Option<&'static str>) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static(range));
        if let Some(tag) = if_range {
            headers.insert(header::IF_RANGE, HeaderValue::from_static(tag));
        }
        wanted(&headers, 100, "\"tag\"")
    }

    #[test]
    fn single_ranges() {
        for (range, start, end) in [
            ("bytes=0-0", 0, 1),
            ("bytes=10-19", 10, 20),
            ("bytes=90-", 90, 100),
            ("bytes=-10", 90, 100),
            ("bytes=-1000", 0, 100),
            ("bytes=50-1000", 50, 100),
            ("BYTES= 5 - 6 ", 5, 7),
            ("bytes=0-99999999999999999999999", 0, 100),
        ] {
            assert_eq!(ask(range, None), Wanted::Part { start, end }, "{range}");
        }
    }

    #[test]
    fn ranges_outside() {
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(ask(range, None), Wanted::Outside, "{range}");
        }
    }

    #[test]
    fn what_is_not_one_byte_range_gives_the_whole() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-1",
            "rows=0-1",
            "bytes=0-1,5-6",
            "bytes=+1-2",
            "bytes=--1",
        ] {
            assert_eq!(ask(range, None), Wanted::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_file_gives_the_whole() {
        assert_eq!(ask("bytes=0-0", Some("\"tag\"")), Wanted::Part { start: 0, end: 1 });
        for other in ["\"other\"", "W/\"tag\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(ask("bytes=0-0", Some(other)), Wanted::Whole, "{other}");
        }
    }
}
