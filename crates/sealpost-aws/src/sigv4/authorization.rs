//! The `Authorization` header, read: `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::{ALGORITHM, Refusal, Scope, TERMINATOR};

/// What a request says of its own signature; nothing of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The public half of the access key.
    pub access_key_id: String,
    /// The day of the scope: `20150830`.
    pub date: String,
    /// The scope's region.
    pub region: String,
    /// The scope's service.
    pub service: String,
    /// The names of the headers that are signed: lower case, in order, each once.
    pub signed_headers: Vec<String>,
    /// The signature: 64 lower-case hexadecimal digits.
    pub signature: String,
}

impl Credential {
    /// Region and service.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::new(&self.region, &self.service)
    }
}

/// Reads the header, so that the caller can look the access key up before [`verify`](super::verify()).
///
/// # Errors
/// [`Refusal::MissingAuthenticationToken`] without a header, or with one of another kind (a token, Signature Version 4A);
/// [`Refusal::IncompleteSignature`] for one that can't be read.
pub fn parse(headers: &HeaderMap) -> Result<Credential, Refusal> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let header = match (all.next(), all.next()) {
        (None, _) => return Err(missing("The request has no Authorization header: sign it with Signature Version 4.")),
        (Some(_), Some(_)) => return Err(incomplete("The request has more than one Authorization header.")),
        (Some(header), None) => header,
    };
    let header = header.to_str().map_err(|_| incomplete("The Authorization header is not plain ASCII."))?;
    let rest = header.trim().strip_prefix(ALGORITHM).filter(|rest| rest.starts_with([' ', '\t']));
    let Some(rest) = rest else {
        return Err(missing(&format!("The Authorization header is of another kind than {ALGORITHM}.")));
    };
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((name, value)) = part.split_once('=') else {
            return Err(incomplete("The Authorization header has a part that is not name=value."));
        };
        let place = match name.trim() {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(incomplete("The Authorization header has a part that Signature Version 4 does not know.")),
        };
        if place.replace(value.trim()).is_some() {
            return Err(incomplete("The Authorization header says something twice."));
        }
    }
    let required = |value: Option<_>, name: &str| {
        value.ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
    };
    let credential = required(credential, "Credential")?;
    let [access_key_id, date, region, service] = scope(credential)?.map(str::to_owned);
    Ok(Credential {
        access_key_id,
        date,
        region,
        service,
        signed_headers: names(required(signed_headers, "SignedHeaders")?)?,
        signature: digits(required(signature, "Signature")?)?,
    })
}

/// `KEY/20150830/us-east-1/transfer/aws4_request`.
fn scope(text: &str) -> Result<[&str; 4], Refusal> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts[..] {
        [key, date, region, service, TERMINATOR]
            if ![key, date, region, service].contains(&"")
                && date.len() == 8
                && date.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            Ok([key, date, region, service])
        }
        _ => Err(incomplete(&format!(
            "Credential must have exactly 5 slash-delimited elements, KEY/YYYYMMDD/REGION/SERVICE/{TERMINATOR}."
        ))),
    }
}

fn names(text: &str) -> Result<Vec<String>, Refusal> {
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let is_name =
        |name: &String| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b' ');
    // One order means one canonical request.
    if names.iter().all(is_name) && names.is_sorted_by(|one, next| one < next) {
        return Ok(names);
    }
    Err(incomplete("SignedHeaders must be lower-case names in alphabetical order, each once, separated by ';'."))
}

fn digits(text: &str) -> Result<String, Refusal> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == 64 && text.bytes().all(is_digit) {
        return Ok(text.to_owned());
    }
    Err(incomplete("Signature must be 64 lower-case hexadecimal digits."))
}

pub(super) fn missing(message: &str) -> Refusal {
    Refusal::MissingAuthenticationToken(message.to_owned())
}

pub(super) fn incomplete(message: &str) -> Refusal {
    Refusal::IncompleteSignature(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";

    fn read(text: &str) -> Result<Credential, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, text.parse().unwrap());
        parse(&headers)
    }

    #[test]
    fn blanks_and_order_do_not_matter() {
        let scope = "Credential=AKID/20150830/eu-central-1/transfer/aws4_request";
        let signed = "SignedHeaders=host;x-amz-date";
        let signature = format!("Signature={SIGNATURE}");
        for text in [
            format!("{ALGORITHM} {scope}, {signed}, {signature}"),
            format!("{ALGORITHM} {scope},{signed},{signature}"),
            format!("{ALGORITHM}   {signature} ,  {scope},{signed}"),
            format!("{ALGORITHM}\t{scope},\t{signed}, {signature},"),
        ] {
            let credential = read(&text).unwrap();
            assert_eq!((&*credential.access_key_id, &*credential.date), ("AKID", "20150830"), "{text}");
            assert_eq!(credential.scope(), Scope::new("eu-central-1", "transfer"));
            assert_eq!(credential.signed_headers, ["host", "x-amz-date"]);
            assert_eq!(credential.signature, SIGNATURE);
        }
    }

    #[test]
    fn another_kind_is_missing_and_a_broken_one_incomplete() {
        assert_eq!(parse(&HeaderMap::new()).unwrap_err().name(), "MissingAuthenticationToken");
        for other in ["Bearer abc", "AWS4-ECDSA-P256-SHA256 Credential=a", "AWS4-HMAC-SHA256x", "AWS AKID:abc", ""] {
            assert_eq!(read(other).unwrap_err().name(), "MissingAuthenticationToken", "{other}");
        }
        let whole = format!(
            "{ALGORITHM} Credential=AKID/20150830/eu-central-1/transfer/aws4_request, SignedHeaders=host, Signature={SIGNATURE}"
        );
        assert!(read(&whole).is_ok());
        for (from, to) in [
            ("/aws4_request", ""),
            ("aws4_request", "aws5_request"),
            ("AKID", "AK/ID"),
            ("AKID", ""),
            ("20150830", "2015083"),
            ("20150830", "2015083x"),
            ("SignedHeaders=host, ", ""),
            ("Signature=", "Sig="),
            ("Signature=5", "Signature=G"),
            ("Signature=5", "Signature="),
            ("=host", "=Host"),
            ("=host", "="),
            ("=host", "=host;host"),
            ("=host", "=x-amz-date;host"),
            ("=host", "=host, SignedHeaders=host"),
            ("=host", "=host, garbage"),
        ] {
            let text = whole.replacen(from, to, 1);
            assert_eq!(read(&text).map_err(|refusal| refusal.name()), Err("IncompleteSignature"), "{text}");
        }
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, whole.parse().unwrap());
        twice.append(AUTHORIZATION, whole.parse().unwrap());
        assert_eq!(parse(&twice).unwrap_err().name(), "IncompleteSignature");
    }
}
