//! The usual function of Python: pandas, python-gnupg, paramiko, each as its documentation shows it.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use sealpost_testkit::mariadb::{PASSWORD, USER};
use serde_json::json;

use crate::data;
use crate::site::Site;
use crate::stopwatch::{self, Run};

const FUNCTION: &str = include_str!("peer/function.py");

/// Names the interpreter with the libraries; `cargo xtask bench` sets it.
const INTERPRETER: &str = "SEALPOST_BENCH_PYTHON";

/// Runs the function: a file of this kind of these rows, and where `sent` is true sealed and sent.
///
/// # Errors
/// When the libraries are missing or it fails.
pub(crate) fn run(site: &Site, kind: &str, more: &str, sent: bool) -> Result<Run> {
    let (script, told) = (site.file("function.py"), site.file("function.json"));
    fs::write(&script, FUNCTION).with_context(|| format!("write {}", script.display()))?;
    let remote = site.inbox().join("peer.pgp");
    let settings = json!({
        // The password has signs of its own.
        "database": format!("mysql+pymysql://{USER}:{}@127.0.0.1:{}/{}?charset=utf8mb4", encoded(PASSWORD), site.database.port(), data::DATABASE),
        "query": site.query(more).replace(':', "\\:"),
        "kind": kind,
        "file": site.file(&format!("function.{kind}")),
        "gnupghome": site.gpg.home(),
        "recipient": site.recipient,
        "host": "127.0.0.1",
        "port": site.sshd.port(),
        "user": site.user,
        "key": site.client_key,
        "remote": sent.then_some(&remote),
    });
    fs::write(&told, settings.to_string()).with_context(|| format!("write {}", told.display()))?;
    let interpreter = std::env::var_os(INTERPRETER).unwrap_or_else(|| "python3".into());
    let mut command = Command::new("sh");
    // The stopwatch gives commands nothing to read.
    command.args(["-c", "exec \"$0\" \"$1\" <\"$2\""]).arg(interpreter).arg(&script).arg(&told);
    let run = stopwatch::run(command.stdout(Stdio::null())).context("the function of Python")?;
    if sent {
        fs::remove_file(&remote).context("remove what the function sent")?;
    }
    Ok(run)
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn signs_survive_an_address() {
        assert_eq!(super::encoded("a'\"b"), "a%27%22b");
    }
}
