//! The arguments of `cargo xtask deploy`.

use std::path::PathBuf;

use crate::workspace::root;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) action: Action,
    /// A folder of `folder`.
    pub(super) environment: String,
    /// The root modules, one per environment: those of the repository, or somebody's own elsewhere.
    pub(super) folder: PathBuf,
    /// What goes to terraform as it is.
    pub(super) terraform: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Init,
    Validate,
    Plan { destroy: bool },
    Summary,
    Apply,
    Destroy { confirmed: Option<String> },
    Smoke(Smoke),
}

/// What the smoke test asks, and as whom.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Smoke {
    /// Without it, terraform's output `api_url`.
    pub(super) url: Option<String>,
    pub(super) token: Option<Token>,
    /// Without it, the first report type without required parameters.
    pub(super) report_type: Option<String>,
    /// The report's parameters, as a JSON object.
    pub(super) parameters: Option<String>,
    /// How often the report is asked for, a second apart.
    pub(super) polls: Option<u32>,
}

#[derive(PartialEq, Eq)]
pub(super) enum Token {
    Given(String),
    /// A command that prints it.
    Command(String),
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Given(_) => "Given",
            Self::Command(_) => "Command",
        })
    }
}

/// Where the repository has its environments.
const FOLDER: &str = "deploy/terraform/environments";

const ACTIONS: &str = "init, validate, plan, summary, apply, destroy, smoke";

impl Arguments {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let Some((action, rest)) = arguments.split_first() else {
            return Err(format!("`cargo xtask deploy` needs one of {ACTIONS}"));
        };
        let mut action = match action.as_str() {
            "init" => Action::Init,
            "validate" => Action::Validate,
            "plan" => Action::Plan { destroy: false },
            "summary" => Action::Summary,
            "apply" => Action::Apply,
            "destroy" => Action::Destroy { confirmed: None },
            "smoke" => Action::Smoke(Smoke::default()),
            other => return Err(format!("`deploy {other}` is no stage; the stages are {ACTIONS}")),
        };
        let (mut environment, mut folder, mut terraform) = (None, root().join(FOLDER), Vec::new());
        let mut rest = rest.iter();
        while let Some(option) = rest.next() {
            match (option.as_str(), &mut action) {
                ("--", Action::Init | Action::Plan { .. }) => terraform.extend(rest.by_ref().cloned()),
                ("--destroy", Action::Plan { destroy }) => *destroy = true,
                (name, action) => {
                    let mut value = || rest.next().cloned().ok_or(format!("{name} needs a value"));
                    match (name, action) {
                        ("--environment", _) => environment = Some(value()?),
                        ("--folder", _) => folder = PathBuf::from(value()?),
                        ("--yes-destroy", Action::Destroy { confirmed }) => *confirmed = Some(value()?),
                        ("--url", Action::Smoke(smoke)) => smoke.url = Some(value()?),
                        ("--token", Action::Smoke(smoke)) => smoke.token = Some(Token::Given(value()?)),
                        ("--token-command", Action::Smoke(smoke)) => smoke.token = Some(Token::Command(value()?)),
                        ("--report-type", Action::Smoke(smoke)) => smoke.report_type = Some(value()?),
                        ("--parameters", Action::Smoke(smoke)) => smoke.parameters = Some(value()?),
                        ("--polls", Action::Smoke(smoke)) => {
                            let text = value()?;
                            smoke.polls = Some(text.parse().map_err(|_| format!("`{text}` is no number of polls"))?);
                        }
                        _ => return Err(format!("`{name}` is no option of this stage of `cargo xtask deploy`")),
                    }
                }
            }
        }
        let environment = match (environment, &action) {
            (Some(name), _) => checked(name)?,
            (None, Action::Smoke(Smoke { url: Some(_), .. })) => String::new(),
            (None, _) => return Err("--environment is missing, for example `--environment dev`".into()),
        };
        Ok(Self { action, environment, folder, terraform })
    }
}

/// The name becomes part of paths.
fn checked(name: String) -> Result<String, String> {
    let fine = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fine { Ok(name) } else { Err(format!("`{name}` is no name of an environment: a-z, 0-9 and - only")) }
}

#[cfg(test)]
mod tests {
    use super::{Action, Arguments, Smoke, Token};

    fn parse(text: &str) -> Result<Arguments, String> {
        Arguments::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn every_stage_is_understood() {
        for (text, action) in [
            ("init --environment dev", Action::Init),
            ("validate --environment dev", Action::Validate),
            ("plan --environment dev", Action::Plan { destroy: false }),
            ("plan --environment dev --destroy", Action::Plan { destroy: true }),
            ("summary --environment dev", Action::Summary),
            ("apply --environment dev", Action::Apply),
            ("destroy --environment dev", Action::Destroy { confirmed: None }),
            ("destroy --environment dev --yes-destroy dev", Action::Destroy { confirmed: Some("dev".into()) }),
        ] {
            let parsed = parse(text).unwrap();
            assert_eq!((parsed.action, parsed.environment.as_str()), (action, "dev"), "{text}");
            assert!(parsed.folder.ends_with("deploy/terraform/environments") && parsed.terraform.is_empty());
        }
        let smoke = Smoke {
            url: Some("https://x".into()),
            token: Some(Token::Command("./token".into())),
            polls: Some(7),
            ..Smoke::default()
        };
        let parsed = parse("smoke --url https://x --token-command ./token --polls 7").unwrap();
        assert_eq!(parsed.action, Action::Smoke(smoke));
    }

    #[test]
    fn what_follows_the_dashes_goes_to_terraform() {
        let parsed = parse("init --environment dev --folder /own -- -plugin-dir=/opt/plugins -upgrade").unwrap();
        assert_eq!(parsed.folder, std::path::Path::new("/own"));
        assert_eq!(parsed.terraform, ["-plugin-dir=/opt/plugins", "-upgrade"]);
        // A saved plan takes no further arguments: it is what it is.
        assert!(parse("apply --environment dev -- -target=x").is_err());
    }

    #[test]
    fn what_is_missing_or_misspelt_is_an_error() {
        for text in [
            "",
            "aply --environment dev",
            "plan",
            "plan --environment",
            "plan --environment ../prod",
            "plan --environment dev --force",
            "apply --environment dev --destroy",
            "apply --environment dev --yes-destroy dev",
            "smoke --environment dev --polls many",
            "smoke",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let parsed = parse("smoke --url https://x --token s3cret").unwrap();
        assert!(!format!("{parsed:?}").contains("s3cret"));
    }
}
