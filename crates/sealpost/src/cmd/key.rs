//! `sealpost key`: OpenPGP keys and certificates in files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use sealpost_core::certificate::CertificateInfo;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::Sealer;
use sealpost_seal::OpenPgp;
use serde_json::json;

use crate::output::{Output, note};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make an OpenPGP key, for signing our files or for trying things out.
    Generate {
        /// The user id, for example `Acme Reports <reports@acme.example>`.
        user_id: String,
        /// Where the private half goes; readable by its owner only, without passphrase. The certificate goes beside it with `.pub.asc`. Neither is written over a file that is there.
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
        /// Days until it expires.
        #[arg(long, default_value_t = 730, value_parser = clap::value_parser!(u32).range(1..=3650))]
        valid_days: u32,
    },
    /// Show a certificate and what the recipient policy says of it.
    Show {
        /// The certificate's file, armored or binary.
        file: PathBuf,
    },
}

pub(crate) fn run(command: Command, output: Output) -> Result<ExitCode> {
    match command {
        Command::Generate { user_id, out, valid_days } => {
            let request = sealpost_seal::KeyRequest {
                user_id: &user_id,
                kind: sealpost_seal::KeyKind::Ed25519,
                now: Timestamp::now(),
                valid_for: Some(jiff::SignedDuration::from_hours(24 * i64::from(valid_days))),
                passphrase: None,
            };
            let pair = sealpost_seal::generate(&request)?;
            let public = certificate_beside(&out);
            // Nothing is written then: it may be of a key whose private half was moved into a secret store.
            if public.symlink_metadata().is_ok() {
                return Err(unwritable(&public, &std::io::ErrorKind::AlreadyExists.into()));
            }
            write_private(&out, pair.secret.expose())?;
            write_new(&public, pair.public.as_bytes(), 0o666)?;
            let info = OpenPgp.inspect(pair.public.as_bytes(), Timestamp::now())?;
            output.print(&json!({ "private_key": out, "certificate": public, "info": info }), |_| {
                format!("private key  {}\ncertificate  {}\n{}", out.display(), public.display(), describe(&info))
            });
            if output == Output::Text {
                note("The private key has no passphrase: protect the file, or move it into a secret store.");
            }
        }
        Command::Show { file } => {
            let bytes = std::fs::read(&file)
                .map_err(|error| Error::new(&codes::config::UNREADABLE, format!("{}: {error}", file.display())))?;
            let info = OpenPgp.inspect(&bytes, Timestamp::now()).map_err(|error| error.context(file.display()))?;
            output.print(&info, describe);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the certificate goes: beside `signing.asc` it is `signing.pub.asc`. Any other ending is part of the key's name:
/// `signing.2026` and `signing.2027` have a certificate each.
fn certificate_beside(private: &Path) -> PathBuf {
    if private.extension().is_some_and(|extension| extension == "asc") {
        return private.with_extension("pub.asc");
    }
    let mut name = private.as_os_str().to_owned();
    name.push(".pub.asc");
    PathBuf::from(name)
}

/// Writes a private key that only its owner can read, and never over an existing file.
///
/// # Errors
/// `SP-CONFIG-002`.
pub(crate) fn write_private(file: &Path, bytes: &[u8]) -> Result<()> {
    write_new(file, bytes, 0o600)
}

fn write_new(file: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    opened.and_then(|mut file| file.write_all(bytes)).map_err(|error| unwritable(file, &error))
}

fn unwritable(file: &Path, error: &std::io::Error) -> Error {
    Error::new(&codes::config::UNREADABLE, format!("{} can't be written: {error}", file.display()))
}

fn describe(info: &CertificateInfo) -> String {
    let when = |at: &Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
    let mut lines = vec![format!("fingerprint  {}", info.fingerprint), format!("algorithm    {}", info.algorithm)];
    lines.extend(info.user_ids.iter().map(|user| format!("user id      {user}")));
    lines.extend(
        info.encryption_keys.iter().map(|key| {
            format!("encrypts to  {} ({}), expires {}", key.fingerprint, key.algorithm, when(&key.expires_at))
        }),
    );
    lines.push(format!("expires      {}", when(&info.expires_at)));
    lines.push(format!("messages     {}", if info.aead { "SEIPDv2 (AEAD)" } else { "SEIPDv1" }));
    lines.extend(info.warnings.iter().map(|warning| format!("warning      {warning}")));
    lines.join("\n")
}
