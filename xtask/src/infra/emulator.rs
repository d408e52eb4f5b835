//! What the emulator of AWS (moto) holds of it: applied, looked at again, destroyed.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::terraform::{Terraform, output};
use crate::test::python;

/// It imports for some seconds, on a busy machine for more.
const PATIENCE: Duration = Duration::from_secs(90);

/// `apply`, a `plan` that would make nothing anew, `destroy`; how many resources it were.
pub(super) fn run(terraform: &Terraform, folder: &Path) -> Result<String, String> {
    let emulator = Emulator::start()?;
    let call = |arguments: &[&str]| {
        let mut command = terraform.command(folder);
        command.args(arguments).args(["-input=false", "-no-color"]);
        command.envs([("AWS_ACCESS_KEY_ID", "emulated"), ("AWS_SECRET_ACCESS_KEY", "emulated")]);
        command.env("AWS_ENDPOINT_URL", &emulator.url);
        output(&mut command)
    };
    // Most of the time the provider waits until what it made can be seen everywhere.
    let made = call(&["apply", "-auto-approve", "-parallelism=30"])?;
    let tally = tally(&made, "Apply complete!")?;
    // It forgets some attributes, so there is something to change again; but nothing may be new or go.
    let settled = call(&["plan"]).and_then(|printed| is_settled(&printed));
    // The emulator can't delete the first; the others go with their queues, and the provider would watch each for half a minute.
    let gone_with_others =
        ["module.identity.aws_cognito_resource_server.this", "module.queues.aws_sqs_queue_policy.this"];
    output(terraform.command(folder).args(["state", "rm"]).args(gone_with_others))?;
    let removed = call(&["destroy", "-auto-approve", "-parallelism=30"])
        .and_then(|printed| self::tally(&printed, "Destroy complete!"));
    settled?;
    Ok(format!("{tally} {}", removed?))
}

fn is_settled(printed: &str) -> Result<(), String> {
    let plan = printed.lines().find(|line| line.starts_with("Plan: ") || line.starts_with("No changes."));
    match plan {
        Some(plan) if plan.starts_with("No") => Ok(()),
        Some(plan) if plan.starts_with("Plan: 0 to add,") && plan.contains(" 0 to destroy") => Ok(()),
        _ => Err(format!("what was just made would be made anew\n{printed}")),
    }
}

/// The line that tells how many resources it were, without colours and the first words.
fn tally(printed: &str, begin: &str) -> Result<String, String> {
    let line = printed.lines().find_map(|line| line.trim().strip_prefix(begin)).map(str::trim);
    line.map(str::to_owned).ok_or_else(|| format!("`{begin}` is not said\n{printed}"))
}

/// moto, for as long as the value lives.
struct Emulator {
    child: Child,
    url: String,
}

impl Emulator {
    fn start() -> Result<Self, String> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| format!("find a free port: {error}"))?;
        let mut command = python::program("moto_server");
        command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("start moto_server (`cargo xtask test --only python`): {error}"))?;
        let mut emulator = Self { child, url: format!("http://{address}") };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = emulator.child.try_wait() {
                return Err(format!("moto_server ended with {status}"));
            }
            if begun.elapsed() > PATIENCE {
                return Err("moto_server does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(emulator)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::{is_settled, tally};

    #[test]
    fn what_would_be_made_anew_is_not_settled() {
        assert!(is_settled("x\nPlan: 0 to add, 2 to change, 0 to destroy.\n").is_ok());
        assert!(is_settled("No changes. Your infrastructure matches the configuration.").is_ok());
        assert!(is_settled("Plan: 1 to add, 0 to change, 1 to destroy.").is_err());
        assert!(is_settled("Error: no").is_err());
    }

    #[test]
    fn a_tally_that_is_missing_is_an_error() {
        let printed = "x\n\nApply complete! Resources: 49 added, 0 changed, 0 destroyed.\n\nOutputs:\n";
        assert_eq!(tally(printed, "Apply complete!").unwrap(), "Resources: 49 added, 0 changed, 0 destroyed.");
        assert!(tally("Error: no", "Apply complete!").is_err());
    }
}
