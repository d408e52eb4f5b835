//! A web server that behaves as it is told, also badly: what no real issuer can be made to do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long a slow path takes.
pub(crate) const LATE: Duration = Duration::from_millis(600);

/// How a path answers.
#[derive(Clone)]
pub(crate) enum Answer {
    /// 200 with this body.
    Body(String),
    /// The same after [`LATE`].
    Late(String),
    /// These lines of a head, and no body.
    Head(String),
    /// A body that never ends, as fast as it is read.
    Endless,
    /// A body that comes byte by byte and never ends.
    Trickle,
    /// Nothing, for ever.
    Silence,
}

#[derive(Default)]
struct Shared {
    answers: HashMap<String, Answer>,
    hits: HashMap<String, usize>,
    sent: usize,
}

/// The server. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Site {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let site = Self { address: listener.local_addr().unwrap(), shared: Arc::default() };
        let serving = site.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let site = serving.clone();
                tokio::spawn(async move { drop(site.serve(stream).await) });
            }
        });
        site
    }

    /// The site's own URL, or that of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn set(&self, path: &str, answer: Answer) {
        self.shared.lock().unwrap().answers.insert(path.to_owned(), answer);
    }

    /// Publishes a discovery document and these keys.
    pub(crate) fn publish(&self, keys: &[Value]) {
        let document = json!({"issuer": self.url(""), "jwks_uri": self.url("/jwks")});
        self.set("/.well-known/openid-configuration", Answer::Body(document.to_string()));
        self.set("/jwks", Answer::Body(json!({ "keys": keys }).to_string()));
    }

    /// How often a path was asked for.
    pub(crate) fn hits(&self, path: &str) -> usize {
        self.shared.lock().unwrap().hits.get(path).copied().unwrap_or_default()
    }

    /// How often anything was asked for.
    pub(crate) fn all_hits(&self) -> usize {
        self.shared.lock().unwrap().hits.values().sum()
    }

    /// Bytes that were sent, or wait in the system's buffers.
    pub(crate) fn sent(&self) -> usize {
        self.shared.lock().unwrap().sent
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut part = [0; 1024];
            match stream.read(&mut part).await? {
                0 => return Ok(()),
                length => request.extend_from_slice(&part[..length]),
            }
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer = {
            let mut shared = self.shared.lock().unwrap();
            *shared.hits.entry(path.clone()).or_default() += 1;
            shared.answers.get(&path).cloned()
        };
        match answer {
            None => {
                self.send(&mut stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .await
            }
            Some(Answer::Head(lines)) => {
                let head = format!("HTTP/1.1 {lines}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                self.send(&mut stream, head.as_bytes()).await
            }
            Some(Answer::Body(body)) => self.send_body(&mut stream, &body).await,
            Some(Answer::Late(body)) => {
                tokio::time::sleep(LATE).await;
                self.send_body(&mut stream, &body).await
            }
            Some(Answer::Silence) => {
                std::future::pending::<()>().await;
                Ok(())
            }
            Some(Answer::Endless) => {
                self.send(&mut stream, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"keys\":[").await?;
                loop {
                    self.send(&mut stream, &[b' '; 8192]).await?;
                }
            }
            Some(Answer::Trickle) => {
                self.send(&mut stream, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{").await?;
                loop {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    self.send(&mut stream, b" ").await?;
                }
            }
        }
    }

    async fn send_body(&self, stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        self.send(stream, head.as_bytes()).await?;
        self.send(stream, body.as_bytes()).await
    }

    async fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
        stream.write_all(bytes).await?;
        self.shared.lock().unwrap().sent += bytes.len();
        Ok(())
    }
}
