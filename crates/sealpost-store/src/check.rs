//! The store's check: what a job does, with a few bytes, step by step.

use bytes::Bytes;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SealedReader;

use crate::place::Place;
use crate::{Backend, SealedStore, s3};

/// No partner's folder: a partner id can't start with a dot.
const FOLDER: &str = ".sealpost-check";

/// Runs all steps; removes its folder also when one fails.
pub(crate) async fn run(store: &SealedStore) -> Result<()> {
    let attempt = format!("check-{}", ulid::Ulid::generate().to_string().to_lowercase());
    let place = Place { top: FOLDER.to_owned(), attempt: attempt.clone(), name: "check".to_owned() };
    let found = steps(store, &place).await;
    let removed = store.remove(FOLDER, &attempt, true).await;
    found?;
    match removed? {
        1 => Ok(()),
        // What was written is not in the list that a purge goes by.
        count => Err(Error::new(&codes::store::CHANGED, format!("listed {count} objects after writing one"))),
    }
}

async fn steps(store: &SealedStore, place: &Place) -> Result<()> {
    let bytes = Bytes::from_static(b"written by the store check of Sealpost\n");
    let mut writer = store.writer(place.clone()).await?;
    // Opened before the first one is finished, as two workers would.
    let mut rival = store.writer(place.clone()).await?;
    writer.write(bytes.clone()).await?;
    writer.finish(None).await?;

    let object = store.object(place.clone(), Some(bytes.len() as u64)).await?;
    if object.read(0, bytes.len()).await? != bytes {
        return Err(Error::new(&codes::store::CHANGED, format!("{place} reads back other bytes than were written")));
    }

    rival.write(Bytes::from_static(b"rival\n")).await?;
    match rival.finish(None).await {
        Err(error) if error.is(&codes::store::EXISTS) => {}
        Err(error) => return Err(error),
        // Harmless, because no place is used twice; but whoever runs it should know.
        Ok(_) => tracing::warn!("the store overwrites objects in spite of a create-only condition"),
    }
    if let Backend::S3(bucket) = &store.backend {
        s3::try_multipart(bucket, place).await?;
    }
    Ok(())
}
