//! Below and around HTTP: what is malformed, ambiguous, endless or too large is refused, and nobody is kept waiting by it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use sealpost_api::Limits;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Rig, TOKEN, id, json_of};

/// Serves, and soon closes connections that say nothing more.
async fn impatient() -> Rig {
    Rig::with(Some(TOKEN), Limits { head_time: Duration::from_millis(700), ..Limits::default() }).await
}

/// Sends bytes as they are, and gives everything that comes back until the other side closes.
async fn send(rig: &Rig, bytes: &str) -> String {
    let mut stream = connect(rig).await;
    // The other side may close before it has read everything.
    drop(stream.write_all(bytes.as_bytes()).await);
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    drop(read.unwrap());
    String::from_utf8_lossy(&answer).into_owned()
}

async fn connect(rig: &Rig) -> TcpStream {
    TcpStream::connect(rig.public.strip_prefix("http://").unwrap()).await.unwrap()
}

/// The statuses of all answers on a connection.
fn statuses(answer: &str) -> Vec<u16> {
    let heads = answer.match_indices("HTTP/1.").filter_map(|(at, _)| answer.get(at + 9..at + 12));
    heads.map(|status| status.parse().unwrap()).collect()
}

const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn no_request_hides_in_another_one() {
    let rig = impatient().await;
    let head = |headers: &str| {
        format!("POST /v1/reports HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{headers}\r\n")
    };
    let length = SMUGGLED.len();
    for (name, request) in [
        ("two lengths", head(&format!("Content-Length: 0\r\nContent-Length: {length}\r\n")) + SMUGGLED),
        ("a list of lengths", head(&format!("Content-Length: 0, {length}\r\n")) + SMUGGLED),
        ("a signed length", head("Content-Length: +0\r\n") + SMUGGLED),
        ("a length in hexadecimal", head("Content-Length: 0x0\r\n") + SMUGGLED),
        ("a negative length", head("Content-Length: -1\r\n") + SMUGGLED),
        ("a coding that is not chunked at the end", head("Transfer-Encoding: chunked, identity\r\n") + SMUGGLED),
        ("an unknown coding", head("Transfer-Encoding: xchunked\r\n") + SMUGGLED),
        ("a space before the colon", head("Transfer-Encoding : chunked\r\n") + "0\r\n\r\n" + SMUGGLED),
        ("a folded header", head("Transfer-Encoding:\r\n chunked\r\n") + "0\r\n\r\n" + SMUGGLED),
        ("a chunk size that is none", head("Transfer-Encoding: chunked\r\n") + "zz\r\n\r\n" + SMUGGLED),
        (
            "a chunk size that overflows",
            head("Transfer-Encoding: chunked\r\n") + "fffffffffffffffff\r\n\r\n" + SMUGGLED,
        ),
        ("a bare carriage return", head("X-One: a\rTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" + SMUGGLED),
        ("a zero byte in a header", head("X-One: a\0b\r\n") + SMUGGLED),
        ("chunked in HTTP/1.0", head("Transfer-Encoding: chunked\r\n").replace("1.1", "1.0") + "0\r\n\r\n" + SMUGGLED),
    ] {
        let answer = send(&rig, &request).await;
        assert!(!answer.contains(" 200 OK"), "{name}: {answer}");
        let found = statuses(&answer);
        assert!(found.len() <= 1 && found.iter().all(|status| (400..500).contains(status)), "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_length_beside_chunks_does_not_count() {
    let rig = impatient().await;
    // RFC 9112, section 6.3: chunked wins. A reader by length would take the next request for the rest of the body, or
    // half of a body for the next request.
    for headers in
        ["Content-Length: 6\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 6"]
    {
        let request = format!("POST /v1/reports HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n0\r\n\r\nG{SMUGGLED}");
        let answer = send(&rig, &request).await;
        assert!(!answer.contains(" 200 OK"), "{headers}: {answer}");
        assert_eq!(statuses(&answer)[0], 401, "{answer}");
    }
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_requests() {
    let rig = impatient().await;
    let key = &rig.acme.key;
    let one = format!("GET /v1/usage HTTP/1.1\r\nHost: a\r\nx-api-key: {key}\r\n\r\n");
    let request =
        format!("{one}GET /nothing HTTP/1.1\r\nHost: a\r\n\r\nHEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n{one}");
    assert_eq!(statuses(&send(&rig, &request).await), [200, 404, 200, 200]);
}

#[tokio::test]
async fn old_and_unusual_requests() {
    let rig = impatient().await;
    let authority = rig.public.strip_prefix("http://").unwrap().to_owned();
    for (request, expected) in [
        ("GET /healthz HTTP/1.0\r\n\r\n".to_owned(), 200),
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400),
        (format!("GET http://{authority}/healthz HTTP/1.1\r\nHost: {authority}\r\n\r\n"), 200),
        ("GET http://elsewhere.example/v1/reports HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n".to_owned(), 401),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 404),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 404),
        ("TRACE /healthz HTTP/1.1\r\nHost: a\r\nx-secret: s\r\n\r\n".to_owned(), 405),
        ("get /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405),
        ("FROBNICATE /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405),
        ("OPTIONS /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405),
        ("GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/9\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 404),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned(), 400),
    ] {
        let answer = send(&rig, &request).await;
        assert_eq!(statuses(&answer).first(), Some(&expected), "{request:?}: {answer}");
        assert!(!answer.contains("x-secret"), "what was sent does not come back: {answer}");
    }
}

#[tokio::test]
async fn a_path_has_one_meaning() {
    let rig = impatient().await;
    let report = rig.contracts(&rig.acme).await;
    let report = id(&report);
    for path in [
        "//v1/reports".to_owned(),
        "/v1//reports".to_owned(),
        "/v1/%72eports".to_owned(),
        "/v1/reports%2f".to_owned(),
        "/V1/reports".to_owned(),
        "/v1/reports/%2e%2e/report-types".to_owned(),
        "/v1/reports/..%2freport-types".to_owned(),
        "/v1/x/../reports".to_owned(),
        format!("/v1/reports/{report}%00"),
        format!("/v1/reports/{report}%2ffile"),
        format!("/v1/reports/{report}/"),
        format!("/v1/reports/{report};x=y"),
        "/v1/reports/%ff".to_owned(),
        "/v1/reports/%".to_owned(),
        "/v1/reports/%25%32%65".to_owned(),
        format!("/v1/reports/{}", report.to_uppercase()),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nx-api-key: {}\r\n\r\n", rig.acme.key);
        let answer = send(&rig, &request).await;
        assert_eq!(statuses(&answer), [404], "{path}: {answer}");
        assert!(answer.contains("SP-REQUEST-0"), "{path}: {answer}");
    }
    // The same character, escaped, is the same identifier (RFC 3986, section 2.3).
    let escaped = report.replacen('r', "%72", 1);
    let (status, shown) = json_of(rig.get(&rig.acme, &format!("/v1/reports/{escaped}"))).await;
    assert_eq!((status, id(&shown)), (StatusCode::OK, report));
}

#[tokio::test]
async fn heads_have_their_limits() {
    let rig = impatient().await;
    for (path, headers, expected, code) in [
        (8_300, 0, 414, "SP-REQUEST-042"),
        (100_000, 0, 414, ""),
        (100, 10_300, 431, "SP-REQUEST-024"),
        (8_000, 3_000, 431, "SP-REQUEST-024"),
        (8_000, 1_000, 404, "SP-REQUEST-021"),
    ] {
        let (path, padding) = ("x".repeat(path), "x".repeat(headers));
        let answer = send(&rig, &format!("GET /{path} HTTP/1.1\r\nHost: a\r\nx-padding: {padding}\r\n\r\n")).await;
        // What does not fit into the buffer for a head at all is refused below us, without a body, or cut off.
        if code.is_empty() {
            assert!(statuses(&answer).iter().all(|status| [414, 431].contains(status)), "{answer}");
        } else {
            assert_eq!(statuses(&answer), [expected], "{answer}");
            assert!(answer.contains(code), "{answer}");
        }
    }
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    let answer = send(&rig, &format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{many}\r\n")).await;
    assert_eq!(statuses(&answer), [431]);
}

#[tokio::test]
async fn bodies_have_their_limits() {
    let rig = Rig::idle().await;
    let ask = |body: String| {
        let request = rig.ask(&rig.acme, Method::POST, "/v1/reports").header("content-type", "application/json");
        json_of(request.body(body))
    };
    let with = |parameters: &str| format!("{{\"report_type\": \"contracts.v1\", \"parameters\": {parameters}}}");
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let list = format!("[{}0]", "0,".repeat(10_000));
    for (body, pointer, says) in [
        (with("{\"from\": \"2026-01-01\", \"from\": \"2026-02-01\"}"), "/parameters/from", "duplicate field"),
        (with(&format!("{{\"from\": {}}}", deep(40))), "", "32 levels"),
        (with(&format!("{{\"from\": {}}}", deep(100_000))), "", "32 levels"),
        (with(&format!("{{\"from\": {list}}}")), "/parameters/from/9996", "more than 10000 values"),
        (with("{\"from\": \"\\ud800\"}"), "", "hex escape"),
        (with("{\"from\": 1e999}"), "", "out of range"),
    ] {
        let (status, problem) = ask(body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("SP-REQUEST-001")), "{problem}");
        let error = &problem["errors"][0];
        assert!(error["detail"].as_str().unwrap().contains(says), "{error}");
        assert!(pointer.is_empty() || error["pointer"] == pointer, "{error}");
    }
    // Not declared how long, and too long.
    let endless = futures::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024])));
    let request = rig.ask(&rig.acme, Method::POST, "/v1/reports").header("content-type", "application/json");
    let (status, problem) = json_of(request.body(reqwest::Body::wrap_stream(endless))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("SP-REQUEST-019")));
}

#[tokio::test]
async fn parameters_that_an_operation_does_not_have_are_refused_everywhere() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let path = format!("/v1/reports/{}", id(&report));
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::GET, format!("{path}/timeline")),
        (Method::DELETE, path.clone()),
        (Method::POST, "/v1/reports".to_owned()),
        (Method::GET, "/v1/usage".to_owned()),
        (Method::GET, "/v1/report-types".to_owned()),
    ] {
        let (status, problem) = json_of(rig.ask(&rig.acme, method.clone(), &format!("{path}?colour=red"))).await;
        assert_eq!(
            (status, &problem["errors"][0]["parameter"]),
            (StatusCode::BAD_REQUEST, &json!("colour")),
            "{method} {path}"
        );
        assert_eq!(problem["message"], "Invalid request parameters");
    }
    let (_, shown) = json_of(rig.get(&rig.acme, &path)).await;
    assert_eq!(shown["status"], "queued", "nothing was done");
}

#[tokio::test]
async fn who_stops_reading_is_cut_off() {
    let limits = Limits { stall: Duration::from_millis(400), ..Limits::default() };
    let rig = Rig::with(Some(TOKEN), limits).await;
    let mut stream = connect(&rig).await;
    let document = reqwest::get(format!("{}/openapi.json", rig.public)).await.unwrap().text().await.unwrap();
    // Answers of 64 MiB together: more than the sockets of both sides hold.
    let count = 64 * 1024 * 1024 / document.len();
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(count);
    let cut_off = async {
        if stream.write_all(requests.as_bytes()).await.is_err() {
            return;
        }
        // Nothing is read. Once the other side has closed, what is sent is answered with a reset.
        while stream.write_all(b"\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), cut_off).await.unwrap();
    // And everyone else is served.
    let (status, _) = json_of(rig.get(&rig.acme, "/v1/usage")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_nobody_asked_for_is_not_waited_for() {
    let rig = Rig::idle().await;
    let mut stream = connect(&rig).await;
    let head =
        format!("GET /v1/usage HTTP/1.1\r\nHost: a\r\nx-api-key: {}\r\nContent-Length: 1000\r\n\r\n", rig.acme.key);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    let json: Json = reqwest::get(format!("{}/healthz", rig.public)).await.unwrap().json().await.unwrap();
    assert_eq!(json["status"], "ok");
}
