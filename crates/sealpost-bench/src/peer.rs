//! The stock tools, on the same data.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use sealpost_testkit::mariadb::{PASSWORD, USER};
use sealpost_testkit::server::program;

use crate::figures::Figures;
use crate::site::Site;
use crate::{data, stopwatch};

const DRAIN: &str = include_str!("peer/drain.c");

/// OpenSSH's client at its best on a fast link, found by trying: the cipher that the processor helps with, more and
/// larger requests in flight.
pub(crate) const TUNED: &[&str] = &["-c", "aes128-gcm@openssh.com", "-B", "261120", "-R", "128"];

/// The stock client, its rows thrown away.
pub(crate) fn client(site: &Site) -> Result<Figures> {
    let run = stopwatch::run(site.client("").stdout(Stdio::null()))?;
    Ok(Figures::of([("client s", run.seconds)]))
}

/// Compiles the bare loop of the C client.
///
/// # Errors
/// Without a compiler or the client's library.
pub(crate) fn compile_drain(site: &Site) -> Result<PathBuf> {
    let (source, drain) = (site.file("drain.c"), site.file("drain"));
    fs::write(&source, DRAIN).with_context(|| format!("write {}", source.display()))?;
    let mut compiler = Command::new(program(&["cc", "gcc", "clang"], "build-essential"));
    // The library of the stock client, which comes without its development package.
    let compiled =
        compiler.args(["-O2", "-o"]).arg(&drain).arg(&source).arg("-l:libmariadb.so.3").status().context("start cc")?;
    ensure!(
        compiled.success(),
        "the C client can't be compiled: apt-get install mariadb-client libmariadb3 build-essential"
    );
    Ok(drain)
}

/// The bare loop of the C client: the limit of everyone who reads from the server.
pub(crate) fn c_client(site: &Site, drain: &Path) -> Result<Figures> {
    let mut command = Command::new(drain);
    command
        .args(["127.0.0.1", &site.database.port().to_string(), USER, data::DATABASE, &site.query("")])
        .env("MYSQL_PWD", PASSWORD);
    let printed = site.file("drained");
    let out = fs::File::create(&printed).with_context(|| format!("create {}", printed.display()))?;
    let run = stopwatch::run(command.stdout(out))?;
    let rows = fs::read_to_string(&printed).with_context(|| format!("read {}", printed.display()))?;
    ensure!(rows.trim() == site.rows.to_string(), "the C client read {} rows", rows.trim());
    Ok(Figures::of([("C client s", run.seconds)]))
}

/// `gpg` encrypting a file, into nothing.
pub(crate) fn gpg(site: &Site, file: &Path) -> Result<Figures> {
    let mut command = encrypt(site);
    let run = stopwatch::run(command.args(["--output", "-"]).arg(file).stdout(Stdio::null()))?;
    Ok(Figures::of([("gpg s", run.seconds)]))
}

/// `gpg` encrypting for the partner as we do: not compressed, not signed.
fn encrypt(site: &Site) -> Command {
    let mut command = site.gpg.command();
    command.args([
        "--batch",
        "--quiet",
        "--no-permission-warning",
        "--compress-algo",
        "none",
        "--recipient",
        &site.recipient,
        "--encrypt",
    ]);
    command
}

/// Uploads a file with OpenSSH's client and removes it again, the removal not timed.
pub(crate) fn put(site: &Site, options: &[&str], file: &Path) -> Result<f64> {
    let run = stopwatch::run(&mut sftp(site, options, file)?)?;
    fs::remove_file(site.inbox().join("peer.pgp")).context("remove what sftp put")?;
    Ok(run.seconds)
}

fn sftp(site: &Site, options: &[&str], file: &Path) -> Result<Command> {
    let batch = site.file("put.batch");
    let remote = site.inbox().join("peer.pgp");
    fs::write(&batch, format!("put {} {}\n", file.display(), remote.display()))
        .with_context(|| format!("write {}", batch.display()))?;
    let known = site.file("known_hosts");
    let host = format!("[127.0.0.1]:{} {}\n", site.sshd.port(), site.host_key());
    fs::write(&known, host).with_context(|| format!("write {}", known.display()))?;
    let mut command = Command::new(program(&["sftp"], "openssh-client"));
    command.args([
        "-q",
        "-F",
        "/dev/null",
        "-o",
        "BatchMode=yes",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "StrictHostKeyChecking=yes",
    ]);
    command.arg("-o").arg(format!("UserKnownHostsFile={}", known.display())).args(options);
    command.arg("-i").arg(&site.client_key).args(["-P", &site.sshd.port().to_string(), "-b"]).arg(&batch);
    command.arg(format!("{}@127.0.0.1", site.user)).stdout(Stdio::null());
    Ok(command)
}

/// What one would write without us: the client's tab-separated rows into gpg, the file to the partner.
pub(crate) fn script(site: &Site) -> Result<Figures> {
    let sealed = site.file("script.pgp");
    let upload = sftp(site, &[], &sealed)?;
    let text = format!(
        "set -e -o pipefail\n{} | {} --output {}\n{} >/dev/null",
        shell(&site.client("")),
        shell(&encrypt(site)),
        quoted(&sealed.display().to_string()),
        shell(&upload)
    );
    let run = stopwatch::run(Command::new(program(&["bash"], "bash")).args(["-c", &text]))?;
    fs::remove_file(&sealed).context("remove the script's file")?;
    fs::remove_file(site.inbox().join("peer.pgp")).context("remove what the script put")?;
    Ok(Figures::of([("script s", run.seconds), ("script MiB", run.peak_mib)]))
}

/// A command with its variables, for a shell.
fn shell(command: &Command) -> String {
    let variables = command.get_envs().map(|(name, value)| match value {
        Some(value) => format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())),
        None => format!("{}=", name.to_string_lossy()),
    });
    let words =
        std::iter::once(command.get_program()).chain(command.get_args()).map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::shell;

    #[test]
    fn a_command_survives_the_shell() {
        let mut command = Command::new("printf");
        command.args(["%s|", "it's", "a \"b\"", "$HOME"]).env("X", "y'z");
        let output = Command::new("sh").args(["-c", &shell(&command)]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "it's|a \"b\"|$HOME|");
    }
}
