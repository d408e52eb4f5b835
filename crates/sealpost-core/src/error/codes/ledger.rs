//! What can go wrong with job state and queue.

codes! { Ledger;
    UNREACHABLE = "SP-LEDGER-001", Unavailable, Operator, retried, "the ledger can't be reached", "Check the ledger's database or file.";
    FULL = "SP-LEDGER-002", Unavailable, Operator, retried, "the ledger's disk is full", "Free space.";
    ILLEGAL_MOVE = "SP-LEDGER-003", Conflict, Sealpost, final, "the event does not fit the present state", "Look at the report's status first.";
    LEASE_LOST = "SP-LEDGER-004", Conflict, Sealpost, retried, "the lease was lost to another worker", "Nothing to do; the other worker goes on.";
    VERSION = "SP-LEDGER-005", Conflict, Caller, retried, "the record was changed by someone else", "Read it again and repeat the change.";
    CORRUPT = "SP-LEDGER-006", Internal, Sealpost, final, "a record of the ledger can't be read", "If a newer version has written it, run that one again: work waits for it for about a day. Else it is damaged: look at the detail, and restore the backup.";
    INTERRUPTED = "SP-LEDGER-007", Unavailable, Sealpost, final, "the job was interrupted too often", "The process died at each try; look at the logs, then ask for the report again.";
    DEFECT = "SP-LEDGER-009", Internal, Sealpost, retried, "a defect stopped the work", "It is tried again; if it stays, report it with the log lines of this time.";
    IN_USE = "SP-LEDGER-008", Conflict, Caller, final, "the record is still in use", "Remove what refers to it first.";
    CONTENDED = "SP-LEDGER-010", Unavailable, Sealpost, retried, "too many write the same record at once", "It is tried again; if it stays, spread the requests.";
    TOO_LARGE = "SP-LEDGER-011", Conflict, Caller, final, "a record is larger than the ledger keeps", "Ask for less at once, or use a ledger with other limits.";
    THROTTLED = "SP-LEDGER-012", Unavailable, Operator, retried, "the ledger's table refuses requests: too many", "Raise the table's capacity, or ask for less.";
    LOGIN = "SP-LEDGER-013", Unavailable, Operator, retried, "the ledger's database refuses the login", "Check the account, its password and its rights.";
    BELLS = "SP-LEDGER-014", Unavailable, Operator, retried, "the queue of bells can't be asked", "Check `[queue]`: address, region, rights. Work goes on meanwhile: workers look at the ledger now and then.";
}
