//! How a partner wants to log in: read so that no error repeats what may be a secret.

use sealpost_core::secret::Secret;
use sealpost_pipeline::self_service::credential::Credential;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

/// Longest password, in bytes.
const LONGEST: usize = 1024;

/// How to log in. Passwords are written, never shown.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[schema(as = LoginRequest, example = json!({"method": "generated_key"}))]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LoginShape {
    /// A password.
    Password {
        /// The password.
        #[schema(min_length = 1, max_length = 1024, write_only, example = "…")]
        password: String,
    },
    /// Keyboard-interactive: the same answer to every hidden prompt.
    KeyboardInteractive {
        /// The answer.
        #[schema(min_length = 1, max_length = 1024, write_only, example = "…")]
        password: String,
    },
    /// A key pair that we make: its public half is shown in the destination.
    GeneratedKey {},
}

/// A [`LoginShape`] as it was read.
pub(crate) struct LoginRequest(pub(crate) Credential);

impl<'de> Deserialize<'de> for LoginRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By hand: serde's own errors quote the value that they met, and here that may be a password.
        let Json::Object(members) = Json::deserialize(deserializer)? else {
            return Err(D::Error::custom("expected an object with `method`"));
        };
        read(members).map(Self).map_err(D::Error::custom)
    }
}

fn read(mut members: Map<String, Json>) -> Result<Credential, &'static str> {
    let method = members.remove("method");
    let method = method.as_ref().and_then(Json::as_str);
    let with_password: fn(Secret) -> Credential = match method {
        Some("password") => Credential::Password,
        Some("keyboard_interactive") => Credential::KeyboardInteractive,
        Some("generated_key") if members.is_empty() => return Ok(Credential::GeneratedKey),
        Some("generated_key") => return Err("`generated_key` has no further members"),
        _ => return Err("expected `method` to be `password`, `keyboard_interactive` or `generated_key`"),
    };
    match (members.remove("password"), members.is_empty()) {
        (Some(Json::String(password)), true) if (1..=LONGEST).contains(&password.len()) => {
            if password.contains(['\0', '\n', '\r']) {
                return Err("expected a `password` without line breaks");
            }
            Ok(with_password(Secret::new(password.into_bytes())))
        }
        (_, true) => Err("expected `password`, a text of 1 to 1024 bytes"),
        (_, false) => Err("expected `method` and `password` alone"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_refusal_repeats_what_was_given() {
        for bad in [
            json!("hunter2"),
            json!({"method": "hunter2"}),
            json!({"method": "password"}),
            json!({"method": "password", "password": 42}),
            json!({"method": "password", "password": {"hunter2": 1}}),
            json!({"method": "password", "password": "hunter2\n"}),
            json!({"method": "password", "password": "x", "hunter2": "y"}),
            json!({"method": "generated_key", "password": "hunter2"}),
            json!({"method": "password", "password": "hunter2".repeat(200)}),
        ] {
            let error = serde_json::from_value::<LoginRequest>(bad).err().expect("a refusal").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(serde_json::from_value::<LoginRequest>(json!({"method": "password", "password": "x"})).is_ok());
        assert!(serde_json::from_value::<LoginRequest>(json!({"method": "generated_key"})).is_ok());
    }
}
