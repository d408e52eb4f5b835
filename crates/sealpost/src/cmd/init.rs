//! `sealpost init`: a commented starter configuration and an example report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sealpost_core::error::{Error, Result, codes};
use serde_json::json;

use crate::output::Output;

/// Options of `init`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder to write into; made when missing.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// The files, as they are written.
const FILES: [(&str, &str); 4] = [
    ("sealpost.toml", include_str!("../../starter/sealpost.toml")),
    ("catalogue/contracts.v1.toml", include_str!("../../starter/contracts.v1.toml")),
    ("catalogue/contracts.v1.sql", include_str!("../../starter/contracts.v1.sql")),
    ("partners/acme.toml.example", include_str!("../../starter/acme.toml")),
];

pub(crate) fn run(options: &Options, output: Output) -> Result<ExitCode> {
    let folder = &options.folder;
    let mut files: Vec<PathBuf> = FILES.iter().map(|(name, _)| folder.join(name)).collect();
    // Nothing is written when anything is in the way.
    if let Some(existing) = files.iter().find(|file| file.exists()) {
        return Err(Error::new(
            &codes::config::INVALID,
            format!("{} exists already; nothing was written", existing.display()),
        ));
    }
    for (file, (_, text)) in files.iter().zip(FILES) {
        write(file, text).map_err(|error| {
            Error::new(&codes::config::UNREADABLE, format!("{}: {error}", file.display())).caused_by(error)
        })?;
    }
    // What webhooks' secrets are derived from: nothing that anyone has to choose or remember.
    let secret = folder.join("secrets/webhook-secret");
    if write_secret(&secret)? {
        files.push(secret);
    }
    output.print(&json!({ "written": files }), |_| {
        let mut lines: Vec<String> = files.iter().map(|file| format!("wrote {}", file.display())).collect();
        lines.push(format!("next: edit {}, then run `sealpost doctor`", folder.join("sealpost.toml").display()));
        lines.join("\n")
    });
    Ok(ExitCode::SUCCESS)
}

/// Whether it was written: an earlier one is kept, partners verify by it.
fn write_secret(file: &Path) -> Result<bool> {
    if file.exists() {
        return Ok(false);
    }
    let unwritable = |error: std::io::Error| {
        Error::new(&codes::config::UNREADABLE, format!("{}: {error}", file.display())).caused_by(error)
    };
    file.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(unwritable)?;
    super::write_private(file, hex::encode(rand::random::<[u8; 32]>()).as_bytes())?;
    Ok(true)
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)
}
