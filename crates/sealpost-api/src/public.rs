//! The partner plane: what a partner's developer calls. API keys of partners open it.

pub use crate::router::public as router;
