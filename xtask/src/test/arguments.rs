//! The arguments of `cargo xtask test`.

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    skip: Vec<String>,
    only: Vec<String>,
    /// Name the steps and stop.
    pub(super) list: bool,
    /// What goes to the test runner as it is.
    pub(super) runner: Vec<String>,
}

impl Arguments {
    /// Reads the arguments; a step that does not exist is an error, so that a typo skips nothing silently.
    pub(super) fn parse(arguments: &[String], steps: &[&str]) -> Result<Self, String> {
        let mut parsed = Self { skip: Vec::new(), only: Vec::new(), list: false, runner: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--list" => parsed.list = true,
                "--" => parsed.runner.extend(rest.by_ref().cloned()),
                "--skip" | "--only" => {
                    let step = rest.next().ok_or(format!("{argument} needs a step: {}", steps.join(", ")))?;
                    if !steps.contains(&step.as_str()) {
                        return Err(format!("`{step}` is not a step; the steps are {}", steps.join(", ")));
                    }
                    if argument == "--skip" { &mut parsed.skip } else { &mut parsed.only }.push(step.clone());
                }
                other => {
                    return Err(format!(
                        "`{other}` is not an option of `cargo xtask test`; it has --skip, --only, --list and --"
                    ));
                }
            }
        }
        Ok(parsed)
    }

    /// Whether this step is to run.
    pub(super) fn wants(&self, step: &str) -> bool {
        let named = |steps: &[String]| steps.iter().any(|name| name == step);
        !named(&self.skip) && (self.only.is_empty() || named(&self.only))
    }

    /// Whether this step was asked for by its name.
    pub(super) fn names(&self, step: &str) -> bool {
        self.only.iter().any(|name| name == step)
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn parse(text: &str) -> Result<Arguments, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words, &["install", "lint", "tests"])
    }

    #[test]
    fn skip_and_only_choose_steps() {
        let skip = parse("--skip install --skip lint").unwrap();
        assert_eq!(["install", "lint", "tests"].map(|step| skip.wants(step)), [false, false, true]);
        let only = parse("--only tests -- -p x --skip y").unwrap();
        assert_eq!(["install", "lint", "tests"].map(|step| only.wants(step)), [false, false, true]);
        assert_eq!(only.runner, ["-p", "x", "--skip", "y"]);
        assert_eq!([&only, &skip].map(|asked| asked.names("tests")), [true, false]);
    }

    #[test]
    fn a_typo_is_an_error() {
        assert!(parse("--skip instal").unwrap_err().contains("install, lint, tests"));
        assert!(parse("--skip").is_err());
        assert!(parse("--quick").is_err());
    }
}
