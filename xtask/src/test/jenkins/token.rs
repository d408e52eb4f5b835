//! `deploy/jenkins/token.sh` against a certified issuer: the OIDC provider that the other tests use.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::node;
use crate::workspace::root;

/// It starts within two seconds; a busy machine takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
const AUDIENCE: &str = "https://reports.example";

struct Issuer(Child);

impl Drop for Issuer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(super) fn check(folder: &Path) -> Result<(), String> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let port = free.map_err(|error| format!("find a free port: {error}"))?.port();
    let issuer = start(folder, port)?;
    let right = token(port, "right-secret")?;
    let whole = right.trim().split('.').count() == 3;
    if !whole {
        return Err("token.sh printed no token".into());
    }
    if token(port, "wrong-secret").is_ok() {
        return Err("token.sh was content with a wrong secret".into());
    }
    drop(issuer);
    println!("    ok  token.sh gets a token, and fails without one");
    Ok(())
}

fn start(folder: &Path, port: u16) -> Result<Issuer, String> {
    let settings = folder.join("issuer.json");
    let text = format!(
        "{{\"modules\":\"{}\",\"port\":{port},\"store\":\"{}\",\"scopes\":[\"reports:read\"],\
         \"clients\":[{{\"id\":\"smoke\",\"secret\":\"right-secret\",\"scopes\":[\"reports:read\"]}}],\
         \"keys\":[{{\"kid\":\"one\",\"alg\":\"RS256\"}}]}}",
        node::folder().display(),
        folder.join("issuer-keys.json").display()
    );
    std::fs::write(&settings, text).map_err(|error| format!("write {}: {error}", settings.display()))?;
    let mut command = Command::new(node::folder().join("bin/node"));
    command.arg(root().join("crates/sealpost-testkit/oidc/server.mjs")).arg(settings).env_remove("NODE_OPTIONS");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let issuer = Issuer(child.map_err(|error| format!("start the issuer: {error}"))?);
    let begin = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if begin.elapsed() > PATIENCE {
            return Err("the issuer did not start".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(issuer)
}

fn token(port: u16, secret: &str) -> Result<String, String> {
    let mut command = Command::new(root().join("deploy/jenkins/token.sh"));
    command.arg(format!("resource={AUDIENCE}")).arg("scope=reports:read");
    command.env("SEALPOST_TOKEN_URL", format!("http://127.0.0.1:{port}/token"));
    command.env("SMOKE_CLIENT_ID", "smoke").env("SMOKE_CLIENT_SECRET", secret);
    let ran = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let ran = ran.map_err(|error| format!("start token.sh: {error}"))?;
    if ran.status.success() {
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    } else {
        Err(format!("token.sh ended with {}", ran.status))
    }
}
