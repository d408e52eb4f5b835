//! What can go wrong on the way to the partner's server.

codes! { Deliver;
    UNKNOWN_HOST = "SP-DELIVER-001", Unavailable, Partner, retried, "the partner's host name does not resolve", "Check the connector's host name.";
    UNREACHABLE = "SP-DELIVER-002", Unavailable, Partner, retried, "the partner's server can't be reached", "Check host, port and firewalls on both sides.";
    HOST_KEY_MISMATCH = "SP-DELIVER-003", Integrity, Partner, final, "the server's host key is not an approved one", "Compare the fingerprints with the partner over another channel; approve the new key only if it is really theirs.";
    NEGOTIATION = "SP-DELIVER-004", Rejected, Partner, final, "no common SSH algorithms", "The server offers only algorithms that the connector does not allow.";
    AUTHENTICATION = "SP-DELIVER-005", Rejected, Partner, final, "the server refused the login", "Check user name and credentials with the partner.";
    TIMEOUT = "SP-DELIVER-006", Timeout, Partner, retried, "the partner's server stopped answering", "It is tried again; ask the partner if it stays.";
    BROKEN = "SP-DELIVER-007", Unavailable, Partner, retried, "the connection to the partner's server broke", "It is tried again and resumes where it stopped.";
    DIRECTORY = "SP-DELIVER-008", Rejected, Partner, final, "the remote directory does not exist", "Create it, or set `create_directories` on the connector.";
    PERMISSION = "SP-DELIVER-009", Rejected, Partner, final, "the server denied permission", "Ask the partner for write and rename rights in the directory.";
    EXISTS = "SP-DELIVER-010", Conflict, Partner, final, "a file of this name exists already on the server", "Remove it, or choose `replace` or `keep_both` for the connector.";
    FULL = "SP-DELIVER-011", Unavailable, Partner, retried, "the partner's server has no space left", "It is tried again; ask the partner to free space.";
    SIZE_MISMATCH = "SP-DELIVER-012", Integrity, Partner, retried, "the uploaded file has not the size that was sent", "The partial file is replaced at the next try.";
    REFUSED = "SP-DELIVER-013", Rejected, Partner, retried, "the server refused an operation", "It is tried again; show the partner the server's message.";
    NO_HOST_KEY = "SP-DELIVER-014", Config, Operator, final, "the connector has no approved host key", "Approve a key whose fingerprint you have compared with the partner. `sealpost connector test` shows the server's, unless the detail names another way.";
    CREDENTIAL = "SP-DELIVER-015", Config, Operator, final, "the connector's credentials can't be used", "Check the private key, its passphrase and the secret references.";
    DEADLINE = "SP-DELIVER-016", Timeout, Partner, retried, "the transfer took longer than its time limit", "It is tried again and resumes; raise the connector's `transfer_timeout_s` if the file is large.";
    LEASE_LOST = "SP-DELIVER-017", Conflict, Sealpost, retried, "another worker has taken over this delivery", "Nothing to do.";
    CANCELLED = "SP-DELIVER-018", Rejected, Caller, final, "the delivery was cancelled", "Redeliver the report if it is still wanted.";
    CONNECTOR_GONE = "SP-DELIVER-019", Config, Operator, final, "the delivery's connector no longer exists", "Apply the partner's files again, then redeliver.";
    PROTOCOL = "SP-DELIVER-020", Unavailable, Partner, retried, "the server broke the protocol", "It is tried again; show the partner the message.";
    CONFIG = "SP-DELIVER-021", Config, Operator, final, "the connector's settings are not valid", "Correct the connector.";
    ATTEMPTS = "SP-DELIVER-022", Unavailable, Sealpost, final, "the delivery was interrupted too often", "The process died at each try; look at the logs, then redeliver.";
    NO_SUCH_FILE = "SP-DELIVER-023", NotFound, Partner, final, "the remote file does not exist", "Check the path, and what the login may see.";
    CHANGED = "SP-DELIVER-024", Integrity, Partner, retried, "the remote file changed while it was retrieved", "It is tried again; the partner should write under another name and rename.";
    HOST_RESTS = "SP-DELIVER-025", Unavailable, Partner, retried, "the partner's server failed too often and is left alone for a while", "It is tried again by itself; look at the failure before.";
    LEGACY = "SP-DELIVER-026", Config, Operator, final, "the exception for old SSH algorithms has expired", "Ask the partner for current algorithms, or extend `until` on the connector.";
    PROXY = "SP-DELIVER-027", Unavailable, Operator, retried, "the proxy refuses the connection", "Check the connector's proxy and what it allows.";
    TOO_LARGE = "SP-DELIVER-028", Rejected, Operator, final, "a retrieved file or a listing is larger than the service allows", "For a file that is wanted, raise `[transfer] largest_file`. A listing has 1 GiB at most: ask for fewer entries, or list a directory below.";
    REMOTE_ENGINE = "SP-DELIVER-029", Unavailable, Operator, retried, "the transfer service did not do it", "Look at the failure code; the service's own log has more.";
    NOT_YET = "SP-DELIVER-030", Unavailable, Operator, retried, "the transfer service is still at it", "Nothing to do: it is looked at again by itself.";
    NO_RESULT = "SP-DELIVER-031", Timeout, Operator, final, "the transfer service gave no result in time", "Look in the service's own log whether the file arrived; redeliver the report if it did not.";
}
