//! Problem answers of the documents, each with a body as the edge would write it.

use http::header;
use sealpost_core::error::{Code, Error, FieldError, codes};
use serde_json::{Map, Value as Json, json};

use crate::plane::Plane;
use crate::problem::{self, ProblemBody};

/// A problem that many operations have in common.
pub(super) struct Common {
    /// The status.
    pub(super) status: &'static str,
    /// Its name below `components/responses`.
    pub(super) name: &'static str,
    description: &'static str,
    /// Codes on both planes.
    codes: &'static [&'static Code],
    /// Codes on the partner plane alone.
    partner: &'static [&'static Code],
}

/// Problems that many operations have in common.
pub(super) const COMMON: [Common; 14] = {
    macro_rules! row {
        ($status:literal, $name:expr, $description:literal, [$($code:expr),*], [$($partner:expr),*] $(,)?) => {
            Common { status: $status, name: $name, description: $description, codes: &[$(&$code),*], partner: &[$(&$partner),*] }
        };
    }
    use codes::request as r;
    [
        row!("400", BAD_BODY, "The request is not valid; `errors` names every field that is wrong.", [r::INVALID], []),
        row!("400", BAD_QUERY, "A parameter is not valid; `errors` names each that is wrong.", [r::INVALID], []),
        row!(
            "401",
            "Unauthorized",
            "No, wrong, expired or revoked credentials.",
            [r::UNAUTHORIZED],
            [r::KEY_EXPIRED, r::TOKEN_REFUSED],
        ),
        row!(
            "403",
            "Forbidden",
            "The credentials do not allow this.",
            [],
            [r::SCOPE_MISSING, r::PARTNER_DISABLED, r::IDENTITY_UNKNOWN],
        ),
        row!("404", "NotFound", "No such thing, or not yours.", [r::NOT_FOUND], []),
        row!("408", "RequestTimeout", "The body did not arrive in time.", [r::SLOW_BODY], []),
        row!("413", "ContentTooLarge", "The body has more than 1 MiB.", [r::TOO_LARGE], []),
        row!("414", "UriTooLong", "Path and query have more than 8,192 bytes.", [r::URI_TOO_LONG], []),
        row!("415", "UnsupportedMediaType", "The body is not `application/json`.", [r::UNSUPPORTED_MEDIA_TYPE], []),
        row!(
            "429",
            "TooManyRequests",
            "Too many requests or failed attempts to authenticate in a short time, or the quota of the period is used up; wait as long as `Retry-After` says.",
            [r::RATE],
            [r::QUOTA],
        ),
        row!(
            "431",
            "HeadersTooLarge",
            "Request line and headers have more than 10,240 bytes.",
            [r::HEADERS_TOO_LARGE],
            [],
        ),
        row!("500", "InternalError", "A defect of ours; tell the operator the request id.", [r::INTERNAL], []),
        row!(
            "503",
            "Unavailable",
            "Something that we need can't be reached; try again after `Retry-After`.",
            [codes::ledger::UNREACHABLE],
            [r::ISSUER_UNAVAILABLE],
        ),
        row!(
            "504",
            "Timeout",
            "The answer took too long; try again, with the same `Idempotency-Key` if there was one.",
            [r::TIMEOUT],
            [],
        ),
    ]
};

/// The name of the 400 of operations with a body.
pub(super) const BAD_BODY: &str = "BadRequest";
/// The name of the 400 of operations with a query string alone.
pub(super) const BAD_QUERY: &str = "BadParameter";

impl Common {
    /// The codes that this problem can have on a plane.
    fn codes(&self, plane: Plane) -> Vec<&'static Code> {
        let partner = if plane == Plane::Partner { self.partner } else { &[] };
        // The operators' listener is closed while there is no token.
        let operator: &[_] =
            if plane == Plane::Operator && self.status == "403" { &[&codes::request::FORBIDDEN] } else { &[] };
        self.codes.iter().chain(partner).chain(operator).copied().collect()
    }

    /// The response, for `components/responses`.
    pub(super) fn response(&self, plane: Plane) -> Json {
        response(self.status, self.description, &self.codes(plane), plane, self.name == BAD_QUERY)
    }
}

// What is wrong with certificates: a problem about one says it twice, the second time with the field.
const UNREADABLE: &str = "it is neither ASCII armor nor binary OpenPGP packets";
const SECRET: &str = "it holds a private key block; nothing of it was kept";
const EXPIRED: &str = "the certificate 6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F expired at 2026-01-31T00:00:00Z";
const REVOKED: &str = "the certificate 6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F is revoked";
const SIGNS_ONLY: &str = "the certificate 6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F has no key that may encrypt";
const WEAK: &str = "RSA 1024 is too weak";
const SPLICED: &str = "a binding signature does not verify";
const EARLY: &str = "it is valid from 2026-03-01T00:00:00Z on";

/// What happened to what: code, detail, and of each field its place and what is wrong.
type Sample = (&'static Code, &'static str, &'static [(&'static str, &'static str)]);

/// The examples.
const SAMPLES: &[Sample] = {
    use codes::request as r;
    &[
        (
            &r::INVALID,
            "2 of the parameters of contracts.v1 are not valid",
            &[
                ("/parameters/from", "expected a date such as \"2026-01-31\""),
                ("/parameters/to", "missing; expected a date such as \"2026-01-31\""),
            ],
        ),
        (
            &r::UNKNOWN_REPORT_TYPE,
            "contract.v1",
            &[("/report_type", "there is no such report type; `GET /v1/report-types` lists them")],
        ),
        (&r::NOT_GRANTED, "format xml of contracts.v1", &[("/format", "granted are csv, json")]),
        (&r::UNKNOWN_FORMAT, "contracts.v1 as `xls`", &[("/format", "expected one of csv, json, xlsx")]),
        (
            &r::FORMAT_OPTION,
            "csv: option `delimiter`",
            &[("/format_options/delimiter", "expected one ASCII character")],
        ),
        (&r::NO_CERTIFICATE, "partner acme: the certificate expired at 2026-01-31T00:00:00Z", &[]),
        (&r::NO_DESTINATION, "partner acme", &[("/deliver", "the partner has no destination")]),
        (&r::NOT_FOUND, "report rep_01kavs0h9yq4m4d2tkv1c7rbn5", &[]),
        (&r::UNAUTHORIZED, "the request has no credentials", &[]),
        (&r::KEY_EXPIRED, "API key abcdefghijkm", &[]),
        (&r::FORBIDDEN, "the admin API is off: no `admin.token` is configured", &[]),
        (&r::PARTNER_DISABLED, "partner acme", &[]),
        (&r::TOO_MANY_ACTIVE, "partner acme: 20 of 20", &[]),
        (&r::IDEMPOTENCY_MISMATCH, "the same idempotency key came with a different request within 24 hours", &[]),
        (&r::NOT_IN_THIS_STATE, "report rep_01kavs0h9yq4m4d2tkv1c7rbn5 is failed", &[]),
        (&r::FILE_NOT_READY, "report rep_01kavs0h9yq4m4d2tkv1c7rbn5 is running", &[]),
        (&r::FILE_GONE, "report rep_01kavs0h9yq4m4d2tkv1c7rbn5", &[]),
        (&r::ANSWER_TOO_LARGE, "behind this gateway an answer has at most 4620288 bytes", &[]),
        (&r::RANGE, "the file has 1048576 bytes", &[]),
        (&r::TOO_LARGE, "more than 1048576 bytes", &[]),
        (
            &r::UNSUPPORTED_MEDIA_TYPE,
            "the body is not declared as JSON",
            &[("@content-type", "expected application/json")],
        ),
        (&r::INTERNAL, "the endpoint /v1/reports panicked", &[]),
        (&r::HEADERS_TOO_LARGE, "request line and headers have more than 10240 bytes", &[]),
        (&r::URI_TOO_LONG, "path and query have more than 8192 bytes", &[]),
        (&r::SLOW_BODY, "not complete within 20 s", &[]),
        (&r::TIMEOUT, "no answer within 29 s", &[]),
        (&r::TOKEN_REFUSED, "the access token expired at 2026-02-01T06:00:00Z", &[]),
        (&r::SCOPE_MISSING, "this operation needs the scope reports:write", &[]),
        (&r::RATE, "more than 100 requests per second", &[]),
        (&r::QUOTA, "10000 of 10000 requests of this day", &[]),
        (&r::ISSUER_UNAVAILABLE, "issuer main", &[]),
        (&r::IDENTITY_UNKNOWN, "client 0oa1b2c3d4 of issuer main", &[]),
        (&r::PROOF_REFUSED, "the challenge has expired", &[]),
        (
            &r::CHANGE_PENDING,
            "change chg_01kavs0h9yq4m4d2tkv1c7rbn5 of destination c-0123456789abcdef0 waits for approval",
            &[],
        ),
        (&r::ADDRESS_REFUSED, "the host is not public", &[("/host", "expected a host of the public internet")]),
        (&r::TOO_MANY, "10 certificates", &[]),
        (&r::NOT_OFFERED, "operators do this here; the setting is `[self_service] certificates`", &[]),
        (
            &r::LAST_CERTIFICATE,
            "certificate 6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F is the last one in use without an end",
            &[],
        ),
        (&r::SENT_TOO_OFTEN, "report rep_01kavs0h9yq4m4d2tkv1c7rbn5 has 200 deliveries; 200 is the most", &[]),
        (&r::NAME_TAKEN, "destination c-0123456789abcdef0", &[("/name", "you have a destination of this name")]),
        (&codes::seal::UNREADABLE, UNREADABLE, &[("/certificate", UNREADABLE)]),
        (&codes::seal::SECRET_GIVEN, SECRET, &[("/certificate", SECRET)]),
        (&codes::seal::EXPIRED, EXPIRED, &[("/certificate", EXPIRED)]),
        (&codes::seal::REVOKED, REVOKED, &[("/certificate", REVOKED)]),
        (&codes::seal::NO_ENCRYPTION_KEY, SIGNS_ONLY, &[("/certificate", SIGNS_ONLY)]),
        (&codes::seal::TOO_WEAK, WEAK, &[("/certificate", WEAK)]),
        (&codes::seal::BAD_SIGNATURE, SPLICED, &[("/certificate", SPLICED)]),
        (&codes::seal::NOT_YET_VALID, EARLY, &[("/certificate", EARLY)]),
        (
            &codes::config::PARTNER_FILE,
            "1 problem",
            &[("/grants/0/report", "there is no report type `contract.v1` in the catalogue")],
        ),
    ]
};

/// The query parameter of the example about a query string.
const QUERY_SAMPLE: [(&str, &str); 1] = [("?limit", "expected 1 to 100")];
const QUERY_DETAIL: &str = "a query parameter is not valid";

/// An error of this code as it could happen.
fn sample(code: &'static Code, about_query: bool) -> Error {
    let (detail, fields) = match SAMPLES.iter().find(|(known, ..)| known.id == code.id) {
        Some(_) if about_query && code.id == codes::request::INVALID.id => (QUERY_DETAIL, &QUERY_SAMPLE[..]),
        Some((_, detail, fields)) => (*detail, *fields),
        None => (code.title, &[][..]),
    };
    let fields = fields.iter().map(|(place, detail)| FieldError::new(*place, *detail)).collect();
    Error::new(code, detail).with_fields(fields)
}

/// The codes that a text names in backticks.
pub(super) fn named_in(text: &str) -> Vec<&'static Code> {
    let words = text.split('`').skip(1).step_by(2);
    words.filter_map(|word| codes::all().find(|code| code.id == word)).collect()
}

/// The code that a status has where nothing says which.
fn usual(status: &str) -> &'static Code {
    use codes::request as r;
    match status {
        "409" => &r::NOT_IN_THIS_STATE,
        "410" => &r::FILE_GONE,
        "412" | "428" => &r::CHANGED_MEANWHILE,
        "416" => &r::RANGE,
        "422" => &r::IDEMPOTENCY_MISMATCH,
        _ => COMMON
            .iter()
            .find(|row| row.status == status)
            .and_then(|row| row.codes.first().or(row.partner.first()))
            .copied()
            .unwrap_or(&r::INTERNAL),
    }
}

/// The problem response of an operation that describes it itself: with the codes that its description names, and those
/// that the status has everywhere.
pub(super) fn own_response(status: &str, description: &str, plane: Plane, has_body: bool, is_open: bool) -> Json {
    let mut all = named_in(description);
    let mut common = COMMON.iter().filter(|row| !is_open && row.status == status);
    all.extend(common.next().map(|row| row.codes(plane)).unwrap_or_default());
    if all.is_empty() {
        all.push(usual(status));
    }
    response(status, description, &all, plane, !has_body)
}

fn response(status: &str, description: &str, all: &[&'static Code], plane: Plane, about_query: bool) -> Json {
    let mut examples = Map::new();
    let mut is_retried = false;
    for code in all {
        let mut error = sample(code, about_query);
        // What a caller sent is named, and is a caller's error.
        if error.fields().is_empty() && problem::status_of(&error).as_str() != status {
            error = error.with_fields(vec![FieldError::new("/certificate", code.title)]);
        }
        is_retried |= error.is_retried();
        let body = ProblemBody::of(&error, plane, "01kavs0h9yq4m4d2tkv1c7rbn5");
        examples.insert(code.id.to_owned(), json!({"summary": code.title, "value": body}));
    }
    let mut headers = json!({
        "x-request-id": {"$ref": "#/components/headers/RequestId"},
        "x-amzn-ErrorType": {"$ref": "#/components/headers/ErrorType"},
    });
    if status == "401" {
        headers["WWW-Authenticate"] = json!({"$ref": "#/components/headers/Challenge"});
    }
    if is_retried {
        headers["Retry-After"] = json!({"$ref": "#/components/headers/RetryAfter"});
    }
    if status == "416" {
        headers["Content-Range"] = json!({
            "description": "How many bytes the file has.", "example": "bytes */1048576", "schema": {"type": "string"}
        });
    }
    if status == "429" && plane == Plane::Partner {
        headers["RateLimit"] = json!({"$ref": "#/components/headers/RateLimit"});
        headers["RateLimit-Policy"] = json!({"$ref": "#/components/headers/RateLimitPolicy"});
    }
    json!({
        "description": description,
        "headers": headers,
        "content": {problem::MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    })
}

/// Headers that many answers have, for `components/headers`.
pub(super) fn headers() -> Json {
    let text = |description: &str, example: &str| json!({"description": description, "example": example, "schema": {"type": "string"}});
    let challenge = r#"Bearer realm="sealpost", error="invalid_token""#;
    json!({
        "RequestId": text(
            "The id of this request, for the operator. `x-amzn-RequestId` has it too.", "01kavs0h9yq4m4d2tkv1c7rbn5"
        ),
        "ErrorType": text("API Gateway's name for the kind of error.", "BadRequestException"),
        "Challenge": text(
            &format!("How to authenticate (RFC 9110, section 11.6.1); sent as `{}`.", header::WWW_AUTHENTICATE), challenge
        ),
        "RetryAfter": {
            "description": "Seconds after which to try again.", "example": 5, "schema": {"type": "integer", "minimum": 0}
        },
        "RateLimit": text(
            "What is left now (draft-ietf-httpapi-ratelimit-headers): `r` requests, all of them again after `t` seconds.",
            r#""burst";r=0;t=2"#
        ),
        "RateLimitPolicy": text("Which limits there are: `q` requests in `w` seconds.", r#""burst";q=200;w=2"#),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_has_the_status_of_its_place() {
        for row in &COMMON {
            for plane in [Plane::Partner, Plane::Operator] {
                for code in row.codes(plane) {
                    assert_eq!(problem::status_of(&sample(code, false)).as_str(), row.status, "{}", code.id);
                }
            }
        }
    }

    #[test]
    fn codes_are_found_in_words() {
        let found =
            named_in("No certificate (`SP-REQUEST-006`), or `deliver` without a destination (`SP-REQUEST-007`).");
        assert_eq!(found.iter().map(|code| code.id).collect::<Vec<_>>(), ["SP-REQUEST-006", "SP-REQUEST-007"]);
    }
}
