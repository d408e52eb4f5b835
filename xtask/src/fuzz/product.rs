//! A product to fuzz: `sealpost demo` with its made-up company, in a folder of its own, on free ports.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::arguments::Plane;
use crate::workspace::read;

/// A running product.
pub(super) struct Product {
    child: Child,
    folder: PathBuf,
    api_url: String,
    admin_url: String,
    api_key: String,
}

impl Product {
    /// Starts it below `folder`, which is made anew, and waits until it has delivered its first report.
    pub(super) fn start(folder: &Path) -> Result<Self, String> {
        drop(std::fs::remove_dir_all(folder));
        std::fs::create_dir_all(folder).map_err(|error| format!("create {}: {error}", folder.display()))?;
        let log = std::fs::File::create(folder.join("log"));
        let log = log.map_err(|error| format!("create a file in {}: {error}", folder.display()))?;
        let demo = folder.join("demo");
        let mut command = Command::new(binary()?);
        command.args(["--json", "demo", "--folder"]).arg(&demo).current_dir(folder);
        command.envs([("SEALPOST__API__LISTEN", "127.0.0.1:0"), ("SEALPOST__ADMIN__LISTEN", "127.0.0.1:0")]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = child.map_err(|error| format!("start the product: {error}"))?;
        let mut line = String::new();
        if let Some(pipe) = child.stdout.take() {
            let mut pipe = BufReader::new(pipe);
            drop(pipe.read_line(&mut line));
            // Whatever else it prints is read away, so that it never waits for us.
            std::thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink()));
        }
        let text = |name: &str| member(&line, name).unwrap_or_default().to_owned();
        let product = Self {
            child,
            folder: demo,
            api_url: text("api_url"),
            admin_url: text("admin_url"),
            api_key: text("api_key"),
        };
        if product.api_key.is_empty() {
            let log = product.stop();
            return Err(format!("the product did not start: {line}{log}"));
        }
        Ok(product)
    }

    /// Where a plane is served.
    pub(super) fn url(&self, plane: Plane) -> &str {
        match plane {
            Plane::Partner => &self.api_url,
            Plane::Operator => &self.admin_url,
        }
    }

    /// An API key of its partner.
    pub(super) fn key(&self) -> &str {
        &self.api_key
    }

    /// What the configurations and `narrow.py` ask for.
    pub(super) fn environment(&self) -> Result<[(&'static str, String); 5], String> {
        Ok([
            ("SEALPOST_FUZZ_API", self.api_url.clone()),
            ("SEALPOST_FUZZ_ADMIN", self.admin_url.clone()),
            ("SEALPOST_FUZZ_KEY", self.api_key.clone()),
            ("SEALPOST_FUZZ_TOKEN", read(&self.folder.join("secrets/admin-token"))?.trim().to_owned()),
            ("SEALPOST_FUZZ_CERTIFICATE", read(&self.folder.join("partners/nordwind.asc"))?),
        ])
    }

    /// Stops it; what it has logged.
    pub(super) fn stop(mut self) -> String {
        drop(self.child.kill());
        drop(self.child.wait());
        let mut log = String::new();
        let file = self.folder.parent().map(|folder| std::fs::File::open(folder.join("log")));
        if let Some(Ok(mut file)) = file {
            drop(file.read_to_string(&mut log));
        }
        log
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The debug build of the product: beside our own.
pub(super) fn binary() -> Result<PathBuf, String> {
    let ours = std::env::current_exe().map_err(|error| format!("our own path: {error}"))?;
    let folder = ours.parent().ok_or("our own path has no folder")?;
    Ok(folder.join("sealpost"))
}

/// A member of one line of JSON whose text has nothing escaped: addresses and keys.
fn member<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::member;

    #[test]
    fn members_are_found_by_name() {
        let line = r#"{"id":"a","api_url":"http://127.0.0.1:1","n":3}"#;
        assert_eq!(member(line, "api_url"), Some("http://127.0.0.1:1"));
        assert_eq!(member(line, "n"), None);
    }
}
