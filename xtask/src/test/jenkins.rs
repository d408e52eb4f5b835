//! The pipeline of `deploy/jenkins`, evaluated: the Jenkinsfile and the seed job by groovy, the configuration by Python,
//! and the commands that the pipeline calls by calling them.

mod token;

use std::path::Path;
use std::process::Command;

use super::arguments::Arguments;
use super::python;
use super::step::{Outcome, STEPS, call, missing};
use crate::workspace::{program, read, root};
use crate::{USAGE, deploy, fuzz};

/// A root module that needs no provider: terraform has `terraform_data` built in.
const MODULE: &str = "\
resource \"terraform_data\" \"one\" {
  input = sensitive(\"canary-of-a-value\")
}
";

pub(super) fn check() -> Result<Outcome, String> {
    let folder = std::env::temp_dir().join(format!("sealpost-jenkins-{}", std::process::id()));
    let failed = |error: std::io::Error| format!("make {}: {error}", folder.display());
    std::fs::create_dir_all(folder.join("environments/xtask")).map_err(failed)?;
    let outcome = all(&folder);
    drop(std::fs::remove_dir_all(&folder));
    outcome
}

fn all(folder: &Path) -> Result<Outcome, String> {
    pages()?;
    pipeline(folder)?;
    let outcome = stages(folder)?;
    token::check(folder)?;
    company()?;
    smoke()?;
    Ok(outcome)
}

/// The commands of the AWS CLI that the pages show.
fn pages() -> Result<(), String> {
    let mut commands = python::program("python3");
    commands.arg("-B").arg(root().join("xtask/src/test/aws_commands.py"));
    call(commands.args(["docs/deploy-aws.md", "docs/operate.md", "deploy/jenkins/README.md"]).current_dir(root()))
}

/// Scenarios on a stand-in of a controller, then every call of cargo that they made against our own commands.
fn pipeline(folder: &Path) -> Result<(), String> {
    let tests = root().join("deploy/jenkins/test");
    let (controller, calls) = (folder.join("controller.json"), folder.join("calls"));
    let mut casc = python::program("python3");
    call(casc.arg("-B").arg(tests.join("casc.py")).arg(&controller))?;
    let mut groovy = Command::new("groovy");
    groovy.arg("-cp").arg(&tests).arg(tests.join("Check.groovy")).args([&controller, &calls]).current_dir(root());
    // What runs for seconds is not worth optimising: this halves its time.
    groovy.env("JAVA_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
    call(&mut groovy)?;
    let calls = read(&calls)?;
    for line in calls.lines() {
        let words: Vec<String> = line.split('\u{1f}').map(str::to_owned).collect();
        known(&words).map_err(|error| format!("the pipeline calls `{}`: {error}", words.join(" ")))?;
    }
    println!("    {} calls of cargo, all of them commands that exist", calls.lines().count());
    Ok(())
}

/// Whether it is a command of ours, with arguments that it takes.
pub(crate) fn known(words: &[String]) -> Result<(), String> {
    match words {
        [cargo, xtask, command, rest @ ..] if cargo == "cargo" && xtask == "xtask" => match command.as_str() {
            "test" => Arguments::parse(rest, &STEPS.map(|step| step.name)).map(drop),
            "deploy" => deploy::check(rest),
            other if [' ', '\n'].iter().any(|end| USAGE.contains(&format!("cargo xtask {other}{end}"))) => Ok(()),
            _ => Err("there is no such command".into()),
        },
        _ => Err("it is none of ours".into()),
    }
}

/// The stages themselves, from init to destroy, with the real terraform.
fn stages(folder: &Path) -> Result<Outcome, String> {
    if program("terraform").is_none() {
        return missing("terraform is not on the PATH, so the stages of `cargo xtask deploy` did not run");
    }
    let environments = folder.join("environments");
    let module = environments.join("xtask/main.tf");
    std::fs::write(&module, MODULE).map_err(|error| format!("write {}: {error}", module.display()))?;
    let deploy = |stage: &str, more: &[&str]| {
        let folder = environments.to_string_lossy();
        let words = [&[stage, "--environment", "xtask", "--folder", &folder], more].concat();
        deploy::run(&words.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let refused = |outcome: Result<(), String>, what: &str| match outcome {
        Ok(()) => Err(format!("{what} was not refused")),
        Err(_) => Ok(()),
    };
    refused(deploy("apply", &[]), "an apply without a plan")?;
    deploy("init", &[])?;
    deploy("validate", &[])?;
    deploy("plan", &[])?;
    let page = read(&root().join("target/deploy/xtask/summary.md"))?;
    if !page.contains("1 to create") || page.contains("canary") {
        return Err(format!("the summary is not what it should be:\n{page}"));
    }
    refused(deploy("destroy", &["--yes-destroy", "xtask"]), "a plan to apply, for destroying")?;
    deploy("apply", &[])?;
    refused(deploy("apply", &[]), "a plan that was applied already")?;
    deploy("plan", &["--destroy"])?;
    refused(deploy("apply", &[]), "a plan to destroy, for applying")?;
    refused(deploy("destroy", &["--yes-destroy", "prod"]), "another environment's name")?;
    deploy("destroy", &["--yes-destroy", "xtask"])?;
    drop(std::fs::remove_dir_all(root().join("target/deploy/xtask")));
    Ok(Outcome::Ran)
}

/// The configuration of the package, with what Terraform adds.
fn company() -> Result<(), String> {
    let mut check = fuzz::program()?;
    check.arg("--config").arg(root().join("deploy/company/sealpost.toml")).args(["config", "check"]);
    for (key, value) in [
        ("KIND", "mysql"),
        ("HOST", "database.example"),
        ("DATABASE", "leasing"),
        ("USER", "sealpost"),
        ("PASSWORD", "aws-sm:sealpost-dev/database#password"),
    ] {
        check.env(format!("SEALPOST__SOURCES__MAIN__{key}"), value);
    }
    call(&mut check)
}

/// The smoke test, against a running product.
fn smoke() -> Result<(), String> {
    fuzz::with_product("smoke", |url, key| {
        let smoke = |token: &str| deploy::run(&["smoke", "--url", url, "--token", token].map(str::to_owned));
        smoke(key)?;
        if smoke("nobody").is_ok() { Err("a wrong token passed the smoke test".into()) } else { Ok(()) }
    })
}

#[cfg(test)]
mod tests {
    use super::known;

    #[test]
    fn only_commands_that_exist_are_known() {
        let known = |text: &str| known(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for good in [
            "cargo xtask test --only fmt",
            "cargo xtask deploy plan --environment dev",
            "cargo xtask tidy",
            "cargo xtask bench --quick",
        ] {
            assert!(known(good).is_ok(), "{good}");
        }
        for bad in [
            "cargo xtask test --only format",
            "cargo xtask deploy plan",
            "cargo xtask tidi",
            "cargo build",
            "cargo xtask",
        ] {
            assert!(known(bad).is_err(), "{bad}");
        }
    }
}
