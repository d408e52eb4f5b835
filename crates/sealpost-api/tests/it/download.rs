//! The sealed file over HTTP: whole, in parts, conditional; the bytes decrypt.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use metrics_exporter_prometheus::PrometheusHandle;
use reqwest::{Method, StatusCode};
use sealpost_api::State;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::rig::{ROWS, Rig, Wish, header, id, json_of};

struct Fetched {
    rig: Rig,
    path: String,
    file: Json,
    bytes: Vec<u8>,
}

async fn fetched() -> Fetched {
    let rig = Rig::working().await;
    let report = rig.contracts(&rig.acme).await;
    let report = rig.done(&rig.acme, id(&report)).await;
    let path = report["links"]["file"].as_str().unwrap().to_owned();
    let answer = rig.get(&rig.acme, &path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let bytes = answer.bytes().await.unwrap().to_vec();
    Fetched { rig, path, file: report["file"].clone(), bytes }
}

#[tokio::test]
async fn the_whole_file_with_its_digests_decrypts_to_the_partners_rows() {
    let Fetched { rig, path, file, bytes } = fetched().await;
    assert_eq!(bytes.len() as u64, file["size"].as_u64().unwrap());
    let answer = rig.get(&rig.acme, &path).send().await.unwrap();
    assert_eq!(header(&answer, "etag"), format!("\"{}\"", file["sha256"].as_str().unwrap()));
    assert_eq!(header(&answer, "accept-ranges"), "bytes");
    assert_eq!(
        header(&answer, "content-disposition"),
        format!("attachment; filename=\"{}\"", file["name"].as_str().unwrap())
    );
    let digest = {
        use base64::Engine;
        use sha2::Digest;
        let digest = sha2::Sha256::digest(&bytes);
        assert_eq!(hex::encode(digest), file["sha256"].as_str().unwrap());
        base64::engine::general_purpose::STANDARD.encode(digest)
    };
    assert_eq!(header(&answer, "repr-digest"), format!("sha-256=:{digest}:"));
    let mut plain = Vec::new();
    sealpost_seal::decrypt(&bytes[..], &rig.acme.secret, None, &mut plain).unwrap();
    let text = String::from_utf8(plain).unwrap();
    assert_eq!(text.lines().count(), ROWS as usize);
    assert!(text.contains("ACME-CANARY-2500") && !text.contains("GLOBEX"));
}

#[tokio::test]
async fn head_has_the_headers_and_no_body() {
    let Fetched { rig, path, file, .. } = fetched().await;
    let answer = rig.ask(&rig.acme, Method::HEAD, &path).header("range", "bytes=0-1").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "Range is for GET only");
    assert_eq!(header(&answer, "content-length"), file["size"].to_string());
    assert!(answer.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn parts_put_together_are_the_file() {
    let Fetched { rig, path, bytes, .. } = fetched().await;
    let size = bytes.len();
    let mut joined = Vec::new();
    for range in ["bytes=0-0".to_owned(), "bytes=1-999".to_owned(), format!("bytes=1000-{}", size * 2)] {
        let answer = rig.get(&rig.acme, &path).header("range", &range).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(
            header(&answer, "content-range"),
            format!(
                "bytes {}-{}/{size}",
                joined.len(),
                [0, 999, size - 1][usize::from(!joined.is_empty()) + usize::from(joined.len() > 1)]
            )
        );
        let part = answer.bytes().await.unwrap();
        joined.extend_from_slice(&part);
    }
    assert_eq!(joined, bytes);
    let tail = rig.get(&rig.acme, &path).header("range", "bytes=-7").send().await.unwrap();
    assert_eq!(tail.bytes().await.unwrap(), &bytes[size - 7..]);
}

#[tokio::test]
async fn ranges_that_lie_outside_are_refused_and_malformed_ones_ignored() {
    let Fetched { rig, path, bytes, .. } = fetched().await;
    let size = bytes.len();
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned(), "bytes=99999999999999999999999-".to_owned()] {
        let answer = rig.get(&rig.acme, &path).header("range", &range).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        assert_eq!(header(&answer, "content-range"), format!("bytes */{size}"));
        let problem: Json = answer.json().await.unwrap();
        assert_eq!(problem["code"], "SP-REQUEST-018");
    }
    for range in ["bytes=", "bytes=a-b", "bytes=9-1", "pages=1-2", "bytes=0-1,3-4", "nonsense"] {
        let answer = rig.get(&rig.acme, &path).header("range", range).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{range}");
        assert_eq!(answer.bytes().await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn conditions_are_kept() {
    let Fetched { rig, path, file, bytes } = fetched().await;
    let tag = format!("\"{}\"", file["sha256"].as_str().unwrap());
    let unchanged = rig.get(&rig.acme, &path).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    let same = rig.get(&rig.acme, &path).header("range", "bytes=5-").header("if-range", &tag).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::PARTIAL_CONTENT);
    let other =
        rig.get(&rig.acme, &path).header("range", "bytes=5-").header("if-range", "\"other\"").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
    assert_eq!(other.bytes().await.unwrap(), bytes);
}

/// Asks without a connection: nothing reads the body, however small it is.
async fn ask(router: &Router, method: Method, path: &str, key: &str) -> Response {
    let request = http::Request::builder().method(method).uri(path).header("x-api-key", key);
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_partner_has_so_many_downloads_at_once() {
    let Fetched { rig, path, bytes, .. } = fetched().await;
    let state = State::new(rig.pipeline.clone(), None::<PrometheusHandle>, None, |_| Ok(String::new()));
    let router = sealpost_api::public::router(state);
    let mut running = Vec::new();
    for _ in 0..20 {
        let answer = ask(&router, Method::GET, &path, &rig.acme.key).await;
        assert_eq!(answer.status(), StatusCode::OK);
        running.push(answer);
    }
    let refused = ask(&router, Method::GET, &path, &rig.acme.key).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "5");
    let problem: Json = serde_json::from_slice(&to_bytes(refused.into_body(), usize::MAX).await.unwrap()).unwrap();
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (&json!("SP-REQUEST-029"), &json!("20 downloads of yours are running"))
    );
    let head = ask(&router, Method::HEAD, &path, &rig.acme.key).await;
    assert_eq!(head.status(), StatusCode::OK, "it sends nothing");

    // Who hangs up gives the seat back, and so does who has read everything.
    running.pop();
    for _ in 0..2 {
        let answer = ask(&router, Method::GET, &path, &rig.acme.key).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(to_bytes(answer.into_body(), usize::MAX).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_yet_is_a_conflict_with_a_hint() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let answer = rig.get(&rig.acme, &format!("/v1/reports/{}/file", id(&report))).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert_eq!(header(&answer, "retry-after"), "2");
    let problem: Json = answer.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["retryable"]), (&json!("SP-REQUEST-016"), &json!(true)));
}

#[tokio::test]
async fn a_file_that_vanished_from_the_store_is_our_fault() {
    let Fetched { rig, path, .. } = fetched().await;
    std::fs::remove_dir_all(rig.folder.path().join("store").join("acme")).unwrap();
    let (status, problem) = json_of(rig.get(&rig.acme, &path)).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{problem}");
    assert_eq!(problem["code"], "SP-STORE-004");
    assert!(!problem["detail"].as_str().unwrap().contains("store/"), "{problem}");
}

#[tokio::test]
async fn a_store_with_links_is_where_files_are_fetched_from() {
    let moto = sealpost_testkit::moto::Moto::start();
    moto.create_bucket("sealed");
    let store = json!({
        "kind": "s3", "bucket": "sealed", "endpoint": moto.endpoint(), "region": "us-east-1", "allow_http": true,
        "access_key_id": "id", "secret_access_key": "env:PATH",
    });
    let rig = Rig::wishing(Wish { store: Some(serde_json::from_value(store).unwrap()), ..Wish::default() }).await;
    let report = rig.contracts(&rig.acme).await;
    let report = rig.done(&rig.acme, id(&report)).await;
    let path = report["links"]["file"].as_str().unwrap();
    let tag = format!("\"{}\"", report["file"]["sha256"].as_str().unwrap());
    let stranger = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = rig.get(&rig.acme, path).build().unwrap().url().clone();
    let key = |request: reqwest::RequestBuilder| request.bearer_auth(&rig.acme.key);

    let answer = key(stranger.get(url.clone())).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(header(&answer, "etag"), tag);
    assert!(header(&answer, "repr-digest").starts_with("sha-256=:"));
    assert_eq!(header(&answer, "cache-control"), "private, no-store");
    let link = header(&answer, "location").to_owned();
    let fetched = stranger.get(&link).send().await.unwrap();
    assert!(link.contains("response-content-disposition=attachment"), "{link}");
    let bytes = fetched.bytes().await.unwrap();
    let mut plain = Vec::new();
    sealpost_seal::decrypt(&bytes[..], &rig.acme.secret, None, &mut plain).unwrap();
    assert!(String::from_utf8(plain).unwrap().contains("ACME-CANARY-2500"));

    // What needs no bytes is answered here, and so is who may not have them.
    let head = key(stranger.head(url.clone())).send().await.unwrap();
    assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, bytes.len().to_string()));
    let known = key(stranger.get(url.clone())).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let other = stranger.get(url).bearer_auth(&rig.globex.key).send().await.unwrap();
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
}
