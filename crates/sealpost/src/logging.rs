//! Log lines: JSON in production, text on a terminal; lines in the connector log format pass through as they are.

use std::fmt;
use std::io::IsTerminal;

use sealpost_pipeline::log::CONNECTOR_LOG;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::{LogBlock, LogFormat};

mod line;

/// Starts logging to standard error. A second call changes nothing.
pub(crate) fn start(block: &LogBlock) {
    let filter = block.level.parse().unwrap_or_else(|_| EnvFilter::new("info"));
    let is_json = match block.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    // A line that can't be written is lost, and nothing else: on a full disk the complaint about it, to the same place, panics.
    let builder = tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter);
    let builder = builder.with_writer(std::io::stderr);
    let started = if is_json {
        let events = PassThrough(tracing_subscriber::fmt::format().json().flatten_event(true).with_target(false));
        builder.fmt_fields(JsonFields::new()).event_format(events).try_init()
    } else {
        builder.with_target(false).compact().try_init()
    };
    // Already started: the first one stays, which is what a test process wants.
    drop(started);
}

/// JSON lines, except those that are in another log's format already.
struct PassThrough(Format<Json>);

impl<S, N> FormatEvent<S, N> for PassThrough
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if event.metadata().target() != CONNECTOR_LOG {
            // None of ours has spans; those of others (the runtime of functions) are told as usual.
            return match context.lookup_current() {
                Some(_) => self.0.format_event(context, writer, event),
                None => line::write(writer, event),
            };
        }
        let mut line = LineField(String::new());
        event.record(&mut line);
        writeln!(writer, "{}", line.0)
    }
}

/// Picks the field `line`.
struct LineField(String);

impl Visit for LineField {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "line" {
            self.0 = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "line" {
            value.clone_into(&mut self.0);
        }
    }
}
