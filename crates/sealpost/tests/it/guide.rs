//! The partner guide's commands, typed as they stand there, against the demo that the guide tells its reader to start.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sealpost_testkit::gpg::Gpg;
use sealpost_testkit::oidc::{OidcProvider, SECRET};
use serde_json::Value as Json;

const GUIDE: &str = include_str!("../../../../docs/partners.md");
/// What the guide writes where the demo prints what it took.
const API: &str = "API=http://127.0.0.1:8080";

/// Where the demo's configuration, which has no issuer, is given one.
const ISSUERS: &str = "SEALPOST__IDENTITY__ISSUERS";

fn issuers(provider: &OidcProvider) -> String {
    format!(r#"[{{ name = "idp", issuer = "{}", audiences = ["https://reports.example"] }}]"#, provider.issuer())
}

/// The demo, ended when dropped.
struct Demo {
    child: Child,
    arrived: Json,
}

impl Demo {
    fn start(folder: &Path, provider: &OidcProvider) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sealpost"))
            .args(["demo", "--json"])
            .current_dir(folder)
            .env(ISSUERS, issuers(provider))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the demo");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let arrived = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, arrived }
    }
}

/// Tells the demo's partner record which client stands for it, as an operator does.
fn admit_client(folder: &Path, provider: &OidcProvider) {
    let partners = folder.join("sealpost-demo/partners");
    let file = partners.join("nordwind.toml");
    let text = std::fs::read_to_string(&file).expect("the partner's file");
    let identities = r#"identities = [{ issuer = "idp", subject = "nordwind-client" }]"#;
    std::fs::write(&file, format!("{identities}\n{text}")).expect("write the partner's file");
    let applied = Command::new(env!("CARGO_BIN_EXE_sealpost"))
        .args(["--config", "sealpost-demo/sealpost.toml", "apply", "sealpost-demo/partners"])
        .current_dir(folder)
        .env(ISSUERS, issuers(provider))
        .output()
        .expect("run apply");
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The blocks of shell commands, each with the number of its first line.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line) {
            // `shell` marks what needs an identity provider, which the reader's demo does not have.
            (None, "```sh" | "```shell") => open = Some((index + 2, String::new())),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

#[test]
fn the_commands_of_the_partner_guide_work_in_their_order() {
    let folder = tempfile::tempdir().expect("make a folder");
    let provider = OidcProvider::start(&[("nordwind-client", &["reports:read", "reports:write"])]);
    let demo = Demo::start(folder.path(), &provider);
    admit_client(folder.path(), &provider);
    let gpg = Gpg::new();
    assert_eq!(GUIDE.matches(API).count(), 1, "the guide sets the address once");
    let address = format!("API={}", demo.arrived["api_url"].as_str().expect("an address"));
    // Which block a failing command stands in is told by the last line that was printed before.
    let mut script = "set -euo pipefail\n".to_owned();
    for (line, text) in blocks(GUIDE) {
        script.push_str(&format!("echo '--- docs/partners.md, line {line}'\n{}", text.replace(API, &address)));
    }
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("GNUPGHOME", gpg.home())
        .env("TOKEN_URL", format!("{}/token", provider.issuer()))
        .env("CLIENT_ID", "nordwind-client")
        .env("CLIENT_SECRET", SECRET)
        .stdin(Stdio::null())
        .output()
        .expect("run bash");
    let (printed, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{printed}\n{complained}", output.status);
}
