//! The ports: small traits whose contract is a sentence. Each has one behaviour suite in `sealpost-testkit`, run
//! against every adapter.

pub mod changes;
pub mod format;
pub mod identity;
pub mod ledger;
pub mod notifier;
pub mod outbox;
pub mod queue;
pub mod seal;
pub mod secrets;
pub mod source;
pub mod transport;
pub mod usage;

pub use changes::{AuditFilter, ChangeFilter, Changes, EntryPage};
pub use format::{CompressionEntry, Format, FormatEntry, RowWriter};
pub use identity::TokenVerifier;
pub use ledger::{Admission, Admitted, Edit, JobFilter, JobPage, Ledger, Records, Redelivered};
pub use notifier::{Answer, Notifier, Post};
pub use outbox::{NotificationFilter, NotificationPage, Outbox};
pub use queue::Queue;
pub use seal::{SealPlan, Sealer};
pub use secrets::{SecretStore, SecretVault};
pub use source::{Estimate, RowStream, Source};
pub use transport::{CheckStep, Journal, SealedReader, Shipment, Transport};
pub use usage::{Reserved, UsageMeter};
