//! Removing attempts from S3: their objects and their pending uploads.

use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use sealpost_core::error::Result;

use super::{Bucket, pending};
use crate::fault::{self, Intent};

/// Removes what lies in folders of `top` named `name` (`exact`) or `name` and a number. Gives the number of objects.
pub(crate) async fn remove(bucket: &Bucket, top: &str, name: &str, exact: bool) -> Result<u64> {
    let what = format!("remove {top}/{name} from {}", bucket.name);
    let mut prefix = if bucket.prefix.is_empty() { String::new() } else { format!("{}/", bucket.prefix) };
    // A job's id has a fixed length, so `{job}-` starts the attempts of no other job.
    prefix.push_str(&format!("{top}/{name}{}", if exact { "/" } else { "" }));

    // Uploads first: one that were completed between the two steps would leave an object.
    pending::abort_all(bucket, &prefix).await?;
    let mut removed = 0;
    let mut page_token = None;
    loop {
        let options = PaginatedListOptions { page_token: page_token.take(), ..PaginatedListOptions::default() };
        let page = bucket.objects.list_paginated(Some(&prefix), options).await;
        let page = page.map_err(|error| fault::of_store(error, &what, Intent::Write))?;
        let paths = page.result.objects.into_iter().map(|object| Ok(object.location));
        let gone: Vec<_> = bucket
            .objects
            .delete_stream(stream::iter(paths.collect::<Vec<_>>()).boxed())
            .try_collect()
            .await
            .map_err(|error| fault::of_store(error, &what, Intent::Write))?;
        removed += gone.len() as u64;
        page_token = page.page_token;
        if page_token.is_none() {
            return Ok(removed);
        }
    }
}
