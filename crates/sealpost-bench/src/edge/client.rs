//! The client: HTTP/1.1 on plain sockets, requests made beforehand, answers read no further than needed. A client library
//! would take more of the processor than the server that is measured.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::Server;

/// What is asked again and again.
pub(crate) struct Mix {
    polls: Vec<Vec<u8>>,
    create: Vec<u8>,
    create_every: usize,
}

impl Mix {
    /// Polls of these reports (path and entity tag), every so many requests a create.
    pub(crate) fn new(server: &Server, polled: &[(String, String)], create_every: usize) -> Self {
        let polls = polled.iter().map(|(path, tag)| get(server, path, &format!("If-None-Match: {tag}\r\n")));
        Self { polls: polls.collect(), create: create(server), create_every }
    }

    /// The request of this number, and the status that it must be answered with.
    pub(crate) fn request(&self, number: usize) -> (&[u8], u16) {
        if number % self.create_every == self.create_every - 1 {
            return (&self.create, 202);
        }
        (&self.polls[number % self.polls.len()], 304)
    }
}

fn get(server: &Server, path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {}\r\n{more}\r\n", server.key).into_bytes()
}

fn create(server: &Server) -> Vec<u8> {
    let body = format!("{{\"report_type\": \"{}\", \"format\": \"csv\", \"deliver\": false}}", crate::site::REPORT);
    let head = format!(
        "POST /v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        server.key,
        body.len()
    );
    (head + &body).into_bytes()
}

/// Makes reports to poll: their paths and entity tags.
///
/// # Errors
/// When an answer is not what it must be.
pub(crate) async fn prepare(server: &Server, count: usize) -> Result<Vec<(String, String)>> {
    let mut connection = Connection::open(server.port).await?;
    let create = create(server);
    let mut polled = Vec::new();
    for _ in 0..count {
        let status = connection.ask(&create).await?;
        let answer = connection.answer();
        if status != 202 {
            bail!("a create was answered with {status}: {answer}");
        }
        let id =
            answer.split("\"id\"").nth(1).and_then(|rest| rest.split('"').nth(1)).context("the report has an id")?;
        let path = format!("/v1/reports/{id}");
        if connection.ask(&get(server, &path, "")).await? != 200 {
            bail!("{path}: {}", connection.answer());
        }
        let answer = connection.answer();
        let tag =
            answer.lines().find_map(|line| line.strip_prefix("etag: ")).context("the report has an entity tag")?;
        polled.push((path, tag.trim().to_owned()));
    }
    Ok(polled)
}

/// A connection that is kept open.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.context("connect")?;
        stream.set_nodelay(true).context("TCP_NODELAY")?;
        Ok(Self { stream, buffer: Vec::with_capacity(8192) })
    }

    /// Sends a request and reads the whole answer: its status.
    ///
    /// # Errors
    /// When the connection breaks off.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await.context("send")?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await.context("receive")? == 0 {
                bail!("the connection broke off");
            }
            if let Some((status, length)) = measure(&self.buffer)?
                && self.buffer.len() >= length
            {
                return Ok(status);
            }
        }
    }

    /// The last answer, head and body.
    pub(crate) fn answer(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}

/// The status of an answer, and its length in all; `None` before its head is complete.
fn measure(bytes: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).context("the head of an answer")?;
    let status = head.get(9..12).and_then(|status| status.parse().ok()).context("the status of an answer")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    // A 304 may tell a length of what it does not have.
    let body = if status == 304 { 0 } else { length.unwrap_or(0) };
    Ok(Some((status, end + 4 + body)))
}

#[cfg(test)]
mod tests {
    use super::measure;

    #[test]
    fn answers_end_where_their_length_says() {
        let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(measure(whole).unwrap(), Some((202, whole.len())));
        assert_eq!(measure(&whole[..30]).unwrap(), None);
        let none = b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-length: 900\r\n\r\n";
        assert_eq!(measure(none).unwrap(), Some((304, none.len())));
    }
}
