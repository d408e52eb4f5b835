//! Every error code, one table per stage. `docs/errors.md` is generated from here.

use super::Code;

/// Shortens a row of a table: `id, kind, side, retried or not, title, advice`.
macro_rules! codes {
    ($stage:ident; $($(#[$doc:meta])* $name:ident = $id:literal, $kind:ident, $side:ident, $retry:ident, $title:literal, $advice:literal;)*) => {
        use crate::error::{Code, Kind, Side, Stage};
        $(
            $(#[$doc])*
            #[doc = concat!("`", $id, "`: ", $title, ".")]
            pub static $name: Code = Code {
                id: $id, stage: Stage::$stage, kind: Kind::$kind, side: Side::$side,
                retry: codes!(@retry $retry), title: $title, advice: $advice,
            };
        )*
        /// All codes of this stage.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
    (@retry retried) => { true };
    (@retry final) => { false };
}

pub mod config;
pub mod deliver;
pub mod format;
pub mod ledger;
pub mod notify;
pub mod request;
pub mod seal;
pub mod secrets;
pub mod source;
pub mod store;

/// All codes of all stages, in the order of the flow.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [
        request::ALL,
        source::ALL,
        format::ALL,
        seal::ALL,
        store::ALL,
        deliver::ALL,
        notify::ALL,
        ledger::ALL,
        secrets::ALL,
        config::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The code with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Code> {
    all().find(|code| code.id == id)
}
