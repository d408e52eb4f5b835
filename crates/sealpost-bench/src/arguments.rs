//! The command line of the bench.

use std::path::PathBuf;

use crate::parts::{self, Part};

const USAGE: &str = "\
usage: cargo xtask bench [PART …] [--quick] [--rows N] [--rounds N] [--seconds N] [--json FILE] [--plot FILE]
  --quick      100,800 rows and 3 rounds; transfers of an eighth of the size, beside fewer peers
  --rows N     rows of the table; 1,008,000
  --rounds N   rounds of which medians are taken; 5
  --seconds N  how long the API is under its steady load in each round; 20
  --json FILE  where the table goes: name, unit, better, ours, peer_name, peer, ratio, reach, met; curves beside it
  --plot FILE  where the same goes as a picture (SVG)
with --transfer:
  --only TEXT       workloads whose name has this in it; may be given several times
  --alone           without the peers
  --megabits N      what the far line carries in a second, all connections together; no limit when not given
  --runtime KIND    ours on tokio's `multi` thread runtime, as in the product, or on the `current` thread
  --channels N, --connections N   the connector's settings; what the engine chooses when not given
  --at-once N       small files under way at once; 64
parts, all of them when none is given:
";

/// The first argument of the process that is the API's peer; its second is the port.
pub(crate) const BARE: &str = "bare-axum";

/// The first argument of the process that transfers files for us; its second is the order's file.
pub(crate) const CARRIER: &str = "transfer-carrier";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// Rows of the table.
    pub(crate) rows: u64,
    /// How often each contestant runs.
    pub(crate) rounds: usize,
    /// What runs.
    pub(crate) parts: Vec<&'static Part>,
    /// Less of everything.
    pub(crate) quick: bool,
    /// How files are transferred.
    pub(crate) transfer: Transfer,
    /// How long the API is under its steady load in each round.
    pub(crate) seconds: u64,
    /// Where the JSON goes.
    pub(crate) json: Option<PathBuf>,
    /// Where the picture goes.
    pub(crate) plot: Option<PathBuf>,
    /// The release binary; the one beside ours when not given.
    pub(crate) sealpost: Option<PathBuf>,
    /// The binary of the peer of cold starts.
    pub(crate) hello: Option<PathBuf>,
    /// The package of the functions, where it was built.
    pub(crate) package: Option<PathBuf>,
}

/// How files are transferred.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    /// Parts of the names of workloads; all of them when empty.
    pub(crate) only: Vec<String>,
    /// Without peers.
    pub(crate) alone: bool,
    /// What the far line carries, in Mbit/s.
    pub(crate) megabits: Option<u64>,
    /// Ours on one thread.
    pub(crate) one_thread: bool,
    /// Our connector's channels.
    pub(crate) channels: Option<u32>,
    /// Our connector's connections.
    pub(crate) connections: Option<u32>,
    /// Files that we have under way at once.
    pub(crate) at_once: usize,
}

impl Arguments {
    /// Reads the arguments.
    ///
    /// # Errors
    /// What is wrong, with the usage.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            rows: 1_008_000,
            rounds: 5,
            parts: Vec::new(),
            quick: false,
            transfer: Transfer::default(),
            seconds: 20,
            json: None,
            plot: None,
            sealpost: None,
            hello: None,
            package: None,
        };
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            if let Some(part) = parts::find(argument.strip_prefix("--").unwrap_or(&argument)) {
                parsed.parts.push(part);
                continue;
            }
            let mut value = || rest.next().ok_or_else(|| wrong(&format!("{argument} needs a value")));
            match argument.as_str() {
                "--quick" => {
                    (parsed.rows, parsed.rounds, parsed.seconds, parsed.quick) = (100_800, 3, 8, true);
                }
                "--only" => parsed.transfer.only.push(value()?),
                "--alone" => parsed.transfer.alone = true,
                "--megabits" => parsed.transfer.megabits = Some(positive(&argument, &value()?)?),
                "--runtime" => parsed.transfer.one_thread = one_thread(&value()?)?,
                "--channels" => parsed.transfer.channels = Some(small(&argument, &value()?)?),
                "--connections" => parsed.transfer.connections = Some(small(&argument, &value()?)?),
                "--at-once" => parsed.transfer.at_once = small(&argument, &value()?)? as usize,
                "--seconds" => parsed.seconds = positive(&argument, &value()?)?,
                "--rows" => parsed.rows = positive(&argument, &value()?)?,
                "--rounds" => parsed.rounds = small(&argument, &value()?)? as usize,
                "--json" => parsed.json = Some(value()?.into()),
                "--plot" => parsed.plot = Some(value()?.into()),
                "--hello" => parsed.hello = Some(value()?.into()),
                "--package" => parsed.package = Some(value()?.into()),
                "--sealpost" => parsed.sealpost = Some(value()?.into()),
                other => return Err(wrong(&format!("`{other}` is not an option"))),
            }
        }
        if parsed.parts.is_empty() {
            parsed.parts.extend(parts::PARTS);
        }
        Ok(parsed)
    }
}

fn wrong(what: &str) -> String {
    let parts: String = parts::PARTS.iter().map(|part| format!("  --{:<11} {}\n", part.name, part.summary)).collect();
    format!("{what}\n{USAGE}{parts}")
}

fn positive(option: &str, text: &str) -> Result<u64, String> {
    let number = text.replace([',', '_'], "").parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| wrong(&format!("{option}: expected a whole number above zero")))
}

fn small(option: &str, text: &str) -> Result<u32, String> {
    u32::try_from(positive(option, text)?).map_err(|_| wrong(&format!("{option}: {text} is too large")))
}

fn one_thread(kind: &str) -> Result<bool, String> {
    match kind {
        "current" => Ok(true),
        "multi" => Ok(false),
        other => Err(wrong(&format!("--runtime: `{other}` is neither `multi` nor `current`"))),
    }
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            alone: false,
            megabits: None,
            one_thread: false,
            channels: None,
            connections: None,
            at_once: 64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use crate::parts::PARTS;

    fn parse(text: &str) -> Result<Arguments, String> {
        Arguments::parse(text.split_whitespace().map(str::to_owned))
    }

    fn names(arguments: &Arguments) -> Vec<&'static str> {
        arguments.parts.iter().map(|part| part.name).collect()
    }

    #[test]
    fn later_options_refine_earlier_ones() {
        let parsed = parse("--quick --rounds 7 --json out.json").unwrap();
        assert_eq!((parsed.rows, parsed.rounds), (100_800, 7));
        assert_eq!(parsed.json.unwrap().to_str(), Some("out.json"));
        assert_eq!(parse("").unwrap().rows, 1_008_000);
    }

    #[test]
    fn some_parts_or_all_of_them() {
        assert_eq!(names(&parse("--edge jobs --seconds 4").unwrap()), ["edge", "jobs"]);
        assert_eq!(parse("").unwrap().parts.len(), PARTS.len());
    }

    #[test]
    fn transfers_alone_and_some_of_them() {
        let parsed = parse("--transfer --quick --only send --only loopback --runtime current --channels 4").unwrap();
        assert_eq!((names(&parsed), parsed.quick), (vec!["transfer"], true));
        let transfer = parsed.transfer;
        assert_eq!(transfer.only, ["send", "loopback"]);
        assert!(transfer.one_thread && transfer.channels == Some(4) && transfer.at_once == 64);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in ["--rows 0", "--rows many", "--rounds", "--fast", "--runtime both"] {
            let refused = parse(bad).unwrap_err();
            assert!(refused.contains("usage") && refused.contains("--transfer"), "{bad}");
        }
    }
}
