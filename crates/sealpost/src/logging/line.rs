//! An event as a line of JSON: what tracing-subscriber's own format says (fields beside each other, without target), at a
//! fraction of its cost. There is one such line for every request.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::fmt::format::Writer;

/// Writes an event that lies in no span.
pub(super) fn write(mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
    let (now, level) = (Timestamp::now(), event.metadata().level());
    write!(writer, "{{\"timestamp\":\"{now:.6}\",\"level\":\"{level}\"")?;
    let mut members = Members { writer, outcome: Ok(()) };
    event.record(&mut members);
    members.outcome?;
    members.writer.write_str("}\n")
}

/// Writes fields as further members of an object.
struct Members<'w> {
    writer: Writer<'w>,
    outcome: fmt::Result,
}

impl Members<'_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.outcome.is_ok() {
            let name = field.name().strip_prefix("r#").unwrap_or(field.name());
            self.outcome = write!(self.writer, ",\"{name}\":").and_then(|()| value(&mut self.writer));
        }
    }

    fn text(&mut self, field: &Field, text: impl FnOnce(&mut Escaped<'_, '_>) -> fmt::Result) {
        self.member(field, |writer| {
            writer.write_char('"')?;
            text(&mut Escaped(writer))?;
            writer.write_char('"')
        });
    }
}

impl Visit for Members<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.member(field, |writer| write!(writer, "{value:?}")),
            false => self.member(field, |writer| writer.write_str("null")),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |escaped| escaped.write_str(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |escaped| write!(escaped, "{value:?}"));
    }
}

/// The inside of a JSON string (RFC 8259, section 7).
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut written = 0;
        for (at, byte) in text.bytes().enumerate() {
            if byte >= b' ' && byte != b'"' && byte != b'\\' {
                continue;
            }
            // These bytes are characters of their own, so this cuts none in two.
            self.0.write_str(&text[written..at])?;
            written = at + 1;
            match byte {
                b'"' => self.0.write_str("\\\"")?,
                b'\\' => self.0.write_str("\\\\")?,
                b'\n' => self.0.write_str("\\n")?,
                b'\r' => self.0.write_str("\\r")?,
                b'\t' => self.0.write_str("\\t")?,
                other => write!(self.0, "\\u{other:04x}")?,
            }
        }
        self.0.write_str(&text[written..])
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value as Json;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::fmt::format::JsonFields;

    use super::super::PassThrough;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    impl Lines {
        fn json(&self) -> Vec<Json> {
            let text = String::from_utf8(self.0.lock().expect("whole").clone()).expect("text");
            text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
        }
    }

    fn say() {
        let (method, code) = (http::Method::GET, "a \"b\" \\ c\n\r\t\u{1}\u{7f} ä 𝄞");
        tracing::info!(%method, code, status = 200_u16, ms = -3, share = 0.5, whole = 2.0, none = f64::NAN, ok = true, "request");
        let error = io::Error::other("it is \"broken\"");
        tracing::error!(r#type = "x", error = ?error, cause = &error as &dyn std::error::Error, big = u64::MAX, "no {}", 1);
        tracing::warn!("");
        tracing::info_span!("around", id = 7).in_scope(|| tracing::info!(inside = "a", "in a span"));
    }

    #[test]
    fn lines_say_what_the_stock_format_says() {
        let (ours, stock) = (Lines::default(), Lines::default());
        let format = || tracing_subscriber::fmt::format().json().flatten_event(true).with_target(false);
        let builder = || tracing_subscriber::fmt().fmt_fields(JsonFields::new());
        let subscriber = builder().event_format(PassThrough(format())).with_writer(ours.clone()).finish();
        tracing::subscriber::with_default(subscriber, say);
        let subscriber = builder().event_format(format()).with_writer(stock.clone()).finish();
        tracing::subscriber::with_default(subscriber, say);
        let (ours, stock) = (ours.json(), stock.json());
        assert_eq!(ours.len(), 4);
        for (mut one, mut other) in ours.into_iter().zip(stock) {
            let times = [&mut one, &mut other].map(|line| line["timestamp"].take());
            for time in times {
                let time = time.as_str().expect("text").to_owned();
                assert!(time.len() == 27 && time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
            }
            assert_eq!(one, other);
        }
    }
}
