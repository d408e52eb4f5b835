//! `cargo xtask deploy`: the stages of a deployment, the same by hand and in Jenkins.
//!
//! `plan` saves the plan, its summary and its digest below `target/deploy/<environment>`; `apply` and `destroy` take that
//! plan and no other, so that what is done is what was read and approved.

mod arguments;
mod json;
mod saved;
mod smoke;
mod summary;
mod terraform;

use arguments::{Action, Arguments};

/// The command.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let arguments = Arguments::parse(arguments)?;
    match &arguments.action {
        Action::Init => terraform::init(&arguments),
        Action::Validate => terraform::validate(&arguments),
        Action::Plan { destroy } => terraform::plan(&arguments, *destroy),
        Action::Summary => terraform::summary(&arguments),
        Action::Apply => terraform::apply(&arguments),
        Action::Destroy { confirmed } => terraform::destroy(&arguments, confirmed.as_deref()),
        Action::Smoke(smoke) => smoke::run(&arguments, smoke),
    }
}

/// Whether these are arguments that `run` understands.
pub(crate) fn check(arguments: &[String]) -> Result<(), String> {
    Arguments::parse(arguments).map(drop)
}
