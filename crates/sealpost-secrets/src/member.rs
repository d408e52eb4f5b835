//! A member of a secret that is a JSON object.

use sealpost_core::error::codes;
use sealpost_core::secret::Secret;
use sealpost_core::{Error, Result};
use serde_json::Value;

/// The whole value, or the member that is meant.
///
/// # Errors
/// `SP-SECRETS-001` where the value is no JSON object, `-002` where it has no such member, or an empty one.
pub(crate) fn pick(value: &Secret, member: Option<&str>) -> Result<Secret> {
    let Some(member) = member else { return Ok(Secret::new(value.expose().to_vec())) };
    // What the parser says may repeat some of the value.
    let Ok(Value::Object(mut all)) = serde_json::from_slice(value.expose()) else {
        let detail = format!("`#{member}` is of a JSON object, which the secret is not");
        return Err(Error::new(&codes::secrets::REFERENCE, detail));
    };
    let picked = match all.remove(member) {
        Some(Value::String(text)) => text,
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    if picked.is_empty() {
        let detail = format!("the secret has no member `{member}`, or an empty one");
        return Err(Error::new(&codes::secrets::MISSING, detail));
    }
    Ok(Secret::new(picked.into_bytes()))
}
