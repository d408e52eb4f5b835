//! The table: what is compared with what, and which ratio we aim at.

use anyhow::Result;
use serde_json::{Value as Json, json};

use crate::figures::Figures;
use crate::ours::Sample;

/// A line of the table. A ratio above one is in our favour, whichever direction is better.
#[derive(Debug)]
pub(crate) struct Row {
    name: &'static str,
    unit: &'static str,
    better: Better,
    ours: f64,
    peer_name: &'static str,
    peer: f64,
    /// The ratio that we aim at.
    reach: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Higher,
    Lower,
}

impl Row {
    fn ratio(&self) -> f64 {
        match self.better {
            Better::Higher => self.ours / self.peer,
            Better::Lower => self.peer / self.ours,
        }
    }

    fn met(&self) -> bool {
        self.ratio() >= self.reach
    }
}

/// All rows, from the medians.
///
/// # Errors
/// When a figure is missing.
pub(crate) fn rows(figures: &Figures, sample: &Sample) -> Result<Vec<Row>> {
    let count = sample.row_count();
    let (csv, sealed) = (sample.csv_mb(), sample.sealed_mb());
    let speed = |name, unit, amount: f64, ours: &str, peer_name, peer: &str, reach| -> Result<Row> {
        let (ours, peer) = (amount / figures.median(ours)?, amount / figures.median(peer)?);
        Ok(Row { name, unit, better: Better::Higher, ours, peer_name, peer, reach })
    };
    let script = "mariadb | gpg, then sftp";
    Ok(vec![
        // Reading alone takes the stock client as long as the whole path may take us.
        speed(
            "whole path: query, CSV, seal, store, SFTP",
            "rows/s",
            count,
            "ours s",
            "mariadb --quick, read only",
            "client s",
            1.0,
        )?,
        speed("whole path", "MB/s", csv, "ours s", "mariadb --quick, read only", "client s", 1.0)?,
        speed("whole path", "rows/s", count, "ours s", script, "script s", 1.2)?,
        // The server's own speed is the floor for everyone: a C loop that throws the rows away.
        speed(
            "produce: query, CSV, seal, store",
            "rows/s",
            count,
            "produce s",
            "C client, read only",
            "C client s",
            0.9,
        )?,
        speed("produce", "MB/s", csv, "produce s", "gpg --encrypt, from a file", "gpg s", 0.35)?,
        speed("seal alone", "MB/s", csv, "seal s", "gpg --encrypt", "gpg s", 1.0)?,
        speed("deliver", "MB/s", sealed, "deliver s", "sftp put, defaults", "sftp s", 1.2)?,
        speed("deliver", "MB/s", sealed, "deliver s", "sftp put, AES-GCM, 128 × 255 KiB", "tuned sftp s", 1.0)?,
        Row {
            name: "peak memory, whole path",
            unit: "MiB",
            better: Better::Lower,
            ours: figures.median("ours MiB")?,
            peer_name: script,
            peer: figures.median("script MiB")?,
            reach: 1.0,
        },
    ])
}

/// The table for people.
pub(crate) fn table(rows: &[Row]) -> String {
    let names = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    let mut out = format!(
        "{:<names$}  {:>9}  {:>9}  {:<6}  {:>6}  {:>6}  {:<3}  peer\n",
        "name", "ours", "peer", "unit", "ratio", "reach", "met"
    );
    for row in rows {
        let met = if row.met() { "yes" } else { "no" };
        let (ours, peer, ratio) = (short(row.ours), short(row.peer), row.ratio());
        let Row { name, unit, reach, peer_name, .. } = row;
        out.push_str(&format!(
            "{name:<names$}  {ours:>9}  {peer:>9}  {unit:<6}  {ratio:>6.2}  {reach:>6.2}  {met:<3}  {peer_name}\n"
        ));
    }
    out
}

/// The table for machines: an array of rows.
pub(crate) fn json(rows: &[Row]) -> String {
    let rows: Vec<Json> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "unit": row.unit,
                "better": if row.better == Better::Higher { "higher" } else { "lower" },
                "ours": rounded(row.ours),
                "peer_name": row.peer_name,
                "peer": rounded(row.peer),
                "ratio": rounded(row.ratio()),
                "reach": row.reach,
                "met": row.met(),
            })
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&rows).unwrap_or_default();
    text.push('\n');
    text
}

fn short(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(better: Better, ours: f64, peer: f64) -> Row {
        Row { name: "n", unit: "u", better, ours, peer_name: "p", peer, reach: 1.0 }
    }

    #[test]
    fn a_ratio_above_one_is_in_our_favour() {
        assert!(row(Better::Higher, 2.0, 1.0).met());
        assert!(!row(Better::Lower, 2.0, 1.0).met());
        assert_eq!(row(Better::Lower, 2.0, 1.0).ratio(), 0.5);
    }

    #[test]
    fn both_tables_have_every_row() {
        let rows = [row(Better::Higher, 1234.5, 1.0), row(Better::Lower, 2.0, 1.0)];
        let read: Json = serde_json::from_str(&json(&rows)).unwrap();
        assert_eq!(read[1]["met"], false);
        assert_eq!(read[0]["ratio"], 1234.5);
        assert_eq!(table(&rows).lines().count(), 3);
    }
}
