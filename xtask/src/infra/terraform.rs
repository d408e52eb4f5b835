//! Terraform itself, and where its providers come from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::test::python;
use crate::workspace::program;

/// Names a folder of providers, as `terraform providers mirror` makes it.
const VARIABLE: &str = "SEALPOST_TERRAFORM_PLUGINS";
/// In such a folder: the one provider that is needed.
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";
/// Where machines without network have such folders, at most two levels down.
const PLACES: [&str; 2] = ["/opt", "/usr/share"];

/// Whether the lock files have hashes for this platform.
pub(super) fn is_locked_platform() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

/// The program, and its folder of providers where there is one.
pub(super) struct Terraform {
    program: PathBuf,
    plugins: Option<PathBuf>,
}

impl Terraform {
    /// The one on the PATH. A machine of CI without one fails; a developer's is told so.
    pub(super) fn find() -> Result<Option<Self>, String> {
        let Some(program) = program("terraform") else {
            let what = "`terraform` is not on the PATH: deploy/terraform is NOT CHECKED";
            if std::env::var_os("CI").is_some() {
                return Err(what.into());
            }
            println!("\n    !!! {what}. Install it: https://developer.hashicorp.com/terraform/install\n");
            return Ok(None);
        };
        let plugins = match std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => {
                let folder = PathBuf::from(folder);
                if !folder.join(PROVIDER).is_dir() {
                    return Err(format!("{VARIABLE} is {}, where there is no {PROVIDER}", folder.display()));
                }
                Some(folder)
            }
            None => mirror(PLACES.map(Path::new)),
        };
        Ok(Some(Self { program, plugins }))
    }

    pub(super) fn description(&self) -> String {
        let providers = self.plugins.as_ref().map(|folder| folder.display().to_string());
        format!("{}, providers from {}", self.program.display(), providers.as_deref().unwrap_or("the network"))
    }

    /// `init` without the backend: nobody's state is touched.
    pub(super) fn init(&self, folder: &Path) -> Result<String, String> {
        let mut command = self.command(folder);
        command.args(["init", "-backend=false", "-input=false", "-no-color"]);
        if let Some(plugins) = &self.plugins {
            let mut option = std::ffi::OsString::from("-plugin-dir=");
            option.push(plugins);
            command.arg(option);
        }
        output(&mut command)
    }

    pub(super) fn check_format(&self, folder: &Path) -> Result<(), String> {
        output(self.command(folder).args(["fmt", "-check", "-recursive", "-diff", "-no-color"])).map(drop)
    }

    pub(super) fn validate(&self, folder: &Path) -> Result<(), String> {
        output(self.command(folder).args(["validate", "-no-color"])).map(drop)
    }

    /// `terraform test`; its last line, with the numbers.
    pub(super) fn test(&self, folder: &Path) -> Result<String, String> {
        let printed = output(self.command(folder).args(["test", "-no-color"]))?;
        let tally = printed.lines().rev().find(|line| line.contains(" passed, ")).unwrap_or_default().to_owned();
        // No test found is a success to terraform.
        if tally.is_empty() || tally.contains(" 0 passed") { Err(format!("no test ran\n{printed}")) } else { Ok(tally) }
    }

    /// A command in a folder; nothing of the user's own settings and credentials counts.
    pub(super) fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(folder).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || (text.starts_with("TF_") && text != "TF_CLI_CONFIG_FILE") {
                command.env_remove(&name);
            }
        }
        command.envs([("TF_IN_AUTOMATION", "1"), ("CHECKPOINT_DISABLE", "1"), ("AWS_EC2_METADATA_DISABLED", "true")]);
        if self.plugins.is_some() {
            command.env("TF_CLI_CONFIG_FILE", "/dev/null");
        } else {
            let cache = python::cache().join("terraform-plugins");
            // Without it every root module fetches the provider anew; it works all the same.
            if std::fs::create_dir_all(&cache).is_ok() {
                command.env("TF_PLUGIN_CACHE_DIR", cache);
            }
        }
        command
    }
}

/// Runs a command to its end; what it printed.
pub(super) fn output(command: &mut Command) -> Result<String, String> {
    let ran = command.output().map_err(|error| format!("start {}: {error}", command.get_program().display()))?;
    let printed = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if ran.status.success() {
        return Ok(printed);
    }
    let folder = command.get_current_dir().map(|folder| format!(" in {}", folder.display())).unwrap_or_default();
    Err(format!("{}{folder} ended with {}\n{printed}", crate::test::words(command), ran.status))
}

/// The first folder with the provider: one of these, or one or two levels below.
fn mirror<'a>(places: impl IntoIterator<Item = &'a Path>) -> Option<PathBuf> {
    let below = |folder: &PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    let mut level: Vec<PathBuf> = places.into_iter().map(Path::to_path_buf).collect();
    for _ in 0..3 {
        if let Some(found) = level.iter().find(|folder| folder.join(PROVIDER).is_dir()) {
            return Some(found.clone());
        }
        level = level.iter().flat_map(below).collect();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{PROVIDER, mirror};

    #[test]
    fn a_folder_of_providers_is_found_two_levels_down_and_no_further() {
        let place = std::env::temp_dir().join(format!("sealpost-mirror-{}", std::process::id()));
        let make = |folder: &str| std::fs::create_dir_all(place.join(folder).join(PROVIDER)).unwrap();
        std::fs::create_dir_all(&place).unwrap();
        assert_eq!(mirror([place.as_path()]), None);
        make("a/b/c");
        assert_eq!(mirror([place.as_path()]), None);
        make("terraform/plugins");
        assert_eq!(mirror([place.as_path()]), Some(place.join("terraform/plugins")));
        make("mirror");
        assert_eq!(mirror([place.as_path()]), Some(place.join("mirror")));
        std::fs::remove_dir_all(&place).unwrap();
    }
}
