//! `/docs`: a page that reads `/openapi.json` and shows it; `/docs/errors`: every error code. No network but ours.
//!
//! Addresses in both are relative to the page's own: behind a gateway there is more than a host before them.

use axum::response::{Html, IntoResponse, Response};
use http::header::{self, HeaderValue};
use sealpost_core::error::codes;

const PAGE: &str = include_str!("docs/page.html");
const STYLE: &str = include_str!("docs/docs.css");
const SCRIPT: &str = include_str!("docs/docs.js");

/// Scripts and styles of our own files only; data of our own origin only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page.
pub(crate) async fn page() -> Response {
    html(PAGE.to_owned())
}

/// Its style.
pub(crate) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// Its script.
pub(crate) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// Every error code: what `type` of a problem body points to.
pub(crate) async fn errors() -> Response {
    let mut rows = String::new();
    for code in codes::all() {
        let retried = if code.retry { "retried" } else { "final" };
        rows.push_str(&format!(
            "<tr id=\"{id}\"><td><a href=\"#{id}\"><code>{id}</code></a></td><td>{title}</td><td>{side}</td><td>{retried}</td><td>{advice}</td></tr>\n",
            id = code.id,
            title = prose(code.title),
            side = format!("{:?}", code.side).to_lowercase(),
            advice = prose(code.advice),
        ));
    }
    html(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Sealpost errors</title><link rel=\"stylesheet\" href=\"docs.css\"></head>\
         <body><header class=\"top\"><a class=\"brand\" href=\"../docs\">Sealpost</a><span>errors</span></header><main class=\"wide\"><h1>Error codes</h1>\
         <p>The member <code>code</code> of a problem body, and of a report's or delivery's <code>failure</code>. Codes never change their meaning.</p>\
         <table><thead><tr><th>Code</th><th>What happened</th><th>Who acts</th><th>Retry</th><th>What to do</th></tr></thead><tbody>\n{rows}</tbody></table></main></body></html>\n"
    ))
}

fn html(text: String) -> Response {
    let mut response = Html(text).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// Our own words as HTML: escaped, with `code` between backticks.
fn prose(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = escaped.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn prose_is_escaped() {
        assert_eq!(prose("a `b<c>` & d"), "a <code>b&lt;c&gt;</code> &amp; d");
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for text in [PAGE, STYLE, SCRIPT] {
            assert!(!text.contains("http://") && !text.contains("https://"));
        }
    }

    #[tokio::test]
    async fn no_address_leaves_out_what_a_gateway_puts_before_it() {
        let errors = errors().await.into_body().collect().await.expect("a body").to_bytes();
        for text in [PAGE, SCRIPT, std::str::from_utf8(&errors).expect("text")] {
            for absolute in ["href=\"/", "src=\"/", "fetch(\"/", "href: \"/", "location.origin"] {
                assert!(!text.contains(absolute), "{absolute}");
            }
        }
    }
}
