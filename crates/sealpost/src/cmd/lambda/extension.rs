//! An extension of Lambda that does nothing: only processes with one get SIGTERM before they are ended.
//!
//! Two requests of plain HTTP to a server on this machine; of the answers one header counts.

use std::io::Error;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::RUNTIME;

/// How long the answer to a registration may take. Without it events come all the same.
const PATIENCE: Duration = Duration::from_secs(1);
/// Far more than the answer has.
const LONGEST_HEAD: usize = 16 * 1024;
const IDENTIFIER: &str = "lambda-extension-identifier:";

/// Registers for no events, and says that it is ready, which Lambda waits for.
pub(super) async fn register() {
    let Some(api) = std::env::var(RUNTIME).ok() else { return };
    match tokio::time::timeout(PATIENCE, register_at(&api)).await {
        Ok(Ok(identifier)) => {
            tokio::spawn(async move {
                // Answered never: it asked for no events.
                let next = format!("GET {{}}/event/next HTTP/1.1\r\nLambda-Extension-Identifier: {identifier}\r\n");
                if let Err(error) = exchange(&api, &next, "").await {
                    tracing::debug!(target: "sealpost::lambda", %error, "the extension ended");
                }
            });
        }
        // Emulators mostly have no extensions.
        Ok(Err(error)) => {
            tracing::debug!(target: "sealpost::lambda", %error, "no extension: the end comes without a signal")
        }
        Err(_) => tracing::debug!(target: "sealpost::lambda", "no extension: no answer"),
    }
}

async fn register_at(api: &str) -> Result<String, Error> {
    let register = "POST {}/register HTTP/1.1\r\nLambda-Extension-Name: sealpost\r\nContent-Type: application/json\r\n";
    let head = exchange(api, register, r#"{"events":[]}"#).await?;
    let is_ok = head.split(' ').nth(1) == Some("200");
    let identifier = head.lines().find_map(|line| {
        let (name, value) = line.split_at_checked(IDENTIFIER.len())?;
        name.eq_ignore_ascii_case(IDENTIFIER).then(|| value.trim().to_owned())
    });
    identifier.filter(|_| is_ok).ok_or_else(|| Error::other(head.lines().next().unwrap_or_default().to_owned()))
}

/// Sends a request; `{}` stands for what is before the path. Gives the head of the answer.
async fn exchange(api: &str, head: &str, body: &str) -> Result<String, Error> {
    let api = api.trim_start_matches("http://");
    let (host, prefix) = api.split_once('/').map_or((api, String::new()), |(host, path)| (host, format!("/{path}")));
    let head = head.replacen("{}", &format!("{}/2020-01-01/extension", prefix.trim_end_matches('/')), 1);
    let request = format!("{head}Host: {host}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") && answer.len() < LONGEST_HEAD {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
