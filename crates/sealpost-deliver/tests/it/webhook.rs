//! Webhooks' servers that answer, refuse, hang, break off and lie; TLS by Python's `ssl` with certificates of openssl.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sealpost_core::error::{Code, Error, codes};
use sealpost_core::port::{Answer, Notifier, Post};
use sealpost_deliver::{WebhookSettings, Webhooks};
use sealpost_testkit::server::{Server, free_port, program, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that reads a request and then does as it is told, once per connection.
pub(crate) struct Receiver {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    pub(crate) requests: tokio::sync::mpsc::UnboundedReceiver<String>,
}

#[derive(Clone)]
pub(crate) enum Manner {
    Answers(String),
    Hangs,
    /// Says the head of an answer byte by byte, for ever.
    Trickles,
    Resets,
    HangsUp,
    /// An answer whose body never ends.
    Floods,
}

impl Receiver {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (sender, requests) = tokio::sync::mpsc::unbounded_channel();
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, manner.clone(), sender.clone()));
            }
        });
        Self { address, connections, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?token=CANARY", self.address)
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, sender: tokio::sync::mpsc::UnboundedSender<String>) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !text.windows(4).any(|window| window == b"\r\n\r\n") || !text.ends_with(b"}") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => text.extend_from_slice(&buffer[..count]),
        }
    }
    drop(sender.send(String::from_utf8(text).unwrap()));
    match manner {
        Manner::Answers(answer) => drop(stream.write_all(answer.as_bytes()).await),
        Manner::Hangs => tokio::time::sleep(Duration::from_secs(3600)).await,
        Manner::Trickles => {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nx-a: ").await);
            while stream.write_all(b"a").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Manner::Resets => {
            stream.set_zero_linger().unwrap();
        }
        Manner::HangsUp => {}
        Manner::Floods => {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await);
            let chunk = format!("{:x}\r\n{}\r\n", 65_536, "a".repeat(65_536));
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
        }
    }
}

fn open() -> WebhookSettings {
    WebhookSettings {
        allow_private: true,
        allow_http: true,
        timeout: Duration::from_secs(30),
        ..WebhookSettings::default()
    }
}

async fn post(webhooks: &Webhooks, url: &str) -> Result<Answer, Error> {
    let headers = [("webhook-id", "msg_1".to_owned()), ("webhook-timestamp", "1".to_owned())];
    webhooks.post(Post { url, headers: &headers, body: r#"{"type":"webhook.ping"}"# }).await
}

#[track_caller]
fn assert_failed(outcome: Result<Answer, Error>, code: &Code) {
    let error = outcome.unwrap_err();
    assert!(error.is(code), "{error:?} is not {}", code.id);
    assert!(!format!("{error:?}").contains("CANARY"), "the path is the partner's own: {error:?}");
}

#[tokio::test]
async fn a_message_arrives_as_it_was_given_and_the_status_comes_back() {
    for (status, head) in [(200, ""), (204, ""), (410, ""), (500, ""), (301, "location: http://127.0.0.1:9/\r\n")] {
        let answer = format!("HTTP/1.1 {status} Words\r\n{head}content-length: 0\r\n\r\n");
        let mut receiver = Receiver::start(Manner::Answers(answer)).await;
        let answer = post(&Webhooks::new(open()), &receiver.url()).await.unwrap();
        assert_eq!(answer, Answer { status, retry_after: None });
        let request = receiver.requests.recv().await.unwrap();
        let lower = request.to_ascii_lowercase();
        assert!(request.starts_with("POST /hook?token=CANARY HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\n{\"type\":\"webhook.ping\"}"), "{request}");
        for header in ["content-type: application/json", "webhook-id: msg_1", "webhook-timestamp: 1"] {
            assert!(lower.contains(&format!("\r\n{header}\r\n")), "{request}");
        }
        assert!(lower.contains(&format!("\r\nuser-agent: sealpost/{}\r\n", env!("CARGO_PKG_VERSION"))), "{request}");
    }
}

#[tokio::test]
async fn a_server_may_ask_to_be_left_alone() {
    let now = jiff::Timestamp::now();
    let date = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&(now + jiff::SignedDuration::from_secs(120)))
        .unwrap();
    for (text, expected) in [("90", 90..=90), (date.as_str(), 115..=120), ("soon", 0..=0), ("-5", 0..=0)] {
        let answer = format!("HTTP/1.1 503 Busy\r\nretry-after: {text}\r\ncontent-length: 0\r\n\r\n");
        let receiver = Receiver::start(Manner::Answers(answer)).await;
        let answer = post(&Webhooks::new(open()), &receiver.url()).await.unwrap();
        let seconds = answer.retry_after.unwrap_or_default().as_secs();
        assert!(expected.contains(&seconds), "{text}: {seconds}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let inside = Receiver::start(Manner::Answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned())).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} There\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", inside.url());
        let outside = Receiver::start(Manner::Answers(answer)).await;
        assert_eq!(post(&Webhooks::new(open()), &outside.url()).await.unwrap().status, status);
    }
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_body_without_end_is_not_read() {
    let receiver = Receiver::start(Manner::Floods).await;
    assert_eq!(post(&Webhooks::new(open()), &receiver.url()).await.unwrap().status, 200);
}

#[tokio::test]
async fn connections_are_not_kept() {
    let receiver = Receiver::start(Manner::Answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned())).await;
    let webhooks = Webhooks::new(open());
    for _ in 0..3 {
        post(&webhooks, &receiver.url()).await.unwrap();
    }
    assert_eq!(receiver.connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn servers_that_do_not_answer_say_which_way() {
    for manner in [Manner::Hangs, Manner::Trickles] {
        let receiver = Receiver::start(manner).await;
        let hasty = Webhooks::new(WebhookSettings { timeout: Duration::from_millis(700), ..open() });
        assert_failed(post(&hasty, &receiver.url()).await, &codes::notify::TIMEOUT);
    }
    let another = Manner::Answers("SSH-2.0-OpenSSH_9.9\r\n".to_owned());
    for manner in [Manner::Resets, Manner::HangsUp, another] {
        let receiver = Receiver::start(manner).await;
        assert_failed(post(&Webhooks::new(open()), &receiver.url()).await, &codes::notify::UNREACHABLE);
    }
    let nobody = format!("http://127.0.0.1:{}/CANARY", free_port());
    assert_failed(post(&Webhooks::new(open()), &nobody).await, &codes::notify::UNREACHABLE);
    // A name of the zone that never exists (RFC 6761).
    let nowhere = post(&Webhooks::new(open()), "http://nowhere.invalid/CANARY").await;
    assert_failed(nowhere, &codes::notify::UNREACHABLE);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_after_it_is_resolved() {
    let receiver = Receiver::start(Manner::Answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned())).await;
    // A name may be of a private network where a network is allowed; what it resolves to lies in another.
    let allow = vec!["192.0.2.0/24".parse().unwrap()];
    let webhooks = Webhooks::new(WebhookSettings { allow_private: false, allow, ..open() });
    let url = format!("http://localhost:{}/CANARY", receiver.address.port());
    webhooks.admit(&url).unwrap();
    let error = post(&webhooks, &url).await.unwrap_err();
    assert!(error.is(&codes::notify::ADDRESS) && !error.is_retried(), "{error:?}");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    assert_eq!(receiver.connections.load(Ordering::SeqCst), 0);
    // The same with that network: it is the check that refused it.
    let allow = vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
    let webhooks = Webhooks::new(WebhookSettings { allow_private: false, allow, ..open() });
    assert_eq!(post(&webhooks, &url).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_address_that_was_stored_earlier_is_checked_again() {
    let receiver = Receiver::start(Manner::Hangs).await;
    let closed = Webhooks::new(WebhookSettings { allow_http: true, ..WebhookSettings::default() });
    assert_failed(post(&closed, &receiver.url()).await, &codes::notify::ADDRESS);
    let no_http = Webhooks::new(WebhookSettings { allow_http: false, ..open() });
    assert_failed(post(&no_http, &receiver.url()).await, &codes::notify::ADDRESS);
    assert_eq!(receiver.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    // The environment of a process can't be changed safely here: a process of its own has one.
    let proxy = Receiver::start(Manner::Answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned())).await;
    if std::env::var_os("SEALPOST_TEST_BEHIND_PROXY").is_some() {
        let target = Receiver::start(Manner::Answers("HTTP/1.1 204 No\r\n\r\n".to_owned())).await;
        assert_eq!(post(&Webhooks::new(open()), &target.url()).await.unwrap().status, 204);
        return;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "webhook::proxies_of_the_environment_are_not_used"]).env("SEALPOST_TEST_BEHIND_PROXY", "1");
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        again.env(name, format!("http://{}", proxy.address));
    }
    let output = tokio::task::spawn_blocking(move || again.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 0);
}

/// An authority, and a server certificate by it for `name`, good for `days` (negative: it has ended).
fn certificate(folder: &Path, name: &str, days: i32) {
    let script = format!(
        r#"set -e
cd "{folder}"
test -f ca.pem || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj "/CN=Tests" -days 30 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj "/CN=server" 2>/dev/null
printf 'subjectAltName={name}\n' > server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile server.ext -out server.pem 2>/dev/null
"#,
        folder = folder.display(),
    );
    let output = Command::new(program(&["sh"], "dash")).args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
}

const TLS_SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        self.send_response(204); self.end_headers()
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2] + '/server.pem', sys.argv[2] + '/server.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

fn tls_server(folder: &Path) -> (Server, u16) {
    let port = free_port();
    let mut command = Command::new(program(&["python3"], "python3"));
    command.args(["-c", TLS_SERVER, &port.to_string()]).arg(folder);
    let server = Server::start(&mut command, &folder.join("server.log"));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    wait_until("the TLS server", Duration::from_secs(30), || std::net::TcpStream::connect(address).is_ok());
    (server, port)
}

#[tokio::test]
async fn a_certificate_has_to_be_by_a_known_authority_for_this_name_and_alive() {
    let folder = tempfile::tempdir().unwrap();
    let with_authority = || WebhookSettings { ca_file: Some(folder.path().join("ca.pem")), ..open() };
    certificate(folder.path(), "DNS:localhost", 5);
    let (server, port) = tls_server(folder.path());
    let url = format!("https://localhost:{port}/CANARY");
    assert_eq!(post(&Webhooks::new(with_authority()), &url).await.unwrap().status, 204);
    // By nobody that the system knows.
    assert_failed(post(&Webhooks::new(open()), &url).await, &codes::notify::TLS);
    // For another name.
    let other = format!("https://127.0.0.1:{port}/CANARY");
    assert_failed(post(&Webhooks::new(with_authority()), &other).await, &codes::notify::TLS);
    drop(server);

    certificate(folder.path(), "DNS:localhost", -1);
    let (_server, port) = tls_server(folder.path());
    let url = format!("https://localhost:{port}/CANARY");
    assert_failed(post(&Webhooks::new(with_authority()), &url).await, &codes::notify::TLS);

    // No TLS at all behind an https address.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/CANARY", plain.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    });
    assert_failed(post(&Webhooks::new(open()), &url).await, &codes::notify::TLS);
}

#[tokio::test]
async fn a_file_of_authorities_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let settings = || WebhookSettings { ca_file: Some(file.clone()), ..WebhookSettings::default() };
    assert!(Webhooks::new(settings()).check().await.unwrap_err().is(&codes::config::UNREADABLE));
    std::fs::write(&file, "no certificate").unwrap();
    assert!(Webhooks::new(settings()).check().await.unwrap_err().is(&codes::config::INVALID));
    Webhooks::new(WebhookSettings::default()).check().await.unwrap();
}
