//! The events that API Gateway sends to an authorizer, in all of their shapes.

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use sealpost_core::Result;
use sealpost_core::error::{Error, codes};
use serde_json::Value as Json;

use crate::authenticate::headers::{X_API_KEY, drop_usage_key};
use crate::serve::ClientCertificate;

/// What an event says.
pub(super) struct Event {
    /// Whether its payload is version 2.0.
    pub(super) is_v2: bool,
    /// The ARN up to the stage: `arn:aws:execute-api:eu-central-1:123456789012:abcdef123/test`.
    pub(super) stage: String,
    /// The operation, as `GET/v1/reports`, in every way in which the event can be read; nothing where it does not say it.
    pub(super) operations: Vec<String>,
    /// The request's headers, their names in lower case.
    pub(super) headers: HeaderMap,
    /// A client certificate that API Gateway has verified.
    pub(super) certificate: Option<ClientCertificate>,
}

impl Event {
    /// # Errors
    /// `SP-REQUEST-001` for what is no event of an authorizer, `SP-REQUEST-009` for a credential that is not text.
    pub(super) fn read(event: &Json) -> Result<Self> {
        let arn = text(event, "/routeArn").or_else(|| text(event, "/methodArn"));
        let arn = arn.ok_or_else(|| no_event("it has neither `methodArn` nor `routeArn`"))?;
        // arn:partition:execute-api:region:account:api/stage/METHOD/path
        let mut parts = arn.splitn(3, '/');
        let (Some(api), Some(stage)) = (parts.next().filter(|api| api.contains(":execute-api:")), parts.next()) else {
            return Err(no_event("its ARN is not one of `execute-api` with a stage"));
        };
        let mut headers = headers(event)?;
        drop_usage_key(&mut headers, event);
        if !headers.contains_key(AUTHORIZATION) && !headers.contains_key(X_API_KEY) {
            let whole = text(event, "/authorizationToken").filter(|_| text(event, "/type") == Some("TOKEN"));
            if let Some(token) = whole.filter(|token| !token.is_empty()) {
                headers.append(AUTHORIZATION, value(token)?);
            }
            for source in identity_sources(event).filter(|_| whole.is_none()) {
                let name = if source.starts_with("sp_") { X_API_KEY } else { AUTHORIZATION };
                headers.append(name, value(source)?);
            }
        }
        let pem = text(event, "/requestContext/identity/clientCert/clientCertPem")
            .or_else(|| text(event, "/requestContext/authentication/clientCert/clientCertPem"));
        Ok(Self {
            is_v2: text(event, "/version") == Some("2.0"),
            stage: format!("{api}/{stage}"),
            operations: operations(event, stage, parts.next()),
            headers,
            certificate: pem.and_then(ClientCertificate::from_pem),
        })
    }
}

/// Version 2.0 has the stage in front of the path, unless it is `$default`; a custom domain may have a path of its own
/// there instead, and a stage may be called `v1`. Percent-encoded characters mean what they mean to the endpoints, which
/// decode once. So the path is read in all of these ways, for all of which the caller has to have the scope.
fn operations(event: &Json, stage: &str, of_arn: Option<&str>) -> Vec<String> {
    let of_event = text(event, "/requestContext/http/method").zip(text(event, "/rawPath"));
    let of_arn = of_arn.and_then(|asked| asked.split_at_checked(asked.find('/')?));
    let Some((method, path)) = of_event.or(of_arn) else { return Vec::new() };
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let read = |path: &str| {
        let stripped = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
        let below = stripped.filter(|rest| rest.starts_with('/'));
        let suffix = path.find("/v1/").map(|at| &path[at..]);
        [Some(path), below, suffix].into_iter().flatten().map(|path| format!("{method}{path}")).collect::<Vec<_>>()
    };
    [path, decoded.as_ref()].into_iter().flat_map(read).collect()
}

/// The headers; with every value where the event has them (payload 1.0), so that a second one is seen.
fn headers(event: &Json) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let several = event["multiValueHeaders"].as_object().filter(|headers| !headers.is_empty());
    for (name, values) in several.or_else(|| event["headers"].as_object()).into_iter().flatten() {
        // Names come as the client wrote them. One that HTTP does not have is not one of ours.
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        let one = std::slice::from_ref(values);
        for text in values.as_array().map_or(one, Vec::as_slice).iter().filter_map(Json::as_str) {
            match value(text) {
                Ok(value) => drop(headers.append(name.clone(), value)),
                Err(error) if name == AUTHORIZATION || name == X_API_KEY => return Err(error),
                // Nobody here reads the others, which may have any characters.
                Err(_) => {}
            }
        }
    }
    Ok(headers)
}

/// Credentials from a configured identity source other than the headers, such as a query parameter. Payload 1.0 of HTTP APIs joins the sources by commas; some of them are no credentials.
fn identity_sources(event: &Json) -> impl Iterator<Item = &str> {
    let listed = event["identitySource"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let joined = [&event["authorizationToken"], &event["identitySource"]].into_iter().filter_map(Json::as_str);
    let sources = listed.chain(joined.flat_map(|joined| joined.split(',')).map(str::trim));
    // `eyJ` is the begin of every JWT: `{"` in base64url.
    sources.filter(|source| {
        let bare =
            source.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer ")).map_or(*source, |_| &source[7..]);
        bare.trim().starts_with("sp_") || bare.trim().starts_with("eyJ")
    })
}

fn value(text: &str) -> Result<HeaderValue> {
    let unusable = || Error::new(&codes::request::UNAUTHORIZED, "a header of the event is not text");
    HeaderValue::from_str(text).map_err(|_| unusable())
}

fn text<'a>(event: &'a Json, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer).and_then(Json::as_str)
}

fn no_event(why: &str) -> Error {
    Error::new(&codes::request::INVALID, format!("this is no event of a Lambda authorizer: {why}"))
}
