//! The table: what is compared with what, and which ratio we aim at.

use serde_json::{Value as Json, json};

/// A line of the table. A ratio above one is in our favour, whichever direction is better.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) ours: f64,
    pub(crate) peer_name: String,
    pub(crate) peer: f64,
    /// The ratio that we aim at.
    pub(crate) reach: f64,
    /// More about it, for machines: objects that the row's own are put into.
    pub(crate) more: Option<Json>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

impl Row {
    /// Less is better: seconds, milliseconds, MiB.
    pub(crate) fn lower(name: impl Into<String>, unit: &'static str, ours: f64, peer: (&str, f64), reach: f64) -> Self {
        Self::new(name.into(), unit, Better::Lower, ours, peer, reach)
    }

    /// More is better: so many a second.
    pub(crate) fn higher(
        name: impl Into<String>,
        unit: &'static str,
        ours: f64,
        peer: (&str, f64),
        reach: f64,
    ) -> Self {
        Self::new(name.into(), unit, Better::Higher, ours, peer, reach)
    }

    fn new(
        name: String,
        unit: &'static str,
        better: Better,
        ours: f64,
        (peer_name, peer): (&str, f64),
        reach: f64,
    ) -> Self {
        Self { name, unit, better, ours, peer_name: peer_name.to_owned(), peer, reach, more: None }
    }

    /// How much better we are; 0 where one side could not be measured.
    pub(crate) fn ratio(&self) -> f64 {
        let ratio = match self.better {
            Better::Higher => self.ours / self.peer,
            Better::Lower => self.peer / self.ours,
        };
        if ratio.is_finite() { ratio } else { 0.0 }
    }

    pub(crate) fn met(&self) -> bool {
        self.ratio() >= self.reach
    }
}

/// At most so many times the peer's time, as a ratio in our favour.
pub(crate) fn at_most(times: f64) -> f64 {
    1.0 / times
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
    let met = rows.iter().filter(|row| row.met()).count();
    out.push_str(&format!("{met} of {} reached\n", rows.len()));
    out
}

/// The table for machines.
pub(crate) fn json(rows: &[Row]) -> Vec<Json> {
    rows.iter()
        .map(|row| {
            let mut line = json!({
                "name": row.name,
                "unit": row.unit,
                "better": if row.better == Better::Higher { "higher" } else { "lower" },
                "ours": rounded(row.ours),
                "peer_name": row.peer_name,
                "peer": rounded(row.peer),
                "ratio": rounded(row.ratio()),
                "reach": rounded(row.reach),
                "met": row.met(),
            });
            if let Some(more) = &row.more {
                line["clients"] = more.clone();
            }
            line
        })
        .collect()
}

/// A figure for people.
pub(crate) fn short(value: f64) -> String {
    match value {
        1000.0.. => format!("{value:.0}"),
        10.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// To three places: more is noise.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_in_our_favour() {
        assert!(Row::higher("n", "u", 2.0, ("p", 1.0), 1.0).met());
        assert!(!Row::lower("n", "u", 2.0, ("p", 1.0), 1.0).met());
        assert_eq!(Row::lower("n", "u", 2.0, ("p", 1.0), 1.0).ratio(), 0.5);
        assert!(Row::lower("n", "u", 2.0, ("p", 1.0), at_most(2.0)).met());
    }

    #[test]
    fn who_was_not_measured_has_reached_nothing() {
        assert!(!Row::lower("n", "u", 0.0, ("p", 1.0), 0.5).met());
        assert!(!Row::higher("n", "u", 1.0, ("p", 0.0), 0.5).met());
    }

    #[test]
    fn both_tables_have_every_row() {
        let rows = [Row::higher("a", "u", 1234.5, ("p", 1.0), 1.0), Row::lower("b", "u", 2.0, ("p", 1.0), 1.0)];
        let read = json(&rows);
        assert_eq!(read[1]["met"], false);
        assert_eq!(read[0]["ratio"], 1234.5);
        assert_eq!(table(&rows).lines().count(), 4);
        assert!(table(&rows).ends_with("1 of 2 reached\n"));
    }
}
