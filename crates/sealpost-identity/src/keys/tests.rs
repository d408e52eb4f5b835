use serde_json::json;

use super::*;

fn coordinate(size: usize) -> String {
    URL_SAFE_NO_PAD.encode(vec![1; size])
}

fn ed25519(change: Value) -> Value {
    let mut key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": coordinate(32)});
    for (name, value) in change.as_object().unwrap() {
        key[name] = value.clone();
    }
    key
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn header(algorithm: Algorithm, id: Option<&str>) -> Header {
    Header { algorithm, key_id: id.map(str::to_owned) }
}

fn fitting(set: &KeySet, header: &Header) -> usize {
    match set.choose(header) {
        Choice::Fitting(keys) => keys.len(),
        Choice::Unknown | Choice::Refused(_) => 0,
    }
}

#[test]
fn a_key_fits_only_the_algorithms_of_its_kind() {
    let point = |curve: &str, size: usize| json!({"kty": "EC", "crv": curve, "kid": curve, "x": coordinate(size), "y": coordinate(size)});
    let mut modulus = vec![0xff; 256];
    let rsa = json!({"kty": "RSA", "kid": "RSA", "n": URL_SAFE_NO_PAD.encode(&modulus), "e": "AQAB"});
    let keys = set(&[rsa, point("P-256", 32), point("P-384", 48), ed25519(json!({"kid": "Ed25519"}))]);
    for algorithm in Algorithm::ALL {
        for id in ["RSA", "P-256", "P-384", "Ed25519"] {
            let fits = algorithm.key_kind().as_str() == id;
            assert_eq!(fitting(&keys, &header(algorithm, Some(id))), usize::from(fits), "{algorithm:?} {id}");
        }
        assert_eq!(fitting(&keys, &header(algorithm, None)), 1, "one of each kind: no id is needed");
    }
    // Leading zeros are not strength.
    modulus[..128].fill(0);
    let weak = set(&[json!({"kty": "RSA", "kid": "a", "n": URL_SAFE_NO_PAD.encode(&modulus), "e": "AQAB"})]);
    assert!(weak.describe().contains("1024 bits"), "{}", weak.describe());
}

#[test]
fn what_a_key_is_for_is_respected() {
    for (change, usable) in [
        (json!({}), true),
        (json!({"use": "sig", "alg": "EdDSA", "key_ops": ["verify"]}), true),
        (json!({"alg": "Ed25519"}), true),
        (json!({"use": "enc"}), false),
        (json!({"use": 1}), false),
        (json!({"key_ops": ["encrypt"]}), false),
        (json!({"key_ops": "verify"}), false),
        (json!({"alg": "RS256"}), false),
        (json!({"alg": "HS256"}), false),
        (json!({"alg": null}), false),
        (json!({"d": "AA"}), false),
        (json!({"crv": "X25519"}), false),
        (json!({"x": coordinate(31)}), false),
        (json!({"kty": "oct", "k": "AAAA"}), false),
    ] {
        let keys = set(&[ed25519(change.clone())]);
        assert_eq!(fitting(&keys, &header(Algorithm::EdDSA, Some("a"))), usize::from(usable), "{change}");
        assert_eq!(keys.is_empty(), !usable);
        // A key that is there and of no use is no reason to ask again.
        assert!(!matches!(keys.choose(&header(Algorithm::EdDSA, Some("a"))), Choice::Unknown));
    }
}

#[test]
fn without_an_id_one_key_only_may_fit() {
    let keys = set(&[ed25519(json!({"kid": "a"})), ed25519(json!({"kid": "b"}))]);
    assert_eq!(fitting(&keys, &header(Algorithm::EdDSA, None)), 0);
    assert_eq!(fitting(&keys, &header(Algorithm::EdDSA, Some("b"))), 1);
    assert!(matches!(keys.choose(&header(Algorithm::EdDSA, Some("c"))), Choice::Unknown));
    assert!(matches!(keys.choose(&header(Algorithm::EdDSA, None)), Choice::Refused(_)));
    assert!(matches!(keys.choose(&header(Algorithm::ES256, None)), Choice::Unknown));
}

#[test]
fn a_set_has_a_shape_and_a_limit() {
    for text in [r"{}", r#"{"keys":{}}"#, r#"{"keys":[1]}"#, r#"{"keys":[],"keys":[]}"#, "[]"] {
        assert!(KeySet::read(text.as_bytes()).is_err(), "{text}");
    }
    assert!(set(&[]).is_empty());
    let many = |count: usize| json!({ "keys": vec![ed25519(json!({})); count] }).to_string();
    assert_eq!(fitting(&KeySet::read(many(100).as_bytes()).unwrap(), &header(Algorithm::EdDSA, Some("a"))), 100);
    assert!(KeySet::read(many(101).as_bytes()).is_err());
}
