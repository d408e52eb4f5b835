//! What every request passes on both planes: request id, size of its head, time limit, panics, problem bodies, security
//! headers, one line of access log.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Version};
use metrics::Histogram;
use sealpost_core::error::{Error, codes};
use sealpost_core::partner::Partner;

use crate::around::Next;
use crate::base_path::BasePath;
use crate::plane::Plane;
use crate::problem::{self, Problem};
use crate::serve::ClientAddress;
use crate::throttle::Fields;

/// Most bytes of request line and headers: API Gateway's limit.
const HEAD_LIMIT: usize = 10_240;
/// Most bytes of path and query. RFC 9110, section 4.1, wants 8,000 to be taken; no path of ours needs more.
const URI_LIMIT: usize = 8_192;

/// Our name for the request, and API Gateway's for the same thing.
const REQUEST_ID: [HeaderName; 2] =
    [HeaderName::from_static("x-request-id"), HeaderName::from_static("x-amzn-requestid")];

/// The id that a gateway in front of us gave a request, and tells the client: an extension.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The id, where it looks like one.
    pub(crate) fn of_gateway(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'+' | b'/');
        ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.into()))
    }
}

/// What the layers of one request tell each other.
#[derive(Clone, Default)]
pub(crate) struct Trail(Arc<Noted>);

#[derive(Default)]
struct Noted {
    id: String,
    begun: Option<Instant>,
    client: Option<IpAddr>,
    partner: OnceLock<Arc<Partner>>,
    limits: OnceLock<Fields>,
}

impl Trail {
    /// Our own id, or a gateway's: one that a caller chooses could be used to forge the log.
    fn new(request: &Request, begun: Instant) -> Self {
        let client = request.extensions().get::<ClientAddress>().map(|ClientAddress(address)| *address);
        let id = match request.extensions().get::<RequestId>() {
            Some(RequestId(id)) => id.as_ref().to_owned(),
            None => {
                let mut id = [0; ulid::ULID_LEN];
                let id = ulid::Ulid::generate().array_to_str(&mut id);
                id.make_ascii_lowercase();
                (*id).to_owned()
            }
        };
        Self(Arc::new(Noted { id, begun: Some(begun), client, ..Noted::default() }))
    }

    /// How long ago the request began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.begun.map(|begun| begun.elapsed()).unwrap_or_default()
    }

    /// The id of the request.
    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    /// Notes whose request it is, for the log.
    pub(crate) fn is_of(&self, partner: &Arc<Partner>) {
        self.0.partner.get_or_init(|| partner.clone());
    }

    /// Notes what the answer says about limits, whatever answer it gets to be.
    pub(crate) fn limited_by(&self, fields: Fields) {
        self.0.limits.get_or_init(|| fields);
    }
}

/// The outermost layer.
pub(crate) async fn edge(plane: Plane, durations: Durations, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let trail = Trail::new(&request, begun);
    let base = BasePath::of(request.extensions());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    request.extensions_mut().insert(trail.clone());

    let response = match check_head(&request) {
        Err(error) => Problem::from(error).into_response(),
        Ok(()) => run(plane, route, next.run(request)).await,
    };
    let (mut response, code) = match response.extensions().get::<Problem>() {
        Some(problem) => {
            let error = problem.error.clone();
            // The router knows which methods a path has, and says so on the bare response.
            let allow = response.headers().get(header::ALLOW).cloned();
            let mut rendered = problem::render(problem, plane, trail.id(), &base);
            if let Some(allow) = allow {
                rendered.headers_mut().insert(header::ALLOW, allow);
            }
            (rendered, Some(error))
        }
        None => (response, None),
    };
    if let Some(fields) = trail.0.limits.get() {
        fields.write(response.headers_mut());
    }
    base.complete(response.headers_mut());
    secure(response.headers_mut(), trail.id());
    let elapsed = begun.elapsed();
    log(plane, &method, route, &response, &trail, elapsed, code.as_ref());
    durations.record(plane, &method, route, response.status(), elapsed);
    response
}

async fn run(plane: Plane, route: &str, endpoint: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(plane.time_limit(), AssertUnwindSafe(endpoint).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => {
            let detail = format!("the endpoint {route} panicked");
            Problem::from(Error::new(&codes::request::INTERNAL, detail)).into_response()
        }
        Err(_) => {
            let detail = format!("no answer within {} s", plane.time_limit().as_secs());
            Problem::from(Error::new(&codes::request::TIMEOUT, detail)).into_response()
        }
    }
}

/// What can be refused before anyone looks at what the request is for.
fn check_head(request: &Request) -> Result<(), Error> {
    if request.uri().path_and_query().map_or(0, |path| path.as_str().len()) > URI_LIMIT {
        let detail = format!("path and query have more than {URI_LIMIT} bytes");
        return Err(Error::new(&codes::request::URI_TOO_LONG, detail));
    }
    if head_size(request) > HEAD_LIMIT {
        let detail = format!("request line and headers have more than {HEAD_LIMIT} bytes");
        return Err(Error::new(&codes::request::HEADERS_TOO_LARGE, detail));
    }
    // RFC 9112, section 3.2: no host or two of them is what makes two readers of one request disagree. Only where the
    // request came in by a connection of ours; a gateway has its own way to name the host.
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let is_ours = request.extensions().get::<ClientAddress>().is_some();
    if is_ours && (hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11)) {
        let field = problem::in_header("host", "expected exactly once");
        return Err(Error::new(&codes::request::INVALID, "the request names not one host").with_fields(vec![field]));
    }
    Ok(())
}

/// The request line and headers as they were on the wire, give or take white space.
fn head_size(request: &Request) -> usize {
    let line = request.method().as_str().len() + request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    line + headers.sum::<usize>()
}

/// What every answer has.
pub(crate) fn secure(headers: &mut HeaderMap, request_id: &str) {
    // The copies share one text.
    if let Ok(value) = HeaderValue::try_from(request_id.to_owned()) {
        for name in REQUEST_ID {
            headers.insert(name, value.clone());
        }
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}

/// The address of whoever calls, or `-`.
struct Client(Option<IpAddr>);

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// One line per request: never a body, a key, or the value of a query parameter.
fn log(
    plane: Plane,
    method: &Method,
    route: &str,
    response: &Response,
    trail: &Trail,
    elapsed: Duration,
    error: Option<&Error>,
) {
    let status = response.status().as_u16();
    let partner = trail.0.partner.get().map_or("-", |partner| partner.id.as_str());
    let code = error.map_or("-", |error| error.code().id);
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let request_id = trail.id();
    // Written only where the line is.
    let client = Client(trail.0.client);
    let plane = plane.as_str();
    if let Some(error) = error.filter(|_| response.status().is_server_error()) {
        // The one place where a failed request is logged with its cause.
        tracing::error!(target: "sealpost::http", plane, %method, route, status, elapsed_ms, request_id, %client, partner, code, error = ?error, "request failed");
    } else {
        tracing::info!(target: "sealpost::http", plane, %method, route, status, elapsed_ms, request_id, %client, partner, code, "request");
    }
}

/// How long requests took. The recorder looks a metric up by the texts of all its labels, so each is looked up once.
#[derive(Clone, Default)]
pub(crate) struct Durations(Arc<RwLock<HashMap<String, Vec<Known>>>>);

/// The histogram of one route's requests of this method with this status.
struct Known {
    method: &'static str,
    status: StatusCode,
    histogram: Histogram,
}

impl Durations {
    fn record(&self, plane: Plane, method: &Method, route: &str, status: StatusCode, elapsed: Duration) {
        let (method, elapsed) = (method_label(method), elapsed.as_secs_f64());
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let mut of_route = known.get(route).into_iter().flatten();
            if let Some(known) = of_route.find(|one| one.method == method && one.status == status) {
                return known.histogram.record(elapsed);
            }
        }
        let histogram = metrics::histogram!("sealpost_http_request_seconds", "plane" => plane.as_str(), "method" => method, "route" => route.to_owned(), "status" => status.as_u16().to_string());
        histogram.record(elapsed);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(route.to_owned()).or_default().push(Known { method, status, histogram });
    }
}

/// A closed set, so that nobody can fill the memory with made-up methods.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::around::Around;

    async fn ask(path: &str) -> (StatusCode, String) {
        let router = Router::new()
            .route("/panics", get(|| async { panic!("the row was CANARY") as &'static str }))
            .route("/hangs", get(std::future::pending::<&'static str>))
            .layer(Around(|request: Request, next: Next| edge(Plane::Partner, Durations::default(), request, next)));
        let request = http::Request::get(path).body(Body::empty()).expect("a request");
        let answer = router.oneshot(request).await.expect("an answer");
        let status = answer.status();
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(bytes.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_does_not_say_what_it_was() {
        let (status, body) = ask("/panics").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains("SP-REQUEST-022") && body.contains("request_id") && !body.contains("CANARY"), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_hangs_is_given_up() {
        let (status, body) = ask("/hangs").await;
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
        assert!(body.contains("Endpoint request timed out") && body.contains("SP-REQUEST-026"), "{body}");
    }
}
