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
pub mod transfer_events;
pub mod transfers;
pub mod transport;
pub mod usage;

pub use changes::{AuditFilter, ChangeFilter, Changes, EntryPage};
pub use format::{CompressionEntry, Format, FormatEntry, RowWriter};
pub use identity::TokenVerifier;
pub use ledger::{
    Admission, Admitted, Edit, JobFilter, JobPage, Ledger, MOST_IDENTITIES_AT_ONCE, Mark, Records, Redelivered,
};
pub use notifier::{Answer, Notifier, Post};
pub use outbox::{NotificationFilter, NotificationPage, NotificationPlace, Outbox};
pub use queue::Queue;
pub use seal::{SealPlan, Sealer};
pub use secrets::{SecretStore, SecretVault};
pub use source::{Estimate, RowStream, Source};
pub use transfer_events::{TransferEvent, TransferEventSink};
pub use transfers::Transfers;
pub use transport::{
    CheckStep, EntrySink, Established, Establishing, Journal, Landing, Listed, RemoteEntry, Retrieval, Retrieved,
    SealedReader, Shipment, Traces, Transport,
};
pub use usage::{Reserved, UsageMeter};
