//! The way through a proxy: SOCKS version 5 (RFC 1928, user name and password by RFC 1929) or HTTP's CONNECT (RFC 9110
//! section 9.3.6). Nothing is read beyond the proxy's answer: the server speaks first.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealpost_core::connector;
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::proxy::{ProxyAddress, ProxyKind};
use sealpost_core::secret::Secret;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::session::printable;

/// The longest head of an HTTP answer.
const MOST_HEAD: usize = 8 * 1024;

/// A proxy, with what it wants to know of us.
pub(super) struct Proxy {
    pub(super) address: ProxyAddress,
    credentials: Option<(String, Secret)>,
}

/// What the proxy is to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A name, which the proxy resolves.
    Name(String, u16),
    /// An address.
    Address(SocketAddr),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Without its address: partners see details of failures, and where our proxies are is not their business.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.address.kind {
            ProxyKind::Socks5 => "the SOCKS5 proxy",
            ProxyKind::Http => "the HTTP proxy",
        })
    }
}

/// With its address, for the log.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}:{}", self.address.host, self.address.port)
    }
}

impl Proxy {
    /// The proxy of a connector's settings.
    ///
    /// # Errors
    /// `SP-DELIVER-021` for settings that no proxy understands; what the secret store says.
    pub(super) async fn of(secrets: &dyn SecretStore, settings: &connector::Proxy) -> Result<Self> {
        let wrong = |member: &str, what: &str| {
            let fields = vec![FieldError::new(format!("/network/proxy/{member}"), what)];
            Error::new(&codes::deliver::CONFIG, format!("the proxy: {what}")).with_fields(fields)
        };
        let address = ProxyAddress::parse(&settings.url)
            .ok_or_else(|| wrong("url", "expected `socks5://host:port` or `http://host:port`"))?;
        let Some(user) = settings.user.clone() else { return Ok(Self { address, credentials: None }) };
        let password = match &settings.password {
            Some(reference) => secrets.resolve(reference).await?,
            None => Secret::new(Vec::new()),
        };
        // RFC 1929: each in one byte's length. RFC 7617: a colon ends the user name.
        if user.is_empty() || user.len() > 255 || user.contains(':') || user.contains(char::is_control) {
            return Err(wrong("user", "expected 1 to 255 characters without a colon"));
        }
        if password.expose_text()?.len() > 255 {
            return Err(wrong("password", "longer than 255 characters"));
        }
        Ok(Self { address, credentials: Some((user, password)) })
    }

    /// Has the proxy connect to `target`. The error is what it answered, in words.
    pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        target: &Target,
    ) -> Result<(), String> {
        let opened = match self.address.kind {
            ProxyKind::Socks5 => self.socks5(stream, target).await,
            ProxyKind::Http => self.connect(stream, target).await,
        };
        opened.map_err(|refusal| match refusal {
            Refusal::Said(what) => what,
            Refusal::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                "it closed the connection without an answer".to_owned()
            }
            Refusal::Io(error) => error.to_string(),
        })
    }

    async fn socks5<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S, target: &Target) -> Result<(), Refusal> {
        // No authentication, or user name and password.
        let greeting: &[u8] = if self.credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
        stream.write_all(greeting).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        match (chosen, &self.credentials) {
            ([5, 0], _) => {}
            ([5, 2], Some((user, password))) => {
                let password = password.expose_text().map_err(|_| Refusal::said("its password is no text"))?;
                let mut message = vec![1, length(user)];
                message.extend_from_slice(user.as_bytes());
                message.push(length(password));
                message.extend_from_slice(password.as_bytes());
                stream.write_all(&message).await?;
                let mut answer = [0; 2];
                stream.read_exact(&mut answer).await?;
                if answer[1] != 0 {
                    return Err(Refusal::said("it refuses user name and password"));
                }
            }
            ([5, 0xFF], None) => return Err(Refusal::said("it asks for credentials, and the connector names none")),
            ([5, 0xFF], _) => return Err(Refusal::said("it accepts no way to log in that we know")),
            _ => return Err(Refusal::said("it does not speak SOCKS version 5")),
        }
        stream.write_all(&connect_request(target)?).await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        if answer[0] != 5 {
            return Err(Refusal::said("it does not speak SOCKS version 5"));
        }
        if answer[1] != 0 {
            return Err(Refusal::said(reply(answer[1])));
        }
        // The address that it connects from, which nobody needs.
        let rest = match answer[3] {
            1 => 4,
            4 => 16,
            3 => usize::from(stream.read_u8().await?),
            _ => return Err(Refusal::said("its answer is not valid SOCKS version 5")),
        };
        stream.read_exact(&mut vec![0; rest + 2]).await?;
        Ok(())
    }

    async fn connect<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S, target: &Target) -> Result<(), Refusal> {
        let target = match target {
            // Spaces and line breaks would make another request of it.
            Target::Name(name, _) if !is_plain(name) => return Err(Refusal::said("the host is not a host name")),
            target => target.to_string(),
        };
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some((user, password)) = &self.credentials {
            let password = password.expose_text().map_err(|_| Refusal::said("its password is no text"))?;
            let credentials = STANDARD.encode(format!("{user}:{password}"));
            request.push_str(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        // Byte by byte: what comes after the head is the server's.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= MOST_HEAD {
                return Err(Refusal::said("its answer is not HTTP"));
            }
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head);
        let line = head.lines().next().unwrap_or_default();
        let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
        match status {
            Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
            Some(_) => Err(Refusal::Said(format!("it answers `{}`", printable(line)))),
            None => Err(Refusal::said("its answer is not HTTP")),
        }
    }
}

/// Why there is no way through.
enum Refusal {
    Said(String),
    Io(std::io::Error),
}

impl Refusal {
    fn said(what: &str) -> Self {
        Self::Said(what.to_owned())
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// The request of RFC 1928 section 4.
fn connect_request(target: &Target) -> Result<Vec<u8>, Refusal> {
    let mut request = vec![5, 1, 0];
    let port = match target {
        Target::Name(name, port) => {
            let long = u8::try_from(name.len()).map_err(|_| Refusal::said("the host's name is too long"))?;
            request.extend([3, long]);
            request.extend_from_slice(name.as_bytes());
            *port
        }
        Target::Address(address) => {
            match address.ip() {
                IpAddr::V4(ip) => {
                    request.push(1);
                    request.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    request.push(4);
                    request.extend(ip.octets());
                }
            }
            address.port()
        }
    };
    request.extend(port.to_be_bytes());
    Ok(request)
}

/// What a SOCKS proxy says, in the words of RFC 1928 section 6.
fn reply(code: u8) -> &'static str {
    match code {
        1 => "it answers `general SOCKS server failure`",
        2 => "it answers `connection not allowed by ruleset`",
        3 => "it answers `network unreachable`",
        4 => "it answers `host unreachable`",
        5 => "it answers `connection refused`",
        6 => "it answers `TTL expired`",
        7 => "it answers `command not supported`",
        8 => "it answers `address type not supported`",
        _ => "it answers with an error that SOCKS does not know",
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() || byte >= 0x80)
}

/// A length that was checked when the proxy was made.
fn length(text: &str) -> u8 {
    u8::try_from(text.len()).unwrap_or(u8::MAX)
}
