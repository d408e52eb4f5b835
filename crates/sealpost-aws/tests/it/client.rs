//! Calls: of moto, which verifies their signatures, and of servers that refuse, hang, break off and flood.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sealpost_aws::sigv4::SigningKeys;
use sealpost_aws::{Client, Credentials, Fault, Patience, Repeat, SECRETS_MANAGER, TRANSFER};
use sealpost_core::secret::Secret;
use sealpost_testkit::moto::{Moto, REGION};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn credentials(id: &str, secret: &str) -> Credentials {
    Credentials::fixed(SigningKeys {
        access_key_id: id.to_owned(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        session_token: None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_verifier_believes_us_and_says_what_is_denied() {
    let moto = Moto::enforcing_after(3);
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": ["secretsmanager:CreateSecret", "transfer:ListConnectors"], "Resource": "*",
    }]});
    let (id, secret) = moto.user_with("sealpost", &policy);
    let client = |service, secret: &str| {
        Client::new(service, REGION, &moto.endpoint(), credentials(&id, secret), Patience::default()).unwrap()
    };
    let ours = client(SECRETS_MANAGER, &secret);
    let made: Value = ours.call("CreateSecret", &json!({"Name": "a", "SecretString": "ä"})).await.unwrap();
    assert!(made["ARN"].as_str().unwrap().starts_with("arn:aws:secretsmanager:eu-central-1:"), "{made}");
    let listed: Value = client(TRANSFER, &secret).call("ListConnectors", &json!({})).await.unwrap();
    assert_eq!(listed["Connectors"], json!([]));

    let denied = ours.call::<_, Value>("GetSecretValue", &json!({"SecretId": "a"})).await.unwrap_err();
    assert!(denied.refused().is_some_and(sealpost_aws::Refused::is_denied), "{denied}");
    let wrong = client(SECRETS_MANAGER, "another/secret").call::<_, Value>("CreateSecret", &json!({})).await;
    let wrong = wrong.unwrap_err();
    assert!(wrong.refused().is_some_and(sealpost_aws::Refused::is_denied), "{wrong}");
}

/// A server that gives each connection its next answer; the last one again and again.
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    /// How long an attempt may take: briefly where one of them hangs.
    attempt: Duration,
}

#[derive(Clone)]
enum Manner {
    Says(&'static str, &'static str),
    HangsUp,
    Hangs,
    Floods,
}

impl Server {
    async fn start(manners: &[Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let hangs = manners.iter().any(|manner| matches!(manner, Manner::Hangs));
        let attempt = Duration::from_secs(if hangs { 3 } else { 30 });
        let (count, manners) = (requests.clone(), manners.to_vec());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut text = Vec::new();
                let mut buffer = [0; 4096];
                // Every body here is an object.
                while !text.ends_with(b"}") {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => break,
                        Ok(length) => text.extend_from_slice(&buffer[..length]),
                    }
                }
                let index = count.fetch_add(1, Ordering::SeqCst);
                let manner = manners[index.min(manners.len() - 1)].clone();
                tokio::spawn(async move {
                    match manner {
                        Manner::Says(status, body) => {
                            let answer = format!(
                                "HTTP/1.1 {status}\r\nx-amzn-RequestId: r-1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                                body.len()
                            );
                            drop(stream.write_all(answer.as_bytes()).await);
                        }
                        Manner::HangsUp => {}
                        Manner::Hangs => tokio::time::sleep(Duration::from_secs(3600)).await,
                        Manner::Floods => {
                            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                            drop(stream.write_all(head.as_bytes()).await);
                            let chunk = format!("{:x}\r\n{}\r\n", 65_536, " ".repeat(65_536));
                            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
                        }
                    }
                });
            }
        });
        Self { address, requests, attempt }
    }

    fn client(&self) -> Client {
        let patience = Patience {
            attempt: self.attempt,
            attempts: 3,
            first_pause: Duration::from_millis(1),
            ..Patience::default()
        };
        let endpoint = format!("http://{}", self.address);
        Client::new(TRANSFER, "eu-central-1", &endpoint, credentials("AKID", "CANARY"), patience).unwrap()
    }

    async fn ask(&self, repeat: Repeat) -> (Result<Value, Fault>, usize) {
        let outcome = self.client().call_with("ListConnectors", &json!({}), &[], repeat).await;
        assert!(!format!("{outcome:?}").contains("CANARY"), "{outcome:?}");
        (outcome, self.requests.load(Ordering::SeqCst))
    }
}

const FINE: Manner = Manner::Says("200 OK", r#"{"a":1}"#);
const SLOW_DOWN: Manner =
    Manner::Says("400 Bad Request", r#"{"__type":"ThrottlingException","RetryAfterSeconds":"1"}"#);
const BROKEN: Manner = Manner::Says("500 Internal Server Error", r#"{"__type":"InternalServiceError","Message":"oh"}"#);
const NOT_THERE: Manner =
    Manner::Says("400 Bad Request", r#"{"__type":"x#ResourceNotFoundException","Message":"Unknown connector"}"#);

#[tokio::test]
async fn what_passes_is_repeated_and_what_does_not_is_not() {
    for (manners, repeat, outcome, requests) in [
        (vec![FINE], Repeat::Freely, "fine", 1),
        (vec![SLOW_DOWN, FINE], Repeat::Freely, "fine", 2),
        (vec![BROKEN, Manner::HangsUp, FINE], Repeat::Freely, "fine", 3),
        (vec![Manner::Hangs, FINE], Repeat::Freely, "fine", 2),
        (vec![BROKEN], Repeat::Freely, "InternalServiceError: oh (request r-1)", 3),
        (vec![SLOW_DOWN], Repeat::Freely, "ThrottlingException (request r-1)", 3),
        (vec![NOT_THERE, FINE], Repeat::Freely, "ResourceNotFoundException: Unknown connector (request r-1)", 1),
        // It may have been done: whoever called has to look.
        (vec![SLOW_DOWN, FINE], Repeat::WithoutEffect, "fine", 2),
        (vec![BROKEN, FINE], Repeat::WithoutEffect, "InternalServiceError: oh (request r-1)", 1),
        (vec![Manner::Says("502 Bad Gateway", "<html>")], Repeat::WithoutEffect, "status 502 (request r-1)", 1),
    ] {
        let server = Server::start(&manners).await;
        let (answer, count) = server.ask(repeat).await;
        let said = answer.map_or_else(
            |fault| fault.to_string(),
            |answer| {
                assert_eq!(answer, json!({"a": 1}));
                "fine".to_owned()
            },
        );
        assert_eq!((said.as_str(), count), (outcome, requests));
    }
    for manner in [Manner::HangsUp, Manner::Hangs] {
        let server = Server::start(&[manner, FINE]).await;
        let (answer, count) = server.ask(Repeat::WithoutEffect).await;
        assert!(matches!(answer, Err(Fault::Lost(_))) && count == 1, "{answer:?}");
    }
}

#[tokio::test]
async fn answers_are_bounded_and_read_strictly() {
    let (answer, _) = Server::start(&[Manner::Floods]).await.ask(Repeat::WithoutEffect).await;
    assert!(matches!(answer, Err(Fault::Answer(_) | Fault::Lost(_))), "{answer:?}");
    let (answer, _) = Server::start(&[Manner::Says("200 OK", "<html>")]).await.ask(Repeat::Freely).await;
    assert!(matches!(answer, Err(Fault::Answer(_))), "{answer:?}");
    let (answer, _) = Server::start(&[Manner::Says("200 OK", "")]).await.ask(Repeat::Freely).await;
    assert_eq!(answer, Ok(json!({})));
    // A redirect would take the signed request elsewhere.
    let (answer, count) = Server::start(&[Manner::Says("302 Found", "")]).await.ask(Repeat::Freely).await;
    assert!(answer.is_err() && count == 1, "{answer:?}");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let port = sealpost_testkit::server::free_port();
    let patience = Patience { attempts: 2, first_pause: Duration::from_millis(1), ..Patience::default() };
    let endpoint = format!("http://127.0.0.1:{port}");
    let client = Client::new(TRANSFER, "eu-central-1", &endpoint, credentials("a", "b"), patience).unwrap();
    let fault = client.call_with::<_, Value>("X", &json!({}), &[], Repeat::WithoutEffect).await.unwrap_err();
    assert!(matches!(fault, Fault::Unreachable(_)) && fault.is_without_effect(), "{fault:?}");
    for region in ["", "eu central", "../x"] {
        let made = Client::new(TRANSFER, region, &endpoint, credentials("a", "b"), patience);
        assert!(matches!(made, Err(Fault::Settings(_))), "{region}");
    }
}
