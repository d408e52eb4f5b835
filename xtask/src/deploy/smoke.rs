//! `cargo xtask deploy smoke`: whether a deployed API answers as it must, and makes a report.
//!
//! By curl, as a partner would. The token reaches it on its standard input, so it stands in no list of processes.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::arguments::{Arguments, Smoke, Token};
use super::json::{Json, quoted};
use super::terraform;
use crate::workspace::root;

/// Two minutes: a cold start, a database that wakes up, a small report.
const POLLS: u32 = 120;

pub(super) fn run(arguments: &Arguments, smoke: &Smoke) -> Result<(), String> {
    let url = match &smoke.url {
        Some(url) => url.clone(),
        None => terraform::output_of(arguments, "api_url")?,
    };
    let url = url.trim_end_matches('/').to_owned();
    println!("    {url}");
    let stranger = Client { url: url.clone(), token: None };
    stranger.get("/healthz")?.expect(&[200])?;
    println!("    ok  it answers");
    let document = stranger.get("/openapi.json")?.expect(&[200])?.json()?;
    if document.get("paths").get("/v1/reports").members().is_empty() {
        return Err("/openapi.json does not describe /v1/reports".into());
    }
    println!("    ok  the OpenAPI document is there");
    stranger.get("/v1/reports")?.expect(&[401])?;
    println!("    ok  without a token it refuses");
    let Some(token) = &smoke.token else {
        println!("    no token given: no report is asked for");
        return Ok(());
    };
    let partner = Client { token: Some(token.read(&surroundings(arguments, &url))?), url };
    report(&partner, smoke)
}

/// What the token command learns: the API's address, and where terraform says that tokens are given out.
fn surroundings(arguments: &Arguments, url: &str) -> Vec<(&'static str, String)> {
    let mut known = vec![("SEALPOST_API_URL", url.to_owned())];
    if !arguments.environment.is_empty() && std::env::var_os("SEALPOST_TOKEN_URL").is_none() {
        // An external issuer has no such output; then the command knows, or says what it misses.
        known.extend(terraform::output_of(arguments, "token_url").ok().map(|url| ("SEALPOST_TOKEN_URL", url)));
    }
    known
}

/// Asks for a report that is not delivered, and follows it to its end.
fn report(partner: &Client, smoke: &Smoke) -> Result<(), String> {
    let report_type = match &smoke.report_type {
        Some(id) => id.clone(),
        None => simplest(&partner.get("/v1/report-types")?.expect(&[200])?.json()?)?,
    };
    let parameters = smoke.parameters.as_deref().unwrap_or("{}");
    Json::parse(parameters).map_err(|error| format!("--parameters: {error}"))?;
    let body = format!("{{\"report_type\":{},\"parameters\":{parameters},\"deliver\":false}}", quoted(&report_type));
    let created = partner.post("/v1/reports", &body)?.expect(&[202])?.json()?;
    let id = created.get("id").text().ok_or("the new report has no id")?.to_owned();
    println!("    ok  {report_type} is admitted: {id}");
    for _ in 0..smoke.polls.unwrap_or(POLLS) {
        let report = partner.get(&format!("/v1/reports/{id}"))?.expect(&[200])?.json()?;
        match report.get("status").text() {
            Some("queued" | "running") => std::thread::sleep(Duration::from_secs(1)),
            Some("succeeded") => {
                println!("    ok  {id} is made");
                return Ok(());
            }
            other => {
                let failure = report.get("failure");
                let detail = [failure.get("code").text(), failure.get("detail").text()].map(Option::unwrap_or_default);
                return Err(format!("{id} is {}: {}", other.unwrap_or("in no state"), detail.join(" ")));
            }
        }
    }
    Err(format!("{id} was not made in time; does a worker run?"))
}

/// The first report type that can be asked for without parameters.
fn simplest(list: &Json) -> Result<String, String> {
    let types = list.get("report_types").items();
    let free = types.iter().find(|one| one.get("parameters").get("required").items().is_empty());
    let id = free.and_then(|one| one.get("id").text());
    id.map(str::to_owned)
        .ok_or("no report type without required parameters: give --report-type and --parameters".into())
}

impl Token {
    fn read(&self, surroundings: &[(&'static str, String)]) -> Result<String, String> {
        let token = match self {
            Self::Given(token) => token.clone(),
            Self::Command(line) => {
                let mut command = Command::new("sh");
                command
                    .args(["-c", line])
                    .current_dir(root())
                    .envs(surroundings.iter().map(|(name, value)| (name, value)));
                let ran = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
                let ran = ran.map_err(|error| format!("start the token command: {error}"))?;
                if !ran.status.success() {
                    return Err(format!("the token command ended with {}", ran.status));
                }
                String::from_utf8_lossy(&ran.stdout).trim().to_owned()
            }
        };
        // It becomes a line of curl's configuration.
        let fine =
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if fine { Ok(token) } else { Err("what was given as token is none".into()) }
    }
}

struct Client {
    url: String,
    token: Option<String>,
}

struct Answer {
    what: String,
    status: u16,
    body: String,
}

impl Client {
    fn get(&self, path: &str) -> Result<Answer, String> {
        self.call("GET", path, None)
    }

    fn post(&self, path: &str, body: &str) -> Result<Answer, String> {
        self.call("POST", path, Some(body))
    }

    fn call(&self, method: &str, path: &str, body: Option<&str>) -> Result<Answer, String> {
        let what = format!("{method} {path}");
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "40", "--config", "-", "--request", method]);
        command.args(["--write-out", "\n%{http_code}"]);
        if let Some(body) = body {
            command.args(["--header", "Content-Type: application/json", "--data-binary", body]);
        }
        command.arg(format!("{}{path}", self.url));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| format!("start curl: {error}"))?;
        let header = self.token.as_ref().map(|token| format!("header = \"Authorization: Bearer {token}\"\n"));
        if let Some(mut input) = child.stdin.take() {
            input.write_all(header.unwrap_or_default().as_bytes()).map_err(|error| format!("tell curl: {error}"))?;
        }
        let ran = child.wait_with_output().map_err(|error| format!("wait for curl: {error}"))?;
        if !ran.status.success() {
            return Err(format!("{what}: {}", String::from_utf8_lossy(&ran.stderr).trim()));
        }
        let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
        let (body, status) = printed.rsplit_once('\n').ok_or(format!("{what}: curl printed no status"))?;
        let status = status.parse().map_err(|_| format!("{what}: `{status}` is no status"))?;
        Ok(Answer { what, status, body: body.to_owned() })
    }
}

impl Answer {
    fn expect(self, wanted: &[u16]) -> Result<Self, String> {
        if wanted.contains(&self.status) {
            return Ok(self);
        }
        let start: String = self.body.chars().take(300).collect();
        Err(format!("{} answered {} and not {wanted:?}: {start}", self.what, self.status))
    }

    fn json(&self) -> Result<Json, String> {
        Json::parse(&self.body).map_err(|error| format!("{}: {error}", self.what))
    }
}
