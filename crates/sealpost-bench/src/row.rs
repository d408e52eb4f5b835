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

/// A peer's name in the table, and the figure of its seconds.
type Peer = (&'static str, &'static str);

const CLIENT: Peer = ("mariadb --quick, read only", "client s");
const C_CLIENT: Peer = ("C client, read only", "C client s");
const GPG: Peer = ("gpg --encrypt, from a file", "gpg s");
const SFTP: Peer = ("sftp put, defaults", "sftp s");
const TUNED_SFTP: Peer = ("sftp put, AES-GCM, 128 × 255 KiB", "tuned sftp s");
const SCRIPT: Peer = ("mariadb | gpg, then sftp", "script s");

/// All rows, from the medians.
///
/// # Errors
/// When a figure is missing.
pub(crate) fn rows(figures: &Figures, sample: &Sample) -> Result<Vec<Row>> {
    let rows_per_second = ("rows/s", sample.row_count());
    let csv = ("MB/s", sample.csv_mb());
    let sealed = ("MB/s", sample.sealed_mb());
    let speed =
        |name, (unit, amount): (&'static str, f64), ours: &str, (peer_name, peer): Peer, reach| -> Result<Row> {
            let (ours, peer) = (amount / figures.median(ours)?, amount / figures.median(peer)?);
            Ok(Row { name, unit, better: Better::Higher, ours, peer_name, peer, reach })
        };
    Ok(vec![
        // Reading alone takes the stock client as long as the whole path may take us.
        speed("query, CSV, seal, store, SFTP", rows_per_second, "ours s", CLIENT, 1.0)?,
        speed("the same, bytes of CSV", csv, "ours s", CLIENT, 1.0)?,
        speed("the same, beside a script", rows_per_second, "ours s", SCRIPT, 1.2)?,
        // The server's own speed is the floor for everyone: a C loop that throws the rows away.
        speed("query, CSV, seal, store", rows_per_second, "produce s", C_CLIENT, 0.9)?,
        speed("the same, beside sealing a file", csv, "produce s", GPG, 0.35)?,
        speed("seal alone", csv, "seal s", GPG, 1.0)?,
        speed("deliver by SFTP", sealed, "deliver s", SFTP, 1.2)?,
        speed("deliver by SFTP, tuned peer", sealed, "deliver s", TUNED_SFTP, 1.0)?,
        Row {
            name: "peak memory from query to SFTP",
            unit: "MiB",
            better: Better::Lower,
            ours: figures.median("ours MiB")?,
            peer_name: SCRIPT.0,
            peer: figures.median("script MiB")?,
            reach: 1.0,
        },
    ])
}

/// The rows of the API under load.
///
/// # Errors
/// When a figure is missing.
pub(crate) fn edge(figures: &Figures) -> Result<Vec<Row>> {
    let row = |name, unit, better, ours: &str, peer: &str, reach| -> Result<Row> {
        let (ours, peer) = (figures.median(ours)?, figures.median(peer)?);
        Ok(Row { name, unit, better, ours, peer_name: BARE, peer, reach })
    };
    let latency = |name, ours: &str, peer: &str, reach| row(name, "ms", Better::Lower, ours, peer, reach);
    let most = |name, ours: &str, peer: &str, reach| row(name, "1/s", Better::Higher, ours, peer, reach);
    // The peer looks nothing up and syncs nothing to disk: these say what that costs, and hold it where it is. The slowest
    // 5 % are the creates, each of which waits for the disk, one after the other.
    Ok(vec![
        latency("edge: status polls + creates, p50", "edge p50 ms", "bare p50 ms", 0.25)?,
        latency("edge: status polls + creates, p99", "edge p99 ms", "bare p99 ms", 0.1)?,
        latency("edge: status polls + creates, p99.9", "edge p99.9 ms", "bare p99.9 ms", 0.1)?,
        most("edge: most status polls + creates", "edge 1/s", "bare 1/s", 0.05)?,
        most("edge: most status polls", "edge polls 1/s", "bare polls 1/s", 0.1)?,
    ])
}

/// The rows of cold starts. The peer has no configuration, catalogue, ledger or issuers to prepare.
///
/// # Errors
/// When a figure is missing.
pub(crate) fn cold(figures: &Figures) -> Result<Vec<Row>> {
    let row = |name, ours: &str, reach| -> Result<Row> {
        let (ours, peer) = (figures.median(ours)?, figures.median("cold hello ms")?);
        Ok(Row { name, unit: "ms", better: Better::Lower, ours, peer_name: HELLO, peer, reach })
    };
    Ok(vec![
        row("lambda: from exec to the first answer", "cold ms", 0.5)?,
        row("lambda: the same, an authenticated list", "cold list ms", 0.3)?,
    ])
}

const BARE: &str = "a bare axum route";
const HELLO: &str = "hello by lambda_http";

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

/// The table for machines.
pub(crate) fn json(rows: &[Row]) -> Vec<Json> {
    rows.iter()
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
        .collect()
}

fn short(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// To three places: more is noise.
pub(crate) fn rounded(value: f64) -> f64 {
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
    fn every_row_has_a_name_of_its_own() {
        let mut figures = Figures::default();
        for peer in [CLIENT, C_CLIENT, GPG, SFTP, TUNED_SFTP, SCRIPT] {
            figures.add(Figures::of([(peer.1, 1.0)]));
        }
        for name in ["ours s", "produce s", "deliver s", "seal s", "ours MiB", "script MiB"] {
            figures.add(Figures::of([(name, 1.0)]));
        }
        let rows = rows(&figures, &Sample::of(10, 20, 30)).unwrap();
        for name in ["p50 ms", "p99 ms", "p99.9 ms", "1/s", "polls 1/s"] {
            for side in ["edge", "bare"] {
                figures.add(Figures::of([(Box::leak(format!("{side} {name}").into_boxed_str()) as &'static str, 1.0)]));
            }
        }
        let mut rows = rows;
        rows.extend(edge(&figures).unwrap());
        for name in ["cold ms", "cold list ms", "cold hello ms"] {
            figures.add(Figures::of([(name, 1.0)]));
        }
        rows.extend(cold(&figures).unwrap());
        let names: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
    }

    #[test]
    fn both_tables_have_every_row() {
        let rows = [row(Better::Higher, 1234.5, 1.0), row(Better::Lower, 2.0, 1.0)];
        let read = json(&rows);
        assert_eq!(read[1]["met"], false);
        assert_eq!(read[0]["ratio"], 1234.5);
        assert_eq!(table(&rows).lines().count(), 3);
    }
}
