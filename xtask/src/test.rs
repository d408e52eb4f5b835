//! `cargo xtask test`: everything that is checked, on a machine that has only Rust.

mod arguments;
mod components;
mod jenkins;
mod node;
pub(crate) mod packages;
pub(crate) mod pip;
pub(crate) mod python;
mod readme;
mod runner;
mod sdk;
mod step;
mod tools;
mod vault;

pub(crate) use step::{Outcome, words};

use std::time::{Duration, Instant};

use arguments::Arguments;
#[cfg(test)]
pub(crate) use jenkins::known;
use step::{Context, STEPS};

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let arguments = Arguments::parse(arguments, &STEPS.map(|step| step.name))?;
    if arguments.list {
        for step in STEPS {
            println!("{:<10}{}", step.name, step.what);
        }
        return Ok(());
    }
    let mut context = Context { runner: arguments.runner.clone(), tests: None, release: None };
    let mut done = Vec::new();
    for step in STEPS.iter().filter(|step| arguments.wants(step.name)) {
        println!("\n==> {}: {}", step.name, step.what);
        // Not sooner: the steps before use all of the processor.
        if step.name == "tests" && arguments.wants("readme") {
            context.release = readme::Building::begin();
        }
        let start = Instant::now();
        let outcome = match (step.run)(&mut context) {
            // Whoever asks for a step by its name wants it done.
            Ok(Outcome::NotChecked(why)) if arguments.names(step.name) => Err(why),
            outcome => outcome,
        };
        let ended = Ended { step: step.name, took: start.elapsed(), outcome };
        ended.tell();
        let stop = ended.outcome.is_err() && step.needed;
        done.push(ended);
        if stop {
            println!("    the steps after it need it");
            break;
        }
    }
    println!("\n==> summary");
    done.iter().for_each(|ended| println!("{}", ended.line()));
    if let Some(tests) = &context.tests {
        println!("{tests}");
    }
    let failed: Vec<&str> = done.iter().filter(|ended| ended.outcome.is_err()).map(|ended| ended.step).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// A step that has ended.
struct Ended {
    step: &'static str,
    took: Duration,
    outcome: Result<Outcome, String>,
}

impl Ended {
    fn tell(&self) {
        let (step, seconds) = (self.step, self.took.as_secs_f64());
        match &self.outcome {
            Ok(_) => println!("<== {step}: {seconds:.1} s"),
            Err(error) => println!("<== {step} FAILED after {seconds:.1} s: {}", error.trim_end()),
        }
    }

    /// Its line of the summary. What did not run is never called `ok`.
    fn line(&self) -> String {
        let outcome = match &self.outcome {
            Ok(Outcome::Ran) => "ok".to_owned(),
            Ok(Outcome::NotChecked(why)) => format!("NOT CHECKED: {why}"),
            Err(_) => "FAILED".to_owned(),
        };
        format!("    {:<10}{:>8.1} s  {outcome}", self.step, self.took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_calls_ok_only_what_ran() {
        let line = |outcome| Ended { step: "deny", took: Duration::from_millis(1500), outcome }.line();
        assert_eq!(line(Ok(Outcome::Ran)), "    deny           1.5 s  ok");
        let why = "cargo-deny is not installed";
        assert_eq!(line(Ok(Outcome::NotChecked(why.into()))), format!("    deny           1.5 s  NOT CHECKED: {why}"));
        assert_eq!(line(Err("licences".into())), "    deny           1.5 s  FAILED");
    }
}
