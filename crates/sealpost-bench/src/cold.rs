//! Cold starts: from exec to the first answer, as a function of Lambda, beside a function of `lambda_http` that does nothing.
//!
//! Both are processes of their own and ask the same Runtime API for an event that waits there already. Ours has its whole
//! configuration, catalogue and ledger; it answers once without a look into any of them, and once an authenticated request
//! with one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sealpost_testkit::runtime_api::RuntimeApi;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::figures::Figures;
use crate::parts::{Bench, Sheet};
use crate::row::{Row, at_most};
use crate::{site, size};

/// How long an event may take.
const TIME: Duration = Duration::from_secs(60);

/// Cold starts in each round: they take milliseconds.
const COLD_STARTS: usize = 10;

/// Measures in turns.
///
/// # Errors
/// When a function does not answer, or not with 200.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let arguments = bench.arguments;
    // What is deployed is the package's program; without a package it is the one that is measured elsewhere.
    let sealpost = size::packaged(bench)?.map_or_else(|| site::sealpost(arguments), Ok)?;
    let rounds = arguments.rounds * COLD_STARTS;
    println!("{rounds} starts of each of {}", sealpost.display());
    let figures = starts(&sealpost, &hello(arguments.hello.as_ref())?, rounds)?;
    let row = |name: &str, ours: &str| -> Result<Row> {
        let peer = ("hello by lambda_http", figures.median("cold hello ms")?);
        Ok(Row::lower(name, "ms", figures.median(ours)?, peer, at_most(4.0)))
    };
    Ok(Sheet::of(vec![
        row("lambda: from exec to the first answer", "cold ms")?,
        row("lambda: the same, an authenticated list", "cold list ms")?,
    ]))
}

fn starts(sealpost: &Path, hello: &Path, rounds: usize) -> Result<Figures> {
    let company = Company::prepare(sealpost)?;
    let (health, list) = (event("/healthz", &company.key), event("/v1/reports", &company.key));
    let mut figures = Figures::default();
    for round in 0..rounds {
        let mut turn = [
            ("cold hello ms", None, &health),
            ("cold ms", Some(&company), &health),
            ("cold list ms", Some(&company), &list),
        ];
        turn.rotate_left(round % 3);
        for (name, company, event) in turn {
            let command = match company {
                Some(company) => company.function(sealpost),
                None => Command::new(hello),
            };
            figures.add(Figures::of([(name, start(command, event).context(name)?)]));
        }
    }
    Ok(figures)
}

/// Milliseconds from exec to the answer.
fn start(mut command: Command, event: &Json) -> Result<f64> {
    let lambda = RuntimeApi::start();
    let invocation = lambda.begin(event, TIME);
    lambda.prepare(&mut command, "bench");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut process = command.spawn().with_context(|| format!("start {command:?}"))?;
    let answer = invocation.answer();
    let elapsed = begun.elapsed();
    process.kill().context("end the function")?;
    process.wait().context("wait for the function")?;
    let answer = answer.context("no answer")?.map_err(|error| anyhow::anyhow!("the function failed: {error}"))?;
    ensure!(answer["statusCode"] == 200, "the answer is {answer}");
    Ok(elapsed.as_secs_f64() * 1000.0)
}

/// An event of an HTTP API.
fn event(path: &str, key: &str) -> Json {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"authorization": format!("Bearer {key}"), "host": "api.example.com", "accept": "*/*"},
        "requestContext": {
            "accountId": "123456789012", "apiId": "bench", "domainName": "api.example.com", "domainPrefix": "api",
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9", "userAgent": "bench"},
            "requestId": "bench", "routeKey": "$default", "stage": "$default",
            "time": "10/Mar/2026:05:16:23 +0000", "timeEpoch": 1_773_119_783_000_u64,
        },
        "isBase64Encoded": false,
    })
}

/// A configuration with a report type and a partner.
struct Company {
    folder: TempDir,
    key: String,
}

impl Company {
    fn prepare(sealpost: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("a folder")?;
        let write = |name: &str, text: &str| -> Result<()> {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().context("a folder")?)?;
            std::fs::write(&file, text).with_context(|| format!("write {name}"))
        };
        // No file of this name is needed until somebody wants a report.
        write("sealpost.toml", "[sources.main]\nkind = \"sqlite\"\npath = \"company.sqlite\"\n")?;
        write("catalogue/rides.v1.toml", "title = \"Rides\"\n")?;
        write("catalogue/rides.v1.sql", "SELECT id FROM rides WHERE partner = :partner_scope\n")?;
        write("partners/acme.toml", "name = \"acme\"\nscope = \"1\"\ngrants = [{ report = \"rides.v1\" }]\n")?;
        let mut company = Self { folder, key: String::new() };
        // The commands that load the whole catalogue prepare its SQL; the function needs the table for no request here.
        let made = Command::new("python3")
            .args(["-c", "import sqlite3; sqlite3.connect('company.sqlite').execute('CREATE TABLE rides (id INTEGER, partner TEXT)')"])
            .current_dir(company.folder.path())
            .status()
            .context("start python3")?;
        ensure!(made.success(), "the company's database can't be made");
        company.run(sealpost, &["apply", "partners"])?;
        let made = company.run(sealpost, &["partner", "key", "new", "acme"])?;
        company.key = made["api_key"].as_str().context("an API key")?.to_owned();
        Ok(company)
    }

    fn run(&self, sealpost: &Path, arguments: &[&str]) -> Result<Json> {
        let output = Command::new(sealpost).arg("--json").args(arguments).current_dir(self.folder.path()).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn function(&self, sealpost: &Path) -> Command {
        let mut command = Command::new(sealpost);
        command.arg("--config").arg(self.folder.path().join("sealpost.toml")).args(["lambda", "api"]);
        command
    }
}

/// The peer's binary, which `cargo xtask bench` builds.
fn hello(given: Option<&PathBuf>) -> Result<PathBuf> {
    given.cloned().context("--hello FILE: the peer's binary (`cargo xtask bench` builds it)")
}
