//! What can go wrong with the object store.

codes! { Store;
    UNREACHABLE = "SP-STORE-001", Unavailable, Operator, retried, "the object store can't be reached", "Check address, network and credentials.";
    FULL = "SP-STORE-002", Unavailable, Operator, retried, "the object store is full", "Free space; the job is tried again.";
    EXISTS = "SP-STORE-003", Conflict, Sealpost, final, "an object of this name exists already", "Objects are create-only; report it.";
    MISSING = "SP-STORE-004", NotFound, Operator, final, "the object is gone", "Ask for the report again; check who deletes in the store.";
    DENIED = "SP-STORE-005", Config, Operator, final, "the object store refused access", "Check credentials, bucket policy and folder permissions.";
    CHANGED = "SP-STORE-006", Integrity, Operator, final, "the object is not what was stored", "Size or digest differ from the ledger's. Find out who changed it; ask for the report again.";
    ABORTED = "SP-STORE-007", Integrity, Sealpost, retried, "the upload ended without an explicit finish", "Nothing was stored; the job is tried again.";
    NAME = "SP-STORE-008", Config, Operator, final, "a file name is not allowed", "Correct the partner's file name template.";
    CONFIG = "SP-STORE-009", Config, Operator, final, "the store's configuration is not valid", "Correct the `store` block.";
    TOO_LARGE = "SP-STORE-010", Rejected, Operator, final, "the file is larger than the object store takes", "Narrow the report's parameters, or compress it.";
    CREDENTIALS = "SP-STORE-011", Unavailable, Operator, retried, "the object store does not know the credentials", "Changed ones are read again; if it stays, check them.";
}
