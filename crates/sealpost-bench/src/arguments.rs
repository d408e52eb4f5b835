//! The command line of the bench.

use std::path::PathBuf;

const USAGE: &str = "\
usage: cargo xtask bench [--quick] [--edge] [--rows N] [--rounds N] [--seconds N] [--json FILE]
  --quick      100,800 rows and 3 rounds
  --edge       the API under load alone
  --seconds N  how long the API is under its steady load in each round; 20
  --rows N     rows of the table; 1,008,000
  --rounds N   rounds of which medians are taken; 5
  --json FILE  also write the table there: name, unit, ours, peer_name, peer, ratio, reach, met";

/// The first argument of the process that is the API's peer; its second is the port.
pub(crate) const BARE: &str = "bare-axum";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Rows of the table.
    pub(crate) rows: u64,
    /// How often each contestant runs.
    pub(crate) rounds: usize,
    /// Only the API under load.
    pub(crate) edge: bool,
    /// How long the API is under its steady load in each round.
    pub(crate) seconds: u64,
    /// Where the JSON goes.
    pub(crate) json: Option<PathBuf>,
    /// The release binary; the one beside ours when not given.
    pub(crate) sealpost: Option<PathBuf>,
}

impl Arguments {
    /// Reads the arguments.
    ///
    /// # Errors
    /// What is wrong, with the usage.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self { rows: 1_008_000, rounds: 5, edge: false, seconds: 20, json: None, sealpost: None };
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--quick" => (parsed.rows, parsed.rounds, parsed.seconds) = (100_800, 3, 8),
                "--edge" => parsed.edge = true,
                "--seconds" => parsed.seconds = positive(&argument, &value()?)?,
                "--rows" => parsed.rows = positive(&argument, &value()?)?,
                "--rounds" => parsed.rounds = usize::try_from(positive(&argument, &value()?)?).unwrap_or(usize::MAX),
                "--json" => parsed.json = Some(value()?.into()),
                "--sealpost" => parsed.sealpost = Some(value()?.into()),
                other => return Err(format!("`{other}` is not an option\n{USAGE}")),
            }
        }
        Ok(parsed)
    }
}

fn positive(option: &str, text: &str) -> Result<u64, String> {
    let number = text.replace([',', '_'], "").parse().ok().filter(|number| *number > 0);
    number.ok_or(format!("{option}: expected a whole number above zero\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn parse(text: &str) -> Result<Arguments, String> {
        Arguments::parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn later_options_refine_earlier_ones() {
        let parsed = parse("--quick --rounds 7 --json out.json").unwrap();
        assert_eq!((parsed.rows, parsed.rounds), (100_800, 7));
        assert_eq!(parsed.json.unwrap().to_str(), Some("out.json"));
        assert_eq!(parse("").unwrap().rows, 1_008_000);
    }

    #[test]
    fn the_edge_alone_and_for_how_long() {
        let parsed = parse("--edge --seconds 4").unwrap();
        assert!(parsed.edge && parsed.seconds == 4);
        assert!(!parse("").unwrap().edge);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in ["--rows 0", "--rows many", "--rounds", "--fast"] {
            assert!(parse(bad).unwrap_err().contains("usage"), "{bad}");
        }
    }
}
