//! Presigned links: an address that gives one object, for a while, to whoever has it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html>

use std::time::Duration;

use http::Method;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use sealpost_core::error::Result;

use super::Bucket;
use crate::fault::{self, Intent};

impl Bucket {
    /// A link to an object. It ends with the credentials that signed it, if those end sooner.
    pub(crate) async fn link(
        &self,
        path: &Path,
        valid: Duration,
        content_type: &str,
        disposition: &str,
    ) -> Result<String> {
        let headers = [("response-content-type", content_type), ("response-content-disposition", disposition)];
        let options = SignedUrlOptions::new().with_query(headers);
        let url = self.objects.signed_url_opts(Method::GET, path, valid, &options).await;
        let what = format!("link to an object of {}", self.name);
        url.map(String::from).map_err(|error| fault::of_store(error, &what, Intent::Read))
    }
}
