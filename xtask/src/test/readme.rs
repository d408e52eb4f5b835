//! The README's first command, run as its reader would run it, judged by gpg, jq and Python.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::python;
use super::step::{call, words};
use crate::workspace::{cargo, patient_cargo, read, root};

/// What cargo does before the README's first command starts the program.
const BUILD: [&str; 5] = ["build", "--release", "--locked", "--package", "sealpost"];

/// What the README must say, so that what is tested here is what is promised there.
const COMMANDS: &[&str] = &["cargo run --release -- demo", "cargo xtask test"];

/// The release build, begun before it is needed, with what no test takes of the processor: many of them wait. Dropped, it is ended.
pub(super) struct Building(Child);

impl Building {
    /// Begins it. Where that can't be done, it is built when it is needed.
    pub(super) fn begin() -> Option<Self> {
        let mut command = patient_cargo();
        command.args(BUILD);
        // What it prints would stand between the tests' lines. Whoever needs it calls cargo again, and is told.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().ok().map(Self)
    }

    fn wait(mut self) {
        drop(self.0.wait());
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// With the build that has begun, if one has.
pub(super) fn check(building: Option<Building>) -> Result<(), String> {
    let readme = read(&root().join("README.md"))?;
    for command in COMMANDS {
        if !readme.contains(command) {
            return Err(format!("README.md does not show `{command}`"));
        }
    }
    // In /tmp and with a short name: gpg's agent listens on a socket below, and a socket's path is short.
    let folder = PathBuf::from(format!("/tmp/sealpost-readme-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("create {}: {error}", folder.display()))?;
    building.into_iter().for_each(Building::wait);
    let outcome = demo(&folder);
    drop(
        Command::new("gpgconf")
            .args(["--kill", "all"])
            .env("GNUPGHOME", folder.join("gnupg"))
            .stderr(Stdio::null())
            .status(),
    );
    drop(std::fs::remove_dir_all(&folder));
    outcome
}

fn demo(folder: &Path) -> Result<(), String> {
    call(cargo().args(BUILD))?;
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--quiet", "--manifest-path"]).arg(root().join("Cargo.toml"));
    command.args(["--", "demo", "--once", "--json"]).current_dir(folder);
    let printed = output(&mut command)?;
    let line = printed
        .lines()
        .find(|line| line.starts_with('{'))
        .ok_or(format!("the demo printed no JSON line: {printed}"))?;
    println!("    {line}");
    let result = folder.join("result.json");
    std::fs::write(&result, line).map_err(|error| format!("write {}: {error}", result.display()))?;

    let field = |name: &str| -> Result<String, String> {
        let value = output(Command::new("jq").args(["-er", &format!(".{name}")]).arg(&result));
        value.map(|value| value.trim().to_owned()).map_err(|error| format!("field {name}: {error}"))
    };
    for name in ["report_id", "api_url", "admin_url", "api_key"] {
        field(name)?;
    }
    let status = field("status")?;
    if !matches!(status.as_str(), "succeeded" | "delivered") {
        return Err(format!("the status is `{status}`"));
    }
    let file = folder.join(field("delivered_file")?);
    let key = folder.join(field("recipient_private_key")?);
    let digest = output(Command::new("sha256sum").arg(&file))?;
    if digest.split_whitespace().next() != Some(field("sha256")?.as_str()) {
        return Err(format!("the file's SHA-256 is {digest}, not what the demo said"));
    }
    let rows = decrypted_rows(folder, &key, &file)?;
    if rows != field("row_count")? {
        return Err(format!("gpg decrypted {rows} rows, the demo said {}", field("row_count")?));
    }
    println!("    gpg decrypted it: {rows} rows");
    Ok(())
}

/// Decrypts the file with the stock gpg and counts the rows below the header line.
fn decrypted_rows(folder: &Path, key: &Path, file: &Path) -> Result<String, String> {
    let home = folder.join("gnupg");
    call(Command::new("mkdir").args(["-m", "700"]).arg(&home))?;
    let gpg = || {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--quiet", "--no-tty"]).env("GNUPGHOME", &home);
        gpg
    };
    let plain = folder.join("report.csv");
    call(gpg().arg("--import").arg(key))?;
    call(gpg().arg("--output").arg(&plain).arg("--decrypt").arg(file))?;
    let count =
        "import csv, sys; print(sum(1 for _ in csv.reader(open(sys.argv[1], newline='', encoding='utf-8-sig'))) - 1)";
    let mut python = Command::new("python3");
    python.args(["-c", count]).arg(&plain);
    python::on_path(&mut python);
    output(&mut python).map(|rows| rows.trim().to_owned())
}

/// What the command printed; its errors go to our terminal.
fn output(command: &mut Command) -> Result<String, String> {
    let ran = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let ran = ran.map_err(|error| format!("start {}: {error}", words(command)))?;
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    if ran.status.success() {
        Ok(printed)
    } else {
        Err(format!("{} ended with {}: {printed}", words(command), ran.status))
    }
}
