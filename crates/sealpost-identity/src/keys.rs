//! An issuer's public keys (RFC 7517), and which of them may check which token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::algorithm::{Algorithm, KeyKind};
use crate::header::Header;
use crate::json;
use crate::refusal::quote;

/// The most keys in one set. Issuers have two to ten; each is work for the one who reads them.
const MOST_KEYS: usize = 100;

/// RSA keys below are refused (RFC 7518 section 3.3); above, checking a signature is slow.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key that can check signatures.
pub(crate) struct Key {
    id: Option<String>,
    kind: KeyKind,
    /// The only algorithm, where the issuer says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// The keys that one answer of the issuer had.
pub(crate) struct KeySet {
    usable: Vec<Key>,
    /// Key id, and why the key is of no use here.
    unusable: Vec<(Option<String>, String)>,
}

/// Which keys fit a token.
pub(crate) enum Choice<'a> {
    /// These do. More than one only where the issuer gave several keys the same id.
    Fitting(Vec<&'a Key>),
    /// The issuer had no key of this id, or for a token without one none of its algorithm; it may have one by now.
    Unknown,
    /// No later answer of the issuer would change it.
    Refused(String),
}

impl KeySet {
    /// Reads a key set. Keys of unknown kinds are skipped (RFC 7517 section 5), and remembered with the reason.
    ///
    /// # Errors
    /// Says what is wrong with the set.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let members = json::object(body)?;
        let Some(Value::Array(keys)) = members.get("keys") else {
            return Err("there is no list `keys`".to_owned());
        };
        if keys.len() > MOST_KEYS {
            return Err(format!("{} keys, at most {MOST_KEYS} are read", keys.len()));
        }
        let mut set = Self { usable: Vec::new(), unusable: Vec::new() };
        for key in keys {
            let Value::Object(key) = key else {
                return Err("a key is not an object".to_owned());
            };
            let id = text(key, "kid").map(str::to_owned);
            match read_key(key, id.clone()) {
                Ok(key) => set.usable.push(key),
                Err(why) => set.unusable.push((id, why)),
            }
        }
        Ok(set)
    }

    /// The keys that may check a token with this header. Nothing but the issuer's own set is looked at.
    pub(crate) fn choose(&self, header: &Header) -> Choice<'_> {
        let fits = |key: &&Key| key.fits(header.algorithm);
        let Some(id) = &header.key_id else {
            // Without an id it must be clear which key is meant, or a token would be tried on every key.
            let fitting: Vec<&Key> = self.usable.iter().filter(fits).collect();
            return match fitting.len() {
                0 => Choice::Unknown,
                1 => Choice::Fitting(fitting),
                count => Choice::Refused(format!(
                    "its header names no key (`kid`), and the issuer has {count} keys for {}",
                    header.algorithm.as_str()
                )),
            };
        };
        let named: Vec<&Key> = self.usable.iter().filter(|key| key.id.as_deref() == Some(id)).collect();
        if named.is_empty() {
            return match self.unusable.iter().find(|(unusable, _)| unusable.as_deref() == Some(id)) {
                Some((_, why)) => Choice::Refused(format!("the issuer's key {} can't be used: {why}", quote(id))),
                None => Choice::Unknown,
            };
        }
        let fitting: Vec<&Key> = named.into_iter().filter(fits).collect();
        if fitting.is_empty() {
            let algorithm = header.algorithm.as_str();
            return Choice::Refused(format!("the issuer's key {} is not for {algorithm}", quote(id)));
        }
        Choice::Fitting(fitting)
    }

    /// Whether no key can check anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.usable.is_empty()
    }

    /// The keys in words, for people.
    pub(crate) fn describe(&self) -> String {
        let name = |id: &Option<String>| id.as_deref().map_or("without id".to_owned(), quote);
        let usable = self.usable.iter().map(|key| {
            let algorithm = key.algorithm.map_or(key.kind.as_str(), Algorithm::as_str);
            format!("{} ({algorithm})", name(&key.id))
        });
        let unusable = self.unusable.iter().map(|(id, why)| format!("{} (not used: {why})", name(id)));
        let all: Vec<String> = usable.chain(unusable).collect();
        if all.is_empty() { "no keys".to_owned() } else { all.join(", ") }
    }
}

impl Key {
    /// Whether the key is of the kind that the algorithm needs, and not reserved for another one. This is what keeps a
    /// public key from being taken for something else (RFC 8725 section 3.1, 3.2).
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.kind == algorithm.key_kind() && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Whether the signature (in base64url) is this key's over these bytes.
    pub(crate) fn verifies(&self, signature: &str, signed: &[u8], algorithm: Algorithm) -> bool {
        jsonwebtoken::crypto::verify(signature, signed, &self.key, algorithm.implementation()).unwrap_or(false)
    }
}

fn read_key(key: &Map<String, Value>, id: Option<String>) -> Result<Key, String> {
    if key.contains_key("d") || key.contains_key("k") {
        // A published private key can sign anything for anyone.
        return Err("it is not a public key".to_owned());
    }
    if key.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err("its `use` is not `sig`".to_owned());
    }
    let verifies = |operations: &Value| operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"));
    if key.get("key_ops").is_some_and(|operations| !verifies(operations)) {
        return Err("its `key_ops` do not have `verify`".to_owned());
    }
    let (kind, decoded) = match (text(key, "kty"), text(key, "crv")) {
        (Some("RSA"), _) => (KeyKind::Rsa, rsa(key)?),
        (Some("EC"), Some("P-256")) => (KeyKind::P256, elliptic(key, 32)?),
        (Some("EC"), Some("P-384")) => (KeyKind::P384, elliptic(key, 48)?),
        (Some("OKP"), Some("Ed25519")) => (KeyKind::Ed25519, DecodingKey::from_ed_der(&number(key, "x", Some(32))?)),
        _ => return Err("its kind (`kty`, `crv`) is not supported".to_owned()),
    };
    let algorithm = match key.get("alg") {
        None => None,
        Some(name) => {
            let algorithm = name.as_str().and_then(Algorithm::read).ok_or("its `alg` is not accepted")?;
            if algorithm.key_kind() != kind {
                return Err("its `alg` does not fit its `kty`".to_owned());
            }
            Some(algorithm)
        }
    };
    Ok(Key { id, kind, algorithm, key: decoded })
}

fn rsa(key: &Map<String, Value>) -> Result<DecodingKey, String> {
    let (modulus, exponent) = (number(key, "n", None)?, number(key, "e", None)?);
    let first = modulus.iter().position(|byte| *byte != 0).unwrap_or(modulus.len());
    let bits = modulus[first..].first().map_or(0, |top| (modulus.len() - first) * 8 - top.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!("it has {bits} bits; RSA keys need {} to {}", RSA_BITS.start(), RSA_BITS.end()));
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus[first..], &exponent))
}

/// The point as SEC 1 section 2.3.3 writes it without compression.
fn elliptic(key: &Map<String, Value>, size: usize) -> Result<DecodingKey, String> {
    let point = [&[4], &number(key, "x", Some(size))?[..], &number(key, "y", Some(size))?[..]].concat();
    Ok(DecodingKey::from_ec_der(&point))
}

fn number(key: &Map<String, Value>, member: &str, size: Option<usize>) -> Result<Vec<u8>, String> {
    let wrong = || format!("its `{member}` is missing or wrong");
    let bytes = URL_SAFE_NO_PAD.decode(text(key, member).ok_or_else(wrong)?).map_err(|_| wrong())?;
    if size.is_some_and(|size| bytes.len() != size) { Err(wrong()) } else { Ok(bytes) }
}

fn text<'a>(key: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    key.get(member).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
