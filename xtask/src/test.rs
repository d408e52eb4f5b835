//! `cargo xtask test`: everything that is checked, on a machine that has only Rust.

mod arguments;
mod jenkins;
mod node;
pub(crate) mod packages;
pub(crate) mod python;
mod readme;
mod runner;
mod sdk;
mod step;
mod vault;

pub(crate) use step::words;

use std::time::{Duration, Instant};

use arguments::Arguments;
#[cfg(test)]
pub(crate) use jenkins::known;
use step::{Context, STEPS, Step};

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let arguments = Arguments::parse(arguments, &STEPS.map(|step| step.name))?;
    if arguments.list {
        for step in STEPS {
            println!("{:<10}{}", step.name, step.what);
        }
        return Ok(());
    }
    let mut context = Context { runner: arguments.runner.clone(), tests: None };
    let mut done: Vec<(&Step, Duration, Option<String>)> = Vec::new();
    for step in STEPS.iter().filter(|step| arguments.wants(step.name)) {
        println!("\n==> {}: {}", step.name, step.what);
        let start = Instant::now();
        let error = (step.run)(&mut context).err();
        let took = start.elapsed();
        match &error {
            None => println!("<== {}: {:.1} s", step.name, took.as_secs_f64()),
            Some(error) => println!("<== {} FAILED after {:.1} s: {}", step.name, took.as_secs_f64(), error.trim_end()),
        }
        let stop = error.is_some() && step.needed;
        done.push((step, took, error));
        if stop {
            println!("    the steps after it need it");
            break;
        }
    }
    summary(&done, &context)
}

fn summary(done: &[(&Step, Duration, Option<String>)], context: &Context) -> Result<(), String> {
    println!("\n==> summary");
    for (step, took, error) in done {
        let outcome = error.as_ref().map_or("ok", |_| "FAILED");
        println!("    {:<10}{:>8.1} s  {outcome}", step.name, took.as_secs_f64());
    }
    if let Some(tests) = &context.tests {
        println!("{tests}");
    }
    let failed: Vec<&str> = done.iter().filter(|(.., error)| error.is_some()).map(|(step, ..)| step.name).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}
