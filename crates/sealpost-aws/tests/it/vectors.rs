//! The vectors that AWS published for Signature Version 4, as far as they are requests to `/` without a query.

use std::time::Duration;

use http::Request;
use jiff::Timestamp;
use sealpost_aws::sigv4::{Scope, SigningKeys, sign, verify};
use sealpost_core::secret::Secret;

const SECRET: &[u8] = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Method, headers in order, body, signature.
type Vector = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);

const VECTORS: &[Vector] = &[
    ("GET", &[], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("POST", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "GET",
        &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
        "",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        "GET",
        &[("my-header1", "value4"), ("my-header1", "value1"), ("my-header1", "value3"), ("my-header1", "value2")],
        "",
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    (
        "GET",
        &[("my-header1", "value1"), ("my-header2", "\"a   b   c\"")],
        "",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    ("POST", &[("My-Header1", "value1")], "", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
    ("POST", &[("my-header1", "VALUE1")], "", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"),
    (
        "POST",
        &[("content-type", "application/x-www-form-urlencoded")],
        "Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    (
        "POST",
        &[("content-type", "application/x-www-form-urlencoded; charset=utf8")],
        "Param1=value1",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    ),
];

#[test]
fn published_vectors_are_signed_and_verified() {
    let now: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
    let scope = Scope::new("us-east-1", "service");
    let keys = SigningKeys {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret: Secret::new(SECRET.to_vec()),
        session_token: None,
    };
    for (method, headers, body, signature) in VECTORS {
        let mut request = Request::builder().method(*method).uri("/").header("host", "example.amazonaws.com");
        for (name, value) in *headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        sign(&mut parts, body.as_bytes(), &keys, &scope, now).unwrap();
        let authorization = parts.headers["authorization"].to_str().unwrap().to_owned();
        assert!(authorization.ends_with(&format!("Signature={signature}")), "{headers:?}: {authorization}");
        let verified = verify(&parts, body.as_bytes(), &keys.secret, &scope, now, Duration::from_secs(900)).unwrap();
        assert_eq!((&*verified.access_key_id, verified.signed_at), ("AKIDEXAMPLE", now));
    }
}
