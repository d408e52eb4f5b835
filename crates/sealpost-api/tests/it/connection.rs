//! Below HTTP: slow heads, large heads, shutdown.

use std::time::Duration;

use sealpost_api::{Front, Limits, TrustedProxies};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::front;
use crate::rig::{Rig, TOKEN};

async fn connect(rig: &Rig) -> TcpStream {
    TcpStream::connect(rig.public.strip_prefix("http://").unwrap()).await.unwrap()
}

/// Everything until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut text)).await;
    // The server closes in time; a reset is as good an end as any.
    drop(read.unwrap());
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let limits = Limits { head_time: Duration::from_millis(300), ..Limits::default() };
    let rig = Rig::with(Some(TOKEN), limits).await;
    for begin in ["", "G", "PRI * HTTP/2.0\r\n", "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
        let mut stream = connect(&rig).await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{begin:?}: {answer}");
    }
    let mut stream = connect(&rig).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let rig = Rig::idle().await;
    let answer = rig.get(&rig.acme, "/v1/reports").header("x-padding", "x".repeat(11_000)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 431);
    let problem: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "SP-REQUEST-024");
    let mut stream = connect(&rig).await;
    let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Padding: {}\r\n\r\n", "x".repeat(100_000));
    // It may be refused before all of it is written.
    drop(stream.write_all(head.as_bytes()).await);
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn shutdown_closes_the_listener_and_idle_connections() {
    let rig = Rig::idle().await;
    let mut idle = connect(&rig).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut begin = [0; 12];
    idle.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    rig.shutdown.cancel();
    rest(&mut idle).await;
    let address = rig.public.strip_prefix("http://").unwrap();
    let mut refused = false;
    for _ in 0..100 {
        refused = TcpStream::connect(address).await.is_err();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(refused);
}

/// A connection that begins at this address of ours.
async fn connect_from(source: [u8; 4], to: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(to.parse().unwrap()).await.unwrap()
}

/// Whether a connection is served; it stays open.
async fn is_served(stream: &mut TcpStream) -> bool {
    let mut begin = [0; 12];
    let asked = async {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await?;
        stream.read_exact(&mut begin).await
    };
    // It is served or closed: whoever waits, waits for room that nobody makes.
    let answered = tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
    answered.is_ok() && begin == *b"HTTP/1.1 200"
}

#[tokio::test]
async fn one_address_does_not_fill_a_listener() {
    let rig = Rig::idle().await;
    let limits = Limits { connections: 6, connections_per_address: 4, ..Limits::default() };
    let address = front::listen(&rig, Front { limits: limits.clone(), ..Front::default() }, |state| state).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(connect_from([127, 0, 0, 1], &address).await);
        assert!(is_served(held.last_mut().unwrap()).await);
    }
    // Further ones are closed, and take no place that another might have.
    let mut further = Vec::new();
    for _ in 0..4 {
        further.push(connect_from([127, 0, 0, 1], &address).await);
    }
    let mut other = connect_from([127, 0, 0, 2], &address).await;
    assert!(is_served(&mut other).await);
    for mut stream in further {
        assert!(!is_served(&mut stream).await);
    }
    // Who goes makes room.
    drop(held.pop());
    let mut served = false;
    for _ in 0..100 {
        served = is_served(&mut connect_from([127, 0, 0, 1], &address).await).await;
        if served {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(served);

    // A proxy brings many clients.
    let proxies = TrustedProxies::new(&["127.0.0.1".parse().unwrap()]);
    let address = front::listen(&rig, Front { limits, proxies, ..Front::default() }, |state| state).await;
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(connect_from([127, 0, 0, 1], &address).await);
        assert!(is_served(held.last_mut().unwrap()).await);
    }
}
