//! The ports: small traits whose contract is a sentence. Each has one behaviour suite in `sealpost-testkit`, run
//! against every adapter.

pub mod format;
pub mod identity;
pub mod ledger;
pub mod queue;
pub mod seal;
pub mod secrets;
pub mod source;
pub mod transport;

pub use format::{CompressionEntry, Format, FormatEntry, RowWriter};
pub use identity::TokenVerifier;
pub use ledger::{Admission, Admitted, JobFilter, JobPage, Ledger, Records};
pub use queue::Queue;
pub use seal::{SealPlan, Sealer};
pub use secrets::SecretStore;
pub use source::{RowStream, Source};
pub use transport::{CheckStep, Journal, SealedReader, Shipment, Transport};
