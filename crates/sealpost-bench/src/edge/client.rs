//! What is asked of a server: polls of reports, and creates.

use std::io::Read as _;

use anyhow::{Context, Result, bail};

use crate::http::{Connection, get, post};
use crate::serving::Server;

/// What is asked again and again.
pub(crate) struct Mix {
    requests: Vec<(Vec<u8>, u16)>,
    create: Vec<u8>,
    /// One of so many requests is a create; never one where it is 0.
    create_every: usize,
}

impl Mix {
    /// Polls of reports that have not changed: 304.
    pub(crate) fn unchanged(server: &Server, polled: &[Polled], create_every: usize) -> Self {
        let ask = |one: &Polled| (get(&one.path, &server.key, &format!("If-None-Match: {}\r\n", one.tag)), 304);
        Self { requests: polled.iter().map(ask).collect(), create: create(server), create_every }
    }

    /// Polls of which each brings the report: 200.
    pub(crate) fn polls(server: &Server, polled: &[Polled]) -> Self {
        let ask = |one: &Polled| (get(&one.path, &server.key, ""), 200);
        Self { requests: polled.iter().map(ask).collect(), create: create(server), create_every: 0 }
    }

    /// Creates alone.
    pub(crate) fn creates(server: &Server) -> Self {
        Self { requests: Vec::new(), create: create(server), create_every: 1 }
    }

    /// The request of this number, and the status that it must be answered with.
    pub(crate) fn request(&self, number: usize) -> (&[u8], u16) {
        if self.create_every > 0 && number % self.create_every == self.create_every - 1 {
            return (&self.create, 202);
        }
        let (request, status) = &self.requests[number % self.requests.len()];
        (request, *status)
    }
}

/// A report to poll.
pub(crate) struct Polled {
    path: String,
    tag: String,
}

fn create(server: &Server) -> Vec<u8> {
    let body = format!("{{\"report_type\": \"{}\", \"format\": \"csv\", \"deliver\": false}}", crate::site::REPORT);
    post("/v1/reports", &server.key, &body)
}

/// Makes reports to poll; also what a poll and a create of one are answered with.
///
/// # Errors
/// When an answer is not what it must be.
pub(crate) async fn prepare(server: &Server, count: usize) -> Result<(Vec<Polled>, [String; 2])> {
    let mut connection = Connection::open(server.port).await?;
    let create = create(server);
    let mut polled = Vec::new();
    let mut answers = [String::new(), String::new()];
    for _ in 0..count {
        let status = connection.ask(&create).await?;
        if status != 202 {
            bail!("a create was answered with {status}: {}", connection.answer());
        }
        answers[1] = connection.answer();
        let report = connection.json()?;
        let path = format!("/v1/reports/{}", report["id"].as_str().context("the report has an id")?);
        if connection.ask(&get(&path, &server.key, "")).await? != 200 {
            bail!("{path}: {}", connection.answer());
        }
        answers[0] = connection.answer();
        polled.push(Polled { path, tag: connection.header("etag").context("the report has an entity tag")? });
    }
    Ok((polled, answers))
}

/// The answers that the peer gives too, read from the file that it is started with: poll, then create.
///
/// # Errors
/// When there is no such file.
pub(crate) fn answers(file: &std::path::Path) -> Result<[String; 2]> {
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|mut file| file.read_to_string(&mut text))
        .with_context(|| format!("read {}", file.display()))?;
    let answers: Vec<String> = serde_json::from_str(&text).context("the answers")?;
    answers.try_into().ok().context("two answers")
}
