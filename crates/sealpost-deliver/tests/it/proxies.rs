//! Small proxies that lead everything to one place, and remember what they were asked for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What a proxy was asked to connect to.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn last(&self) -> String {
        self.0.lock().unwrap().last().cloned().unwrap_or_default()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

type Credentials = Option<(&'static str, &'static str)>;

/// Starts a proxy of a scheme that connects to `to`, whatever it is asked for.
pub(crate) async fn start(scheme: &'static str, credentials: Credentials, to: (String, u16)) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let remembered = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (to, seen) = (to.clone(), remembered.clone());
            tokio::spawn(async move {
                let opened = match scheme {
                    "socks5" => socks5(&mut stream, credentials, &to, &seen).await,
                    _ => http(&mut stream, credentials, &to, &seen).await,
                };
                if let Ok(Some(mut server)) = opened {
                    drop(copy_bidirectional(&mut stream, &mut server).await);
                }
            });
        }
    });
    (address, seen)
}

type Opened = std::io::Result<Option<TcpStream>>;

async fn socks5(stream: &mut TcpStream, credentials: Credentials, to: &(String, u16), seen: &Seen) -> Opened {
    let (_version, count) = (stream.read_u8().await?, stream.read_u8().await?);
    let mut methods = vec![0; count.into()];
    stream.read_exact(&mut methods).await?;
    let wanted = if credentials.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        stream.write_all(&[5, 0xFF]).await?;
        return Ok(None);
    }
    stream.write_all(&[5, wanted]).await?;
    if let Some((user, password)) = credentials {
        assert_eq!(stream.read_u8().await?, 1);
        let (said_user, said_password) = (text(stream).await?, text(stream).await?);
        let right = said_user == user && said_password == password;
        stream.write_all(&[1, u8::from(!right)]).await?;
        if !right {
            return Ok(None);
        }
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    assert_eq!(head[..3], [5, 1, 0]);
    let host = match head[3] {
        1 => {
            let mut ip = [0; 4];
            stream.read_exact(&mut ip).await?;
            std::net::Ipv4Addr::from(ip).to_string()
        }
        4 => {
            let mut ip = [0; 16];
            stream.read_exact(&mut ip).await?;
            format!("[{}]", std::net::Ipv6Addr::from(ip))
        }
        _ => text(stream).await?,
    };
    let port = stream.read_u16().await?;
    seen.0.lock().unwrap().push(format!("{host}:{port}"));
    let server = TcpStream::connect((to.0.as_str(), to.1)).await.ok();
    // The address that it connects from may be a name.
    let code = if server.is_some() { 0 } else { 5 };
    stream.write_all(&[5, code, 0, 3, 5]).await?;
    stream.write_all(b"proxy\0\0").await?;
    Ok(server)
}

async fn text(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8(text).unwrap())
}

async fn http(stream: &mut TcpStream, credentials: Credentials, to: &(String, u16), seen: &Seen) -> Opened {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.strip_suffix("\r\n\r\n")).unwrap();
    let target = target.split(" HTTP/1.1\r\n").next().unwrap();
    assert!(head.contains(&format!("\r\nHost: {target}\r\n")), "{head}");
    // `sealpost:s3cret`
    let right = head.contains("\r\nProxy-Authorization: Basic c2VhbHBvc3Q6czNjcmV0\r\n");
    if credentials.is_some() && !right {
        stream.write_all(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n\r\n").await?;
        return Ok(None);
    }
    seen.0.lock().unwrap().push(target.to_owned());
    match TcpStream::connect((to.0.as_str(), to.1)).await {
        Ok(server) => {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n").await?;
            Ok(Some(server))
        }
        Err(_) => {
            stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await?;
            Ok(None)
        }
    }
}
