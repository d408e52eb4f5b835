//! The project's own commands: `cargo xtask test | tidy | docs | infra | fuzz-api | package | bench | deploy`.
//!
//! Only the standard library, so that the first of them starts seconds after a clone.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks to its terminal")]

mod bench;
mod deploy;
mod docs;
mod fuzz;
mod infra;
mod package;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
The project's own commands.

  cargo xtask test [--skip STEP]… [--only STEP]… [-- RUNNER-ARGUMENTS]
      Installs the servers that the tests talk to (Debian 12), then checks and tests everything.
      `cargo xtask test --list` names the steps.
  cargo xtask tidy
      The house rules that no compiler checks.
  cargo xtask docs
      Writes what is generated: docs/errors.md.
  cargo xtask infra
      Checks deploy/terraform: formatting, types, tests with a mocked provider, checkov, apply and destroy on an emulator.
      Providers come from the folder that SEALPOST_TERRAFORM_PLUGINS names, from one below /opt or /usr/share, or the network.
  cargo xtask fuzz-api [--minutes N | --examples N] [--seed S] [--plane partner|operator]
      Requests made from the OpenAPI documents against a running product, by schemathesis: valid, invalid, and in
      sequences. Prints what deviates as curl lines. Five minutes for each plane when nothing else is said.
  cargo xtask package [--arch x86_64|arm64] [--config FOLDER] [--zig]
      The binary as a package of AWS Lambda: target/package/sealpost-ARCH.zip, with the configuration and catalogue of a folder.
  cargo xtask bench [--quick] [PART …] [--json FILE] [--plot FILE] [--rows N] [--rounds N]
      Speed and memory beside the stock tools, in the same run.
  cargo xtask deploy <init | validate | plan [--destroy] | summary | apply> --environment E [--folder F]
                     [-- TERRAFORM-ARGUMENTS]
  cargo xtask deploy destroy --environment E --yes-destroy E
  cargo xtask deploy smoke <--environment E | --url U> [--token T | --token-command C] [--report-type R]
                     [--parameters JSON] [--polls N]
      The stages of a deployment to AWS, as Jenkins runs them. `apply` and `destroy` take the plan that `plan` saved.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("test", rest)) => test::run(rest),
        Some(("tidy", [])) => tidy::run(),
        Some(("docs", [])) => docs::write(),
        Some(("infra", [])) => infra::run(),
        Some(("fuzz-api", rest)) => fuzz::run(rest),
        Some(("package", rest)) => package::run(rest),
        Some(("bench", rest)) => bench::run(rest),
        Some(("deploy", rest)) => deploy::run(rest),
        None | Some(("help" | "--help" | "-h", _)) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some((other, rest)) => Err(format!("`{other} {}` is not a command\n\n{USAGE}", rest.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\nxtask: {}", message.trim_end());
            ExitCode::FAILURE
        }
    }
}
