//! What stands before our paths in the URLs that clients ask for: behind API Gateway the stage, or the path that a custom
//! domain maps to the API. The gateway takes it off (`gateway/place.rs`); links have to have it again.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;

/// A base path without a slash at its end, or nothing: an extension of requests that have one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BasePath(Option<Arc<str>>);

impl BasePath {
    /// Of whoever calls our own listeners.
    pub(crate) const NONE: Self = Self(None);

    /// The base path that a gateway took off, where there is one. It begins what clients follow, so that what could lead to
    /// another host is none.
    pub(crate) fn of_gateway(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\' | b'"' | b'<' | b'>');
        let is_one = text.starts_with('/') && !text.ends_with('/') && !text.contains("//") && text.bytes().all(plain);
        is_one.then(|| Self(Some(text.into())))
    }

    /// That of a request.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// As text; empty for nothing.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Puts it before a path of ours.
    pub(crate) fn before(&self, path: String) -> String {
        match &self.0 {
            Some(base) => [base.as_ref(), path.as_str()].concat(),
            None => path,
        }
    }

    /// Puts it before the path in `Location`. Addresses of others, such as a store's, stay what they are.
    pub(crate) fn complete(&self, headers: &mut HeaderMap) {
        let Some(base) = &self.0 else { return };
        let path = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let whole = path.filter(|path| path.starts_with('/')).map(|path| [base.as_ref(), path].concat());
        if let Some(whole) = whole.and_then(|whole| HeaderValue::try_from(whole).ok()) {
            headers.insert(header::LOCATION, whole);
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for BasePath {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_leads_to_no_other_host() {
        assert_eq!(BasePath::of_gateway("/live").expect("a base path").before("/v1".to_owned()), "/live/v1");
        assert_eq!(BasePath::of_gateway("/a/b%20c").expect("a base path").as_str(), "/a/b%20c");
        for text in ["", "/", "live", "/live/", "//evil.example", "/\\evil.example", "/a?b", "/a#b", "/a b", "/\u{e4}"]
        {
            assert_eq!(BasePath::of_gateway(text), None, "{text}");
        }
    }

    #[test]
    fn only_paths_of_ours_are_completed() {
        let base = BasePath::of_gateway("/live").expect("a base path");
        for (location, expected) in [("/v1/x", "/live/v1/x"), ("https://store.example/x", "https://store.example/x")] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_static(location));
            base.complete(&mut headers);
            assert_eq!(headers[header::LOCATION], expected);
            let before = headers.clone();
            BasePath::NONE.complete(&mut headers);
            assert_eq!(headers, before);
        }
    }
}
