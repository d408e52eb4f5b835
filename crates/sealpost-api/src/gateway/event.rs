//! An event of either payload, as a request.

use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use sealpost_core::error::{Error, Result, codes};
use serde_json::Value as Json;

use super::{GatewaySettings, authorizer, place};
use crate::authenticate::headers::drop_usage_key;
use crate::base_path::BasePath;
use crate::edge::RequestId;
use crate::serve::{ClientAddress, ClientCertificate};

/// What a path or query may not have as it is (RFC 3986). Percent signs stay: the event has paths as the client wrote them.
const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');

/// What gateways and content delivery networks add to a request, none of which anybody here reads; the limit for the size of
/// headers is the client's.
const ADDED: [&str; 6] = ["cloudfront-", "x-amz-cf-", "x-amzn-trace-", "x-forwarded-port", "x-forwarded-proto", "via"];

/// An event of a gateway.
pub(super) struct Event<'a> {
    pub(super) json: &'a Json,
    /// Payload 2.0, of HTTP APIs and function URLs.
    pub(super) is_v2: bool,
    pub(super) method: Method,
}

impl<'a> Event<'a> {
    pub(super) fn read(json: &'a Json) -> Result<Self> {
        let is_v2 = text(json, "/version") == Some("2.0");
        let method = if is_v2 { text(json, "/requestContext/http/method") } else { text(json, "/httpMethod") };
        let method = method.and_then(|method| method.parse().ok()).ok_or_else(|| no_event("it names no method"))?;
        Ok(Self { json, is_v2, method })
    }

    /// The gateway's id of the request.
    pub(super) fn request_id(&self) -> &'a str {
        text(self.json, "/requestContext/requestId").unwrap_or_default()
    }

    pub(super) fn request(&self, settings: &GatewaySettings) -> Result<Request> {
        let body = self.body()?;
        let mut headers = self.headers();
        drop_usage_key(&mut headers, self.json);
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        if !body.is_empty() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = self.method.clone();
        let place =
            place::of(self.json, self.is_v2, &settings.base_path).ok_or_else(|| no_event("it names no path"))?;
        *request.uri_mut() = self.uri(&place.path)?;
        let peer = text(self.json, self.at("/requestContext/identity/sourceIp", "/requestContext/http/sourceIp"));
        // The address is the gateway's word, so whoever sends requests with other people's addresses gets nowhere.
        if let Some(peer) = peer.and_then(|peer| peer.parse().ok()) {
            let client = settings.proxies.client(peer, &headers);
            request.extensions_mut().insert(ClientAddress(client));
        }
        *request.headers_mut() = headers;
        let pem = text(self.json, "/requestContext/identity/clientCert/clientCertPem")
            .or_else(|| text(self.json, "/requestContext/authentication/clientCert/clientCertPem"));
        let extensions = request.extensions_mut();
        if let Some(certificate) = pem.and_then(ClientCertificate::from_pem) {
            extensions.insert(certificate);
        }
        if let Some(id) = RequestId::of_gateway(self.request_id()) {
            extensions.insert(id);
        }
        if let Some(base) = BasePath::of_gateway(&utf8_percent_encode(&place.base, UNSAFE).to_string()) {
            extensions.insert(base);
        }
        if settings.trust_authorizer
            && let Some(word) = authorizer::word(self.json)
        {
            extensions.insert(word);
        }
        Ok(request)
    }

    fn at(&self, v1: &'static str, v2: &'static str) -> &'static str {
        if self.is_v2 { v2 } else { v1 }
    }

    fn body(&self) -> Result<Bytes> {
        let Some(body) = self.json["body"].as_str() else { return Ok(Bytes::new()) };
        if self.json["isBase64Encoded"].as_bool() != Some(true) {
            return Ok(Bytes::copy_from_slice(body.as_bytes()));
        }
        STANDARD.decode(body).map(Bytes::from).map_err(|_| no_event("its body is not base64"))
    }

    fn uri(&self, path: &str) -> Result<Uri> {
        let path = utf8_percent_encode(path, UNSAFE).to_string();
        let query = self.query();
        let whole = if query.is_empty() { path } else { format!("{path}?{query}") };
        whole.parse().map_err(|_| no_event("its path is not one"))
    }

    fn query(&self) -> String {
        if self.is_v2 {
            // As the client wrote it.
            let raw = text(self.json, "/rawQueryString").unwrap_or_default();
            return utf8_percent_encode(raw, UNSAFE).to_string();
        }
        // Names and values come decoded.
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pair = |(name, value): (&str, &str)| format!("{}={}", encode(name), encode(value));
        let pairs = self.all("multiValueQueryStringParameters", "queryStringParameters");
        pairs.map(pair).collect::<Vec<_>>().join("&")
    }

    /// The pairs of the first of two members that has any; the first has several values for a name, and is not in payload 2.0.
    fn all(&self, several: &str, single: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let several = self.json[several].as_object().filter(|pairs| !self.is_v2 && !pairs.is_empty());
        let pairs = several.or_else(|| self.json[single].as_object()).into_iter().flatten();
        pairs.flat_map(|(name, values)| {
            let one = std::slice::from_ref(values);
            let values = values.as_array().map_or(one, Vec::as_slice).iter().filter_map(Json::as_str);
            values.map(move |value| (name.as_str(), value))
        })
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in self.all("multiValueHeaders", "headers") {
            let name = name.to_ascii_lowercase();
            if ADDED.iter().any(|added| name.starts_with(added)) {
                continue;
            }
            // What HTTP does not have did not come in by HTTP.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
        let cookies: Vec<&str> =
            self.json["cookies"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        if let (false, Ok(value)) = (cookies.is_empty(), HeaderValue::from_str(&cookies.join("; "))) {
            headers.insert(header::COOKIE, value);
        }
        // A request names its host (RFC 9112, section 3.2); where the gateway keeps the header to itself, it says it here.
        if let Some(host) =
            text(self.json, "/requestContext/domainName").and_then(|host| HeaderValue::from_str(host).ok())
        {
            headers.entry(header::HOST).or_insert(host);
        }
        headers
    }
}

pub(super) fn text<'a>(event: &'a Json, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer).and_then(Json::as_str)
}

fn no_event(why: &str) -> Error {
    Error::new(&codes::request::INVALID, format!("this is no event of API Gateway or of a function URL: {why}"))
}
