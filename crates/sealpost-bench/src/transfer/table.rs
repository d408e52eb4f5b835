//! What came out, for people and for machines.

use serde_json::{Value as Json, json};

use super::peer::TUNED_SFTP;
use super::workload::{Beside, Workload};
use crate::row::{Row, rounded};

/// Ours may have this much memory, in MiB.
const MOST_MIB: f64 = 64.0;
/// What a single raw TCP stream must carry over the line, in MB/s: what it did where the targets come from.
const LINE: f64 = 111.0;

/// A client's medians in one workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) peak_mib: f64,
}

/// Everyone in one workload.
#[derive(Debug)]
pub(super) struct Result {
    pub(super) workload: Workload,
    pub(super) ours: Standing,
    pub(super) peers: Vec<Standing>,
}

/// One client in one workload: its medians, or why there are none.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) name: &'static str,
    pub(super) outcome: std::result::Result<Outcome, String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// A raw stream over each line: its round trip in milliseconds, MB/s.
    pub(super) lines: Vec<(u64, f64)>,
    pub(super) results: Vec<Result>,
}

impl Result {
    /// The peer of the ratio.
    pub(super) fn peer(&self) -> Option<(&'static str, Outcome)> {
        let ran = self.peers.iter().filter_map(|peer| Some((peer.name, *peer.outcome.as_ref().ok()?)));
        match self.workload.beside {
            Beside::TunedSftp => ran.into_iter().find(|(name, _)| *name == TUNED_SFTP),
            Beside::Fastest => ran.min_by(|one, other| one.1.seconds.total_cmp(&other.1.seconds)),
        }
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.peer()?.1.seconds / self.ours.outcome.as_ref().ok()?.seconds)
    }

    fn met(&self) -> bool {
        self.ratio().is_some_and(|ratio| ratio >= self.workload.reach)
    }

    fn speed(&self, outcome: Outcome) -> f64 {
        self.workload.shape.megabytes() / outcome.seconds
    }

    fn cells(&self, outcome: Option<Outcome>) -> String {
        outcome.map_or(format!("{:>7} {:>7} {:>6} {:>5}", "-", "-", "-", "-"), |outcome| {
            let Outcome { seconds, cpu_seconds, peak_mib } = outcome;
            format!("{seconds:>7.2} {:>7.1} {cpu_seconds:>6.2} {peak_mib:>5.0}", self.speed(outcome))
        })
    }
}

impl Table {
    /// For people.
    pub(super) fn text(&self) -> String {
        let width = 34;
        let cells = format!("{:>7} {:>7} {:>6} {:>5}", "s", "MB/s", "CPU s", "MiB");
        let mut out =
            format!("{:<width$} {:<27}  {:<27}  {:>6} {:>6} met  peer\n", "", "ours", "peer", "ratio", "reach");
        out.push_str(&format!("{:<width$} {cells}  {cells}\n", ""));
        for result in &self.results {
            let peer = result.peer();
            out.push_str(&format!(
                "{:<width$} {}  {}  {:>6} {:>6.2} {:<3}  {}\n",
                result.workload.name,
                result.cells(result.ours.outcome.as_ref().ok().copied()),
                result.cells(peer.map(|(_, outcome)| outcome)),
                result.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
                result.workload.reach,
                if result.met() { "yes" } else { "no" },
                peer.map_or("none", |(name, _)| name),
            ));
        }
        if let Some(peak) = self.peak() {
            let met = if peak <= MOST_MIB { "yes" } else { "no" };
            out.push_str(&format!("our peak memory {peak:.0} MiB of {MOST_MIB:.0}: {met}\n"));
        }
        for (milliseconds, speed) in &self.lines {
            out.push_str(&format!("the line of {milliseconds} ms: one raw TCP stream of 256 MiB {speed:.0} MB/s\n"));
        }
        for result in &self.results {
            for standing in std::iter::once(&result.ours).chain(&result.peers) {
                if let Err(why) = &standing.outcome {
                    out.push_str(&format!("failed: {}: {}: {why}\n", result.workload.name, standing.name));
                }
            }
        }
        out
    }

    /// The rows of the common table, with more about each client.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for result in &self.results {
            let ours = result.ours.outcome.as_ref().map_or(0.0, |outcome| result.speed(*outcome));
            let peer = result.peer().map_or(("none", 0.0), |(name, peer)| (name, result.speed(peer)));
            let name = format!("transfer: {}", result.workload.name);
            let mut row = Row::higher(name, "MB/s", ours, peer, result.workload.reach);
            let clients = std::iter::once(&result.ours).chain(&result.peers);
            row.more = Some(clients.map(|standing| client(result, standing)).collect());
            rows.push(row);
        }
        if let Some(peak) = self.peak() {
            rows.push(Row::lower("transfer: peak memory", "MiB", peak, ("the limit", MOST_MIB), 1.0));
        }
        for (milliseconds, speed) in &self.lines {
            let name = format!("transfer: the line of {milliseconds} ms, raw TCP");
            rows.push(Row::higher(name, "MB/s", *speed, ("what it must carry", LINE), 1.0));
        }
        rows
    }

    fn peak(&self) -> Option<f64> {
        let ours = self.results.iter().filter_map(|result| result.ours.outcome.as_ref().ok());
        ours.map(|outcome| outcome.peak_mib).max_by(f64::total_cmp)
    }
}

fn client(result: &Result, standing: &Standing) -> Json {
    match &standing.outcome {
        Ok(outcome) => json!({
            "name": standing.name,
            "seconds": rounded(outcome.seconds),
            "mb_per_second": rounded(result.speed(*outcome)),
            "cpu_seconds": rounded(outcome.cpu_seconds),
            "peak_mib": rounded(outcome.peak_mib),
        }),
        Err(why) => json!({ "name": standing.name, "failure": why }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::WORKLOADS;
    use super::*;

    fn standing(name: &'static str, seconds: f64) -> Standing {
        Standing { name, outcome: Ok(Outcome { seconds, cpu_seconds: 1.0, peak_mib: 20.0 }) }
    }

    fn table(workload: usize) -> Table {
        let failed = Standing { name: "lftp", outcome: Err("no such cipher".to_owned()) };
        let peers = vec![standing(TUNED_SFTP, 4.0), failed, standing("rclone", 3.0)];
        let result = Result { workload: WORKLOADS[workload], ours: standing("ours", 1.0), peers };
        Table { lines: vec![(50, 120.0)], results: vec![result] }
    }

    #[test]
    fn the_ratio_is_with_the_peer_that_the_target_names() {
        assert_eq!(table(0).rows()[0].peer_name, TUNED_SFTP);
        let far = crate::row::json(&table(6).rows());
        assert_eq!((&far[0]["peer_name"], &far[0]["ratio"]), (&json!("rclone"), &json!(3.0)));
        assert_eq!(far[0]["met"], false);
        assert_eq!(far[0]["clients"][2]["failure"], "no such cipher");
    }

    #[test]
    fn who_failed_is_named_and_ours_failing_misses_the_target() {
        let mut table = table(0);
        assert!(table.text().contains("failed: send 1 GiB, loopback: lftp: no such cipher"));
        table.results[0].ours.outcome = Err("being built".to_owned());
        assert!(!table.rows()[0].met());
        assert!(table.text().contains("ours: being built"));
    }
}
