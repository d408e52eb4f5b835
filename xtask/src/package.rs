//! `cargo xtask package`: the binary as a package of AWS Lambda, for one architecture.
//!
//! The package runs on Amazon Linux 2023, whose glibc is 2.34: the binary's own symbols say whether it does. It is
//! reproducible: the same sources, compiler and architecture give the same bytes, wherever they are built.

mod build;
mod elf;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::root;

/// The newest glibc whose symbols the binary may need.
const GLIBC: elf::Version = elf::Version(2, 34);
/// The largest package. Lambda itself takes 50 MB; a larger one takes longer to begin.
const LARGEST: u64 = 15_000_000;
/// Writes the archive: `zip.py OUT NAME=FILE…`, and prints its SHA-256.
const ZIP: &str = include_str!("package/zip.py");

/// What to pack.
struct Options {
    architecture: Architecture,
    config: Option<PathBuf>,
    zig: bool,
}

/// An architecture of Lambda.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// What an ELF file says (`e_machine`).
    fn machine(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Arm64 => 183,
        }
    }

    fn is_this_machines(self) -> bool {
        let here = std::env::consts::ARCH;
        here == self.name() || (self == Self::Arm64 && here == "aarch64")
    }
}

/// Where the package for this machine's kind of processor is, once it was built.
pub(crate) fn archive() -> PathBuf {
    let this = [Architecture::X86_64, Architecture::Arm64].into_iter().find(|one| one.is_this_machines());
    build::target().join("package").join(archive_name(this.unwrap_or(Architecture::X86_64)))
}

fn archive_name(architecture: Architecture) -> String {
    format!("sealpost-{}.zip", architecture.name())
}

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let options = read(arguments)?;
    let binary = build::build(options.architecture, options.zig)?;
    check(&binary, options.architecture)?;
    let folder = build::target().join("package");
    std::fs::create_dir_all(&folder).map_err(|error| format!("make {}: {error}", folder.display()))?;
    let archive = folder.join(archive_name(options.architecture));
    let digest = pack(&archive, &entries(&binary, options.config.as_deref())?)?;
    let size = |file: &Path| std::fs::metadata(file).map(|found| found.len()).unwrap_or_default();
    let (packed, plain) = (size(&archive), size(&binary));
    println!("\n{}", archive.display());
    println!("  {packed} bytes zipped, the binary {plain}; SHA-256 {digest}");
    if packed > LARGEST {
        return Err(format!("the package has {packed} bytes, more than {LARGEST}"));
    }
    Ok(())
}

fn read(arguments: &[String]) -> Result<Options, String> {
    let here = if Architecture::Arm64.is_this_machines() { Architecture::Arm64 } else { Architecture::X86_64 };
    let mut options = Options { architecture: here, config: None, zig: false };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match (argument.as_str(), rest.as_slice().first()) {
            ("--zig", _) => options.zig = true,
            ("--arch", Some(name)) => {
                let known = [Architecture::X86_64, Architecture::Arm64].into_iter().find(|one| one.name() == name);
                options.architecture = known.ok_or_else(|| format!("`{name}`: x86_64 or arm64"))?;
                rest.next();
            }
            ("--config", Some(folder)) => {
                options.config = Some(PathBuf::from(folder));
                rest.next();
            }
            _ => {
                return Err(format!(
                    "`{argument}`: cargo xtask package [--arch x86_64|arm64] [--config FOLDER] [--zig]"
                ));
            }
        }
    }
    Ok(options)
}

/// Whether the binary runs where it is to.
fn check(binary: &Path, architecture: Architecture) -> Result<(), String> {
    let bytes = std::fs::read(binary).map_err(|error| format!("read {}: {error}", binary.display()))?;
    let needs = elf::read(&bytes).map_err(|why| format!("{}: {why}", binary.display()))?;
    if needs.machine != architecture.machine() {
        return Err(format!("{} is for another architecture (ELF machine {})", binary.display(), needs.machine));
    }
    let newer: Vec<String> = needs.glibc.iter().filter(|version| **version > GLIBC).map(ToString::to_string).collect();
    if !newer.is_empty() {
        return Err(format!(
            "the binary needs glibc {}; Amazon Linux 2023 has {GLIBC}. Build it with `--zig`, which links against {GLIBC} wherever it runs",
            newer.join(", ")
        ));
    }
    let newest = needs.glibc.iter().max().map_or_else(|| "none: it is static".to_owned(), ToString::to_string);
    println!("needs glibc {newest}; libraries: {}", needs.libraries.join(", "));
    Ok(())
}

/// What goes into the package, by its name there: the binary, and of a folder its configuration with all that belongs to it.
fn entries(binary: &Path, config: Option<&Path>) -> Result<Vec<(String, PathBuf)>, String> {
    let mut entries = vec![("bootstrap".to_owned(), binary.to_owned())];
    if let Some(folder) = config {
        if !folder.join("sealpost.toml").is_file() {
            return Err(format!("there is no sealpost.toml in {}", folder.display()));
        }
        entries.push(("sealpost.toml".to_owned(), folder.join("sealpost.toml")));
        let before = entries.len();
        authorities(folder, &mut entries)?;
        if entries.len() == before {
            println!(
                "note: {} has no certificate authorities (*.pem); a database of RDS needs rds-ca.pem (docs/deploy-aws.md)",
                folder.display()
            );
        }
        walk(&folder.join("catalogue"), "catalogue", &mut entries)?;
    }
    entries.sort();
    Ok(entries)
}

/// Certificate authorities beside the configuration, such as RDS's `rds-ca.pem`. Keys don't belong into a package.
fn authorities(folder: &Path, entries: &mut Vec<(String, PathBuf)>) -> Result<(), String> {
    let unreadable = |error| format!("read {}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".pem") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| format!("read {}: {error}", path.display()))?;
        if text.contains("PRIVATE KEY") {
            return Err(format!(
                "{} has a private key: put it into a secret store, not into a package",
                path.display()
            ));
        }
        entries.push((name, path));
    }
    Ok(())
}

fn walk(folder: &Path, name: &str, entries: &mut Vec<(String, PathBuf)>) -> Result<(), String> {
    let unreadable = |error| format!("read {}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let inside = format!("{name}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            walk(&path, &inside, entries)?;
        } else {
            entries.push((inside, path));
        }
    }
    Ok(())
}

/// Writes the archive; gives its SHA-256.
fn pack(archive: &Path, entries: &[(String, PathBuf)]) -> Result<String, String> {
    let mut zip = Command::new("python3");
    zip.args(["-c", ZIP]).arg(archive).current_dir(root());
    for (name, file) in entries {
        let file = std::path::absolute(file).map_err(|error| format!("{}: {error}", file.display()))?;
        zip.arg(format!("{name}={}", file.display()));
    }
    let output = zip.output().map_err(|error| format!("start python3: {error}"))?;
    if !output.status.success() {
        return Err(format!("the archive: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
