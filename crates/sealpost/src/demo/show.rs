//! What the demo shows at the end: decrypted rows, digests, the timeline, and what to try next.

use std::io::{BufRead, BufReader, Cursor};
use std::path::Path;
use std::time::Duration;

use sealpost_core::error::{Error, Result, codes};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::folder::Place;
use super::partner::Report;
use super::{Arrived, read, read_secret};

/// The delivered file, decrypted in memory.
pub(super) struct Decrypted {
    /// SHA-256 of the delivered file.
    pub(super) sha256: String,
    /// SHA-256 of what was inside.
    plain_sha256: String,
    plain_size: usize,
    /// Rows inside, without the header.
    pub(super) rows: u64,
    first_lines: Vec<String>,
}

/// Decrypts what arrived with the partner's private key.
pub(super) fn decrypt(file: &Path, private_key: &Path) -> Result<Decrypted> {
    let sealed = read(file)?;
    let mut plain = Vec::new();
    let key = read_secret(private_key)?;
    sealpost_seal::decrypt(Cursor::new(&sealed), &key, None, &mut plain)?;
    let mut lines = 0;
    let mut first_lines = Vec::new();
    for line in BufReader::new(Cursor::new(&plain)).lines() {
        let line = line.map_err(|error| Error::new(&codes::seal::DECRYPT, error.to_string()))?;
        if lines <= 5 {
            first_lines.push(line);
        }
        lines += 1;
    }
    Ok(Decrypted {
        sha256: hex::encode(Sha256::digest(&sealed)),
        plain_sha256: hex::encode(Sha256::digest(&plain)),
        plain_size: plain.len(),
        rows: u64::saturating_sub(lines, 1),
        first_lines,
    })
}

/// The whole story.
pub(super) fn story(report: &Report, shown: &Decrypted, arrived: &Arrived, place: &Place, took: Duration) -> String {
    let mut lines = vec![
        format!("Report {} arrived at the partner.", report.id),
        String::new(),
        format!("  file        {}", arrived.delivered_file.display()),
        format!("  sealed      {} bytes, sha256 {}", report.size, shown.sha256),
        format!("  decrypted   {} bytes, sha256 {}", shown.plain_size, shown.plain_sha256),
        format!("  rows        {}", shown.rows),
        format!("  sealed to   {}", report.recipients),
        format!("  host key    {} (approved)", report.host_key),
        String::new(),
        "First rows, decrypted with the partner's private key:".to_owned(),
    ];
    lines.extend(shown.first_lines.iter().map(|line| format!("  {line}")));
    lines.extend([String::new(), "Timeline:".to_owned()]);
    lines.extend(timeline(&report.timeline));
    lines.extend([
        String::new(),
        format!("Everything took {:.1} s. Try next:", took.as_secs_f64()),
        format!("  export KEY=$(cat {})", place.api_key().display()),
        format!("  curl -H \"Authorization: Bearer $KEY\" {}/v1/report-types", arrived.api_url),
        format!(
            "  curl -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' \\\n       -d '{{\"report_type\":\"employees.v1\",\"format\":\"xlsx\"}}' {}/v1/reports",
            arrived.api_url
        ),
        format!("  curl -H \"Authorization: Bearer $KEY\" {}/v1/reports/{}", arrived.api_url, report.id),
        format!("  gpg --import {} && gpg --decrypt {}", arrived.recipient_private_key.display(), arrived.delivered_file.display()),
        format!("  open {}/docs", arrived.api_url),
        "And as a client of AWS Transfer Family, the same file once more:".to_owned(),
        format!(
            "  export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={} AWS_DEFAULT_REGION=us-east-1",
            arrived.transfers.transfer_access_key_id,
            arrived.transfers.transfer_secret_access_key
        ),
        format!(
            "  aws transfer start-file-transfer --endpoint-url {} --connector-id {} \\\n       --send-file-paths {} --remote-directory-path /inbox",
            arrived.transfers.transfer_url, arrived.transfers.connector_id, arrived.transfers.object_path
        ),
    ]);
    lines.join("\n")
}

/// One line per event: when, what, and how long after the one before.
fn timeline(entries: &[Json]) -> Vec<String> {
    let at = |entry: &Json| entry["at"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let first = entries.first().and_then(at);
    let mut previous = first;
    let mut lines = Vec::new();
    for entry in entries {
        let now = at(entry);
        let since = |start: Option<jiff::Timestamp>| match (start, now) {
            (Some(start), Some(now)) => now.duration_since(start).as_secs_f64(),
            _ => 0.0,
        };
        let event = entry["event"].as_str().unwrap_or_default().replace('_', " ");
        let subject = entry["subject"].as_str().unwrap_or_default();
        lines.push(format!("  {:>7.3} s  (+{:.3})  {subject:<8} {event}", since(first), since(previous)));
        previous = now;
    }
    lines
}
