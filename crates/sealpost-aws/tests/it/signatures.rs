//! What is signed is verified; what was changed, left out or added afterwards is not.

use std::time::Duration;

use http::Request;
use http::request::Parts;
use jiff::Timestamp;
use proptest::prelude::{any, prop, proptest};
use proptest::{prop_assert, prop_assert_eq};
use sealpost_aws::sigv4::{Refusal, Scope, SigningKeys, Verified, sign, verify};
use sealpost_core::secret::Secret;

const SKEW: Duration = Duration::from_secs(900);
const BODY: &[u8] = br#"{"ConnectorId":"c-0123456789abcdef0"}"#;

fn keys() -> SigningKeys {
    SigningKeys {
        access_key_id: "SPAKABCDEFGHIJKLMNOP".to_owned(),
        secret: Secret::new(b"CANARY/abcdefghijklmnopqrstuvwxyz0123456".to_vec()),
        session_token: None,
    }
}

fn scope() -> Scope {
    Scope::new("eu-central-1", "transfer")
}

fn now() -> Timestamp {
    "2026-11-22T21:00:00Z".parse().unwrap()
}

fn request(headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method("POST").uri("/").header("host", "127.0.0.1:8443");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn signed(headers: &[(&str, &str)], body: &[u8]) -> Parts {
    let mut parts = request(headers);
    sign(&mut parts, body, &keys(), &scope(), now()).unwrap();
    parts
}

fn check(parts: &Parts, body: &[u8]) -> Result<Verified, Refusal> {
    let outcome = verify(parts, body, &keys().secret, &scope(), now(), SKEW);
    assert!(!format!("{outcome:?}").contains("CANARY"), "{outcome:?}");
    outcome
}

fn name(outcome: Result<Verified, Refusal>) -> &'static str {
    outcome.map_or_else(|refusal| refusal.name(), |_| "verified")
}

const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.1");
const TARGET: (&str, &str) = ("x-amz-target", "TransferService.StartFileTransfer");

#[test]
fn a_signed_request_is_believed_and_a_changed_one_is_not() {
    let parts = signed(&[JSON, TARGET], BODY);
    assert_eq!(name(check(&parts, BODY)), "verified");
    assert_eq!(name(check(&parts, b"{}")), "InvalidSignatureException");
    let mut other = parts.clone();
    other.headers.insert("x-amz-target", "TransferService.DeleteConnector".parse().unwrap());
    let refusal = check(&other, BODY).unwrap_err();
    assert!(refusal.message().contains("x-amz-target:TransferService.DeleteConnector"), "{refusal}");
    for change in [
        (|parts: &mut Parts| parts.method = http::Method::GET) as fn(&mut Parts),
        |parts| parts.uri = "/x".parse().unwrap(),
        |parts| drop(parts.headers.insert("host", "elsewhere:8443".parse().unwrap())),
        |parts| assert!(parts.headers.append("x-amz-target", "TransferService.Other".parse().unwrap())),
        |parts| drop(parts.headers.insert("x-amz-date", "20261122T210001Z".parse().unwrap())),
        |parts| assert!(parts.headers.append("content-type", "text/plain".parse().unwrap())),
    ] {
        let mut parts = parts.clone();
        change(&mut parts);
        assert_eq!(name(check(&parts, BODY)), "InvalidSignatureException");
    }
    // What proxies add is theirs.
    let mut parts = parts;
    parts.headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
    parts.headers.insert("amz-sdk-request", "attempt=2; max=3".parse().unwrap());
    assert_eq!(name(check(&parts, BODY)), "verified");
}

#[test]
fn another_secret_scope_or_time_is_refused() {
    let parts = signed(&[JSON, TARGET], BODY);
    let with = |secret: &[u8], scope: &Scope, now: Timestamp| {
        name(verify(&parts, BODY, &Secret::new(secret.to_vec()), scope, now, SKEW))
    };
    let secret = keys().secret;
    let seconds = |seconds: i64| now() + jiff::SignedDuration::from_secs(seconds);
    assert_eq!(with(b"another", &scope(), now()), "InvalidSignatureException");
    assert_eq!(with(secret.expose(), &Scope::new("us-east-1", "transfer"), now()), "InvalidSignatureException");
    assert_eq!(with(secret.expose(), &Scope::new("eu-central-1", "s3"), now()), "InvalidSignatureException");
    for (offset, outcome) in [
        (900, "verified"),
        (-900, "verified"),
        (901, "RequestExpired"),
        (-901, "RequestExpired"),
        (864_000, "RequestExpired"),
    ] {
        assert_eq!(with(secret.expose(), &scope(), seconds(offset)), outcome, "{offset}");
    }
    // A scope of another day than the date's: a key of yesterday must not sign today.
    let mut other = parts.clone();
    let authorization = parts.headers["authorization"].to_str().unwrap().replace("20261122/", "20261121/");
    other.headers.insert("authorization", authorization.parse().unwrap());
    assert_eq!(name(check(&other, BODY)), "InvalidSignatureException");
}

#[test]
fn what_must_be_signed_and_is_not_is_named() {
    for header in [("x-amz-meta", "a"), ("x-amz-content-sha256", "b")] {
        let mut parts = signed(&[JSON, TARGET], BODY);
        parts.headers.insert(header.0, header.1.parse().unwrap());
        let refusal = check(&parts, BODY).unwrap_err();
        assert_eq!(refusal.name(), "IncompleteSignature");
        assert!(refusal.message().contains(header.0), "{refusal}");
    }
    for left_out in ["host;", "x-amz-date;", ";x-amz-target"] {
        let mut parts = signed(&[JSON, TARGET], BODY);
        let authorization = parts.headers["authorization"].to_str().unwrap().replace(left_out, "");
        parts.headers.insert("authorization", authorization.parse().unwrap());
        assert_eq!(name(check(&parts, BODY)), "IncompleteSignature", "{left_out}");
    }
    let mut parts = signed(&[JSON, TARGET], BODY);
    parts.headers.remove("content-type");
    assert_eq!(name(check(&parts, BODY)), "IncompleteSignature");
    let mut parts = signed(&[JSON, TARGET], BODY);
    parts.headers.append("host", "elsewhere".parse().unwrap());
    assert_eq!(name(check(&parts, BODY)), "IncompleteSignature");
    for date in
        ["20261122T2100Z", "2026-11-22T21:00:00Z", "20261122T210000", "", "20261399T210000Z", "99999999T999999Z"]
    {
        let mut parts = signed(&[JSON, TARGET], BODY);
        parts.headers.insert("x-amz-date", date.parse().unwrap());
        assert_eq!(name(check(&parts, BODY)), "IncompleteSignature", "{date}");
    }
}

#[test]
fn digests_are_of_this_body_or_refused() {
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let right = {
        use std::process::{Command, Stdio};
        let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), BODY).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()[..64].to_owned()
    };
    let outcome = |said: &str| name(check(&signed(&[JSON, TARGET, ("x-amz-content-sha256", said)], BODY), BODY));
    assert_eq!(outcome(&right), "verified");
    for wrong in [of_nothing, "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", &right.to_uppercase()] {
        assert_eq!(outcome(wrong), "InvalidSignatureException", "{wrong}");
    }
}

#[test]
fn temporary_credentials_and_presigned_requests_are_refused_in_words() {
    let mut temporary = keys();
    temporary.session_token = Some(Secret::new(b"FwoGZXIvYXdzEXAMPLE".to_vec()));
    let mut parts = request(&[JSON, TARGET]);
    sign(&mut parts, BODY, &temporary, &scope(), now()).unwrap();
    let refusal = check(&parts, BODY).unwrap_err();
    assert_eq!((refusal.name(), refusal.status()), ("InvalidClientTokenId", 403));
    assert!(refusal.message().contains("session token"), "{refusal}");

    let mut parts = signed(&[JSON, TARGET], BODY);
    parts.uri = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0".parse().unwrap();
    let refusal = check(&parts, BODY).unwrap_err();
    assert_eq!((refusal.name(), refusal.status()), ("MissingAuthenticationToken", 403));
    let mut parts = signed(&[JSON, TARGET], BODY);
    parts.uri = "/a%20b".parse().unwrap();
    assert_eq!(name(check(&parts, BODY)), "IncompleteSignature");
}

proptest! {
    #[test]
    fn whatever_is_signed_is_verified(
        body in prop::collection::vec(any::<u8>(), 0..200),
        value in "[ -~\t]{0,40}",
        other in "[ -~\u{e4}]{0,40}",
    ) {
        let parts = signed(&[JSON, TARGET, ("x-amz-meta-a", &value), ("x-amz-meta-a", &other)], &body);
        prop_assert_eq!(name(check(&parts, &body)), "verified");
    }

    #[test]
    fn any_changed_byte_of_the_body_is_noticed(
        body in prop::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), bits in 1_u8..,
    ) {
        let parts = signed(&[JSON, TARGET], &body);
        let mut changed = body.clone();
        changed[at.index(body.len())] ^= bits;
        prop_assert_eq!(name(check(&parts, &changed)), "InvalidSignatureException");
    }

    #[test]
    fn any_changed_character_of_the_authorization_is_noticed(at in any::<prop::sample::Index>(), with in "[!-~]") {
        let mut parts = signed(&[JSON, TARGET], BODY);
        let text = parts.headers["authorization"].to_str().unwrap().to_owned();
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(at..=at, &with);
        parts.headers.insert("authorization", changed.parse().unwrap());
        // The key's id is not part of what is signed: another id is another secret, which the caller looks up.
        let key = text.find("Credential=").unwrap() + "Credential=".len();
        let is_id = (key..key + keys().access_key_id.len()).contains(&at);
        prop_assert!(changed == text || is_id || check(&parts, BODY).is_err(), "{}", changed);
    }

    #[test]
    fn nothing_that_is_sent_breaks_it(text in "\\PC{0,120}") {
        let mut parts = signed(&[JSON, TARGET], BODY);
        if let Ok(value) = http::HeaderValue::from_bytes(text.as_bytes()) {
            parts.headers.insert("authorization", value);
            prop_assert!(check(&parts, BODY).is_err());
        }
    }
}
