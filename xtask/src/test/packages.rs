//! The Debian packages that the tests need: found by what they bring, installed only when it is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::step::{call, words};
use crate::workspace::{program, root};

/// How a package is noticed.
enum Brings {
    Program(&'static str),
    /// A file, for example a server's module.
    File(&'static str),
    /// A module of Python that Debian ships apart.
    Python(&'static str),
}

use Brings::{File, Program, Python};

/// What the tests use, and the package of Debian 12 that brings it.
const NEEDED: &[(Brings, &str)] = &[
    (Program("mariadbd"), "mariadb-server"),
    (Program("mariadb-install-db"), "mariadb-server"),
    (Program("mariadb"), "mariadb-client"),
    (Program("sshd"), "openssh-server"),
    (Program("sftp"), "openssh-client"),
    (Program("ssh-keygen"), "openssh-client"),
    (File("/usr/lib/openssh/sftp-server"), "openssh-sftp-server"),
    (Program("proftpd"), "proftpd-core"),
    (File("/usr/lib/proftpd/mod_sftp.so"), "proftpd-mod-crypto"),
    (Program("dropbear"), "dropbear-bin"),
    (Program("openssl"), "openssl"),
    (Program("gpg"), "gnupg"),
    (Program("gpg-agent"), "gnupg"),
    (Program("sq"), "sq"),
    (Program("xmllint"), "libxml2-utils"),
    (Program("jq"), "jq"),
    (Program("unzip"), "unzip"),
    (Program("zstd"), "zstd"),
    (Program("curl"), "curl"),
    // The pipeline of deploy/jenkins is evaluated; Debian's groovy starts the default Java.
    (Program("groovy"), "groovy"),
    (File("/usr/lib/jvm/default-java/bin/java"), "default-jre-headless"),
    (Program("python3"), "python3"),
    (Python("ensurepip"), "python3-venv"),
    // C parts of dependencies: SQLite, zstd, AWS-LC.
    (Program("cc"), "build-essential"),
    (Program("c++"), "build-essential"),
    (Program("make"), "build-essential"),
    // RustyVault links OpenSSL.
    (Program("pkg-config"), "pkg-config"),
    (File("/usr/include/openssl/ssl.h"), "libssl-dev"),
];

/// What the bench compares us with, beside the above.
const PEERS: &[(Brings, &str)] = &[(Program("lftp"), "lftp"), (Program("rclone"), "rclone")];

/// Installing a server must not start it: the tests start their own, with their own data and ports.
const QUIET: &str = "\
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\\nexit 101\\n' >$policy
    chmod 755 $policy
    trap 'rm -f $policy' EXIT
fi
";

/// A machine that has just begun installs something of its own: what it holds is waited for, what it left half done is done. apt
/// waits for dpkg's lock, not for that of the lists, and takes a list that did not come for a success. Without fresh ones what is
/// there is installed from.
const INSTALL: &str = "\
set -e
export DEBIAN_FRONTEND=noninteractive
dpkg --configure -a --force-confold || true
try=1
until apt-get -q -o DPkg::Lock::Timeout=300 -o APT::Update::Error-Mode=any update; do
    [ $try -lt 6 ] || break
    try=$((try + 1))
    sleep 20
done
apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold --no-install-recommends install \"$@\"
";

/// Installs what is missing for the tests.
pub(crate) fn install() -> Result<(), String> {
    install_of(NEEDED)
}

/// Whether the sample database is there that some tests load. It is no package, and not ours to hand on.
pub(super) fn look_for_sample() -> Result<(), String> {
    let named = std::env::var_os("SEALPOST_SAKILA").map(PathBuf::from);
    sample_in(&named.unwrap_or_else(|| root().join("../shared/data/sakila")))
}

fn sample_in(folder: &Path) -> Result<(), String> {
    let files = ["schema.sql", "data.sql"].map(|name| folder.join(name));
    match files.iter().find(|file| !file.is_file()) {
        None => Ok(()),
        Some(file) => Err(format!(
            "{} is missing: the tests load the Sakila sample database (https://dev.mysql.com/doc/sakila/en/); \
             set SEALPOST_SAKILA to a folder with its schema.sql and data.sql",
            file.display()
        )),
    }
}

/// Installs what is missing for the bench: all that the tests need, and the peers.
pub(crate) fn install_with_peers() -> Result<(), String> {
    install()?;
    install_of(PEERS)
}

fn install_of(needed: &[(Brings, &'static str)]) -> Result<(), String> {
    let missing = missing(needed);
    if missing.is_empty() {
        println!("    nothing is missing");
        return Ok(());
    }
    println!("    missing: {}", missing.join(" "));
    let by_hand = format!("apt-get update && apt-get install --no-install-recommends {}", missing.join(" "));
    if program("apt-get").is_none() {
        return Err(format!("there is no apt-get here; install what Debian calls {}", missing.join(" ")));
    }
    let mut command =
        as_root().ok_or(format!("neither root nor `sudo -n` is possible; as root, run\n    {by_hand}"))?;
    command.args(["sh", "-c", &format!("{QUIET}{INSTALL}"), "install"]).args(&missing);
    call(&mut command).map_err(|_| format!("the installation failed; as root, see what this says:\n    {by_hand}"))?;
    match self::missing(needed) {
        still if still.is_empty() => Ok(()),
        still => Err(format!("installed, but what {} should bring is still missing", still.join(" "))),
    }
}

/// The packages to install, each once.
fn missing(needed: &[(Brings, &'static str)]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = Vec::new();
    for (brings, package) in needed {
        let there = match brings {
            Program(name) => program(name).is_some(),
            File(path) => Path::new(path).is_file(),
            Python(module) => has_module(module),
        };
        if !there && !packages.contains(package) {
            packages.push(package);
        }
    }
    packages
}

fn has_module(module: &str) -> bool {
    let import = format!("import venv, {module}");
    let imported = Command::new("python3").args(["-c", &import]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    imported.is_ok_and(|status| status.success())
}

/// `env`, as root: directly, or by a sudo that asks nothing.
fn as_root() -> Option<Command> {
    let quiet = |command: &mut Command| command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let id = quiet(Command::new("id").arg("-u")).ok()?;
    if id.stdout.trim_ascii() == b"0" {
        return Some(Command::new("env"));
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "env"]);
    let allowed = quiet(Command::new("sudo").args(["-n", "true"])).is_ok_and(|output| output.status.success());
    println!("    as root by: {}", words(&sudo));
    allowed.then_some(sudo)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{INSTALL, sample_in};

    /// Tests may install nothing: these stand in for what would, and nothing else is on the PATH. The n-th update is the first that
    /// ends well.
    const STAND_INS: &str = r#"
cd "$0"
stand_in() {
    printf '#!/bin/sh\necho "%s $*" >>calls\n%s\n' "$1" "$2" >"$1"
    chmod 755 "$1"
}
stand_in dpkg 'exit 2'
stand_in sleep ''
stand_in apt-get 'case "$*" in *update) [ "$(/bin/grep -c update$ calls)" -ge "$WELL_AT" ] ;; esac'
PATH=$PWD
"#;

    #[test]
    fn lists_that_do_not_come_are_asked_for_six_times_and_not_needed() {
        for (well_at, updates) in [("1", 1), ("3", 3), ("9", 6)] {
            let folder = std::env::temp_dir().join(format!("xtask-apt-{}-{well_at}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let mut sh = Command::new("sh");
            sh.args(["-c", &format!("{STAND_INS}{INSTALL}")]).arg(&folder).arg("jq").env("WELL_AT", well_at);
            assert!(sh.status().unwrap().success(), "{well_at}");
            let calls = std::fs::read_to_string(folder.join("calls")).unwrap();
            let count = |end: &str| calls.lines().filter(|line| line.ends_with(end)).count();
            assert_eq!(
                [count(" update"), count("sleep 20"), count(" install jq")],
                [updates, updates - 1, 1],
                "{calls}"
            );
            assert!(calls.starts_with("dpkg --configure -a --force-confold\n"), "{calls}");
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }

    #[test]
    fn a_missing_sample_database_is_named_with_what_to_set() {
        let folder = std::env::temp_dir().join(format!("xtask-sample-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("schema.sql"), "").unwrap();
        let why = sample_in(&folder).unwrap_err();
        assert!(why.contains("data.sql is missing") && why.contains("SEALPOST_SAKILA"), "{why}");
        std::fs::write(folder.join("data.sql"), "").unwrap();
        assert_eq!(sample_in(&folder), Ok(()));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
