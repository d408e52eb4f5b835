//! Ids in paths. One that can't be an id is answered like one that does not exist.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use sealpost_core::error::{Error, codes};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The parameters of the path.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Error::new(&codes::request::NOT_FOUND, "nothing has this id").into()),
        }
    }
}
