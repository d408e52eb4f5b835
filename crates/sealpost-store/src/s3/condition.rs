//! Create-only completion of multipart uploads: `If-None-Match: *` on `CompleteMultipartUpload`.
//!
//! Amazon S3 has the condition since November 2024 ("conditional writes"). `object_store` sends it for copies but not
//! for uploads; so it is added where the request leaves. A signature covers named headers only, and `object_store`
//! itself adds this one after signing. A store that doesn't know the header ignores it: for that case the object is
//! looked for when the upload begins, and places are never used twice.

use std::sync::OnceLock;

use async_trait::async_trait;
use http::header::IF_NONE_MATCH;
use http::{HeaderValue, Method};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

use super::credentials::{Listening, OfSecrets};

/// Connects like `object_store` does; where `create_only` is set, with the condition.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) create_only: bool,
    pub(super) credentials: Option<OfSecrets>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = HttpClient::new(Late { options: options.clone(), client: OnceLock::new() });
        let client = HttpClient::new(Listening { inner, credentials: self.credentials.clone() });
        Ok(if self.create_only { HttpClient::new(Conditional(client)) } else { client })
    }
}

/// A client that is made at its first request: it reads the system's certificate authorities, and most processes need some of
/// a bucket's clients only, or none for a while.
#[derive(Debug)]
struct Late {
    options: ClientOptions,
    client: OnceLock<HttpClient>,
}

impl Late {
    fn client(&self) -> Result<&HttpClient, HttpError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = ReqwestConnector::default().connect(&self.options);
        let client = client.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        Ok(self.client.get_or_init(|| client))
    }
}

#[async_trait]
impl HttpService for Late {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.client()?.execute(request).await
    }
}

#[derive(Debug)]
struct Conditional(HttpClient);

#[async_trait]
impl HttpService for Conditional {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if completes_upload(request.method(), request.uri().query()) {
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        self.0.execute(request).await
    }
}

/// `POST /key?uploadId=…` is `CompleteMultipartUpload`; `POST /key?uploads` begins one.
fn completes_upload(method: &Method, query: Option<&str>) -> bool {
    method == Method::POST
        && query.is_some_and(|query| query.split('&').any(|parameter| parameter.starts_with("uploadId=")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_completion_is_conditional() {
        assert!(completes_upload(&Method::POST, Some("uploadId=abc")));
        assert!(!completes_upload(&Method::POST, Some("uploads")));
        assert!(!completes_upload(&Method::DELETE, Some("uploadId=abc")));
        assert!(!completes_upload(&Method::PUT, Some("partNumber=1&uploadId=abc")));
        assert!(!completes_upload(&Method::POST, None));
    }
}
