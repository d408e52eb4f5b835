//! What the bench measures, one row per part.

use std::cell::OnceCell;
use std::path::Path;

use anyhow::{Context, Result};

use crate::Contestant;
use crate::arguments::Arguments;
use crate::curve::Curve;
use crate::figures::Figures;
use crate::row::Row;
use crate::site::Site;
use crate::{build, cold, edge, formats, growth, jobs, memory, reports, sealing, size, transfer};

/// A part.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// One line for people.
    pub(crate) summary: &'static str,
    pub(crate) measure: fn(&Bench<'_>) -> Result<Sheet>,
}

/// All parts, in the order in which they run.
pub(crate) static PARTS: &[Part] = &[
    Part { name: "reports", summary: "from the query to the partner's SFTP server, as CSV", measure: reports::measure },
    Part {
        name: "formats",
        summary: "from the query to the store, sealed, in the other formats",
        measure: formats::measure,
    },
    Part { name: "sealing", summary: "1 GiB sealed, nothing else", measure: sealing::measure },
    Part { name: "edge", summary: "the partners' API under load", measure: edge::measure },
    Part { name: "jobs", summary: "1,000 small reports from request to delivery", measure: jobs::measure },
    Part { name: "memory", summary: "peak memory of `serve`, small and large, every format", measure: memory::measure },
    Part {
        name: "growth",
        summary: "how time grows with rows, reports at once and partners",
        measure: growth::measure,
    },
    Part { name: "lambda", summary: "cold starts as a function of AWS Lambda", measure: cold::measure },
    Part { name: "transfer", summary: "SFTP transfers, near and far", measure: transfer::measure },
    Part { name: "size", summary: "the program and the package of the functions", measure: size::measure },
    Part { name: "build", summary: "the release, built from nothing", measure: build::measure },
];

/// The part of this name.
pub(crate) fn find(name: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.name == name)
}

/// What a part found.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    pub(crate) rows: Vec<Row>,
    pub(crate) curves: Vec<Curve>,
    /// For people, where the rows don't say enough.
    pub(crate) remarks: String,
}

impl Sheet {
    /// Rows alone.
    pub(crate) fn of(rows: Vec<Row>) -> Self {
        Self { rows, ..Self::default() }
    }
}

/// What parts have to work with.
pub(crate) struct Bench<'a> {
    pub(crate) arguments: &'a Arguments,
    site: OnceCell<Site>,
    /// What is unpacked, which goes with it.
    unpacked: tempfile::TempDir,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(arguments: &'a Arguments) -> Result<Self> {
        Ok(Self { arguments, site: OnceCell::new(), unpacked: tempfile::tempdir().context("a folder")? })
    }

    /// Where a part may unpack something.
    pub(crate) fn unpacked(&self) -> &Path {
        self.unpacked.path()
    }

    /// Database, SFTP server, partner and keys; made when the first part asks for them.
    pub(crate) fn site(&self) -> Result<&Site> {
        if let Some(site) = self.site.get() {
            return Ok(site);
        }
        println!("{} rows × {} columns in a MariaDB of its own …", self.arguments.rows, crate::data::COLUMNS);
        let site = Site::prepare(self.arguments)?;
        Ok(self.site.get_or_init(|| site))
    }
}

/// Runs contestants in turns, each round beginning with another one, so that nobody always runs after the same
/// neighbour.
pub(crate) fn in_turns(mut contestants: Vec<Contestant<'_>>, rounds: usize) -> Result<Figures> {
    let mut figures = Figures::default();
    let count = contestants.len();
    for round in 0..rounds {
        for place in 0..count {
            let contestant = &mut contestants[(place + round) % count];
            if round < contestant.rounds {
                let name = contestant.name;
                figures.add((contestant.run)().with_context(|| format!("{name} in round {}", round + 1))?);
            }
        }
        println!("round {} of {rounds}", round + 1);
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::PARTS;

    #[test]
    fn every_part_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = PARTS.iter().map(|part| part.name).collect();
        assert_eq!(names.len(), PARTS.len());
    }
}
