//! `sealpost config`: check, print, describe.

use std::path::Path;
use std::process::ExitCode;

use sealpost_core::error::Result;
use serde_json::{Value as Json, json};

use crate::config::{Config, ProcessEnvironment, load};
use crate::output::Output;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Check the configuration: every problem at once, nothing is connected.
    Check,
    /// Print the configuration as it is in force: the file, variables and defaults.
    Print,
    /// Print the JSON Schema of `sealpost.toml`, for editors.
    Schema,
}

pub(crate) fn run(command: Command, file: &Path, output: Output) -> Result<ExitCode> {
    match command {
        Command::Check => {
            let warnings = load(file, &ProcessEnvironment)?.config.warnings();
            output.print(&json!({ "valid": true, "file": file, "warnings": warnings }), |_| {
                let mut lines = vec![format!("{} is valid", file.display())];
                lines.extend(warnings.iter().map(|warning| format!("! {}: {}", warning.pointer, warning.detail)));
                lines.join("\n")
            });
        }
        Command::Print => {
            let loaded = load(file, &ProcessEnvironment)?;
            output.print(&loaded.config, |config| toml::to_string_pretty(config).unwrap_or_default());
        }
        Command::Schema => crate::output::line(&serde_json::to_string_pretty(&schema()).unwrap_or_default()),
    }
    Ok(ExitCode::SUCCESS)
}

/// The schema of the file, with each adapter's own settings from the adapter's table.
fn schema() -> Json {
    let mut schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap_or_default();
    let of_kind = |name: &str, mut own: Json| {
        if let Some(members) = own.as_object_mut() {
            members.remove("$schema");
            members.remove("title");
        }
        own["properties"]["kind"] = json!({ "const": name });
        if let Some(names) = own["required"].as_array_mut() {
            names.push(json!("kind"));
        }
        own
    };
    let sources: Vec<Json> =
        sealpost_source::SOURCES.iter().map(|entry| of_kind(entry.name, (entry.options_schema)())).collect();
    let ledgers: Vec<Json> =
        sealpost_ledger::LEDGERS.iter().map(|entry| of_kind(entry.name, (entry.options_schema)())).collect();
    let mut store = serde_json::to_value(schemars::schema_for!(sealpost_store::StoreSettings)).unwrap_or_default();
    if let Some(members) = store.as_object_mut() {
        members.remove("$schema");
        members.remove("title");
    }
    schema["properties"]["sources"]["additionalProperties"] = json!({ "oneOf": sources });
    schema["properties"]["ledger"] = json!({ "oneOf": ledgers });
    schema["properties"]["store"] = store;
    schema
}
