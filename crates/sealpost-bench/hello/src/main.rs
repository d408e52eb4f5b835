//! A function that answers every request with a word: what a function of `lambda_http` takes at least to begin.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(service_fn(async |_request: Request| -> Result<Response<Body>, Error> {
        Ok(Response::builder().header("content-type", "application/json").body(r#"{"status":"ok"}"#.into())?)
    }))
    .await
}
