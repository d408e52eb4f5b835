//! A client of HTTP/1.1 on plain sockets: requests made beforehand, answers read no further than needed. A client library would
//! take more of the processor than the server that is measured.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request without a body.
pub(crate) fn get(path: &str, key: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {key}\r\n{more}\r\n").into_bytes()
}

/// A request with a body of JSON.
pub(crate) fn post(path: &str, key: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head + body).into_bytes()
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

    /// The body of the last answer, as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        let answer = self.answer();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).with_context(|| format!("an answer: {answer}"))
    }

    /// A header of the last answer.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let answer = self.answer();
        let (head, _) = answer.split_once("\r\n\r\n")?;
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
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
