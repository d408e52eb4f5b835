//! Multipart uploads that were begun and never ended: `ListMultipartUploads`, which `object_store` doesn't have, by a
//! presigned request.

use std::time::Duration;

use futures::TryStreamExt;
use http::{Method, Request, StatusCode};
use object_store::client::HttpRequestBody;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use quick_xml::Reader;
use quick_xml::events::Event;
use sealpost_core::error::{Error, Result, codes};

use super::Bucket;
use crate::fault::{self, Intent};

/// One page of S3's answer has up to 1,000 uploads; a job that has had more pages than this is beyond repair.
const MOST_PAGES: usize = 10;

/// Aborts the pending uploads of every key that starts with `prefix`.
pub(super) async fn abort_all(bucket: &Bucket, prefix: &str) -> Result<()> {
    for _ in 0..MOST_PAGES {
        let Some(uploads) = list(bucket, prefix).await? else { return Ok(()) };
        if uploads.is_empty() {
            return Ok(());
        }
        for upload in uploads {
            let what = format!("abort an upload of {}", upload.key);
            let path = Path::parse(&upload.key)
                .map_err(|error| Error::new(&codes::store::NAME, format!("{what}: {error}")))?;
            match bucket.objects.abort_multipart(&path, &upload.id).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(fault::of_store(error, &what, Intent::Read)),
            }
        }
    }
    Ok(())
}

struct Pending {
    key: String,
    id: String,
}

/// The first page; `None` where the store or our rights don't allow to ask.
async fn list(bucket: &Bucket, prefix: &str) -> Result<Option<Vec<Pending>>> {
    let what = format!("list pending uploads of {}", bucket.name);
    let unreachable = |detail: String| Error::new(&codes::store::UNREACHABLE, format!("{what}: {detail}"));
    let query = SignedUrlOptions::new().with_query([("uploads", ""), ("prefix", prefix)]);
    let url = bucket
        .objects
        .signed_url_opts(Method::GET, &Path::default(), Duration::from_secs(300), &query)
        .await
        .map_err(|error| fault::of_store(error, &what, Intent::Read))?;
    let request =
        Request::get(url.as_str()).body(HttpRequestBody::empty()).map_err(|error| unreachable(error.to_string()))?;
    // The error may show the signed address; its kind says enough.
    let answer = bucket.http.execute(request).await.map_err(|error| unreachable(format!("{:?}", error.kind())))?;
    match answer.status() {
        status if status.is_success() => {}
        status @ (StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::NOT_IMPLEMENTED) => {
            tracing::warn!(%status, "{what}: not allowed; a lifecycle rule has to remove unfinished uploads");
            return Ok(None);
        }
        status => return Err(unreachable(format!("status {status}"))),
    }
    let body: Vec<u8> = answer
        .into_body()
        .bytes_stream()
        .try_fold(Vec::new(), |mut all, bytes| {
            all.extend_from_slice(&bytes);
            std::future::ready(Ok(all))
        })
        .await
        .map_err(|error| unreachable(format!("{:?}", error.kind())))?;
    let uploads = parse(&body).map_err(|error| unreachable(format!("the answer is not readable: {error}")))?;
    // Some stores ignore the prefix; another job's uploads must not be touched.
    Ok(Some(uploads.into_iter().filter(|upload| upload.key.starts_with(prefix)).collect()))
}

/// The `Upload` elements of a `ListMultipartUploadsResult`.
fn parse(xml: &[u8]) -> std::result::Result<Vec<Pending>, Box<dyn std::error::Error>> {
    let mut reader = Reader::from_str(std::str::from_utf8(xml)?);
    let mut uploads = Vec::new();
    let (mut key, mut id, mut text) = (String::new(), String::new(), String::new());
    loop {
        match reader.read_event()? {
            Event::Eof => return Ok(uploads),
            Event::Start(_) => text.clear(),
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(reference) => match reference.resolve_char_ref()? {
                Some(character) => text.push(character),
                None => {
                    text.push_str(quick_xml::escape::resolve_predefined_entity(&reference).ok_or("an unknown entity")?)
                }
            },
            Event::End(end) => match end.local_name().as_ref() {
                "Key" => key = std::mem::take(&mut text),
                "UploadId" => id = std::mem::take(&mut text),
                "Upload" => uploads.push(Pending { key: std::mem::take(&mut key), id: std::mem::take(&mut id) }),
                _ => {}
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_ids_are_read_from_amazons_answer() {
        let xml = br#"<?xml version="1.0" encoding="UTF-8"?>
            <ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket>
            <KeyMarker/><UploadIdMarker/><IsTruncated>false</IsTruncated>
            <Upload><Key>a&amp;b/x-1/f.csv</Key><UploadId>id.1</UploadId><Initiator><ID>i</ID></Initiator></Upload>
            <Upload><Key>&#xe4;</Key><UploadId>id.2</UploadId></Upload></ListMultipartUploadsResult>"#;
        let uploads = parse(xml).unwrap();
        let found: Vec<_> = uploads.iter().map(|upload| (upload.key.as_str(), upload.id.as_str())).collect();
        assert_eq!(found, [("a&b/x-1/f.csv", "id.1"), ("ä", "id.2")]);
    }
}
