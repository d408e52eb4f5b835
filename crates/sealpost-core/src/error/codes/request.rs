//! What can be wrong with a caller's request.

codes! { Request;
    INVALID = "SP-REQUEST-001", InvalidRequest, Caller, final, "the request is not valid", "Correct the fields named in `errors` and send the request again.";
    UNKNOWN_REPORT_TYPE = "SP-REQUEST-002", NotFound, Caller, final, "unknown report type", "Choose one of `GET /v1/report-types`.";
    NOT_GRANTED = "SP-REQUEST-003", Forbidden, Caller, final, "the report type or format is not granted to this partner", "Ask the operator for a grant.";
    UNKNOWN_FORMAT = "SP-REQUEST-004", InvalidRequest, Caller, final, "unknown format", "Choose one of the report type's `formats`.";
    FORMAT_OPTION = "SP-REQUEST-005", InvalidRequest, Caller, final, "a format option is not valid", "See the option's schema in the report type's `formats`.";
    NO_CERTIFICATE = "SP-REQUEST-006", Conflict, Partner, final, "the partner has no usable certificate", "Upload an OpenPGP certificate that is alive, not revoked and able to encrypt.";
    NO_DESTINATION = "SP-REQUEST-007", Conflict, Operator, final, "the partner has no destination", "Set a connector for the partner, or ask with `deliver: false`.";
    NOT_FOUND = "SP-REQUEST-008", NotFound, Caller, final, "not found", "Check the id; reports of other partners are not visible.";
    UNAUTHORIZED = "SP-REQUEST-009", Unauthorized, Caller, final, "no valid credentials", "Send a valid API key as `Authorization: Bearer …` or `x-api-key`.";
    KEY_EXPIRED = "SP-REQUEST-010", Unauthorized, Caller, final, "the API key has expired or was revoked", "Use a current key; the operator can issue one.";
    FORBIDDEN = "SP-REQUEST-011", Forbidden, Caller, final, "not allowed", "The credentials do not allow this operation.";
    PARTNER_DISABLED = "SP-REQUEST-012", Forbidden, Caller, final, "the partner is disabled", "Ask the operator.";
    TOO_MANY_ACTIVE = "SP-REQUEST-013", Throttled, Caller, retried, "too many reports of this partner are queued or running", "Wait for some to finish, then ask again.";
    IDEMPOTENCY_MISMATCH = "SP-REQUEST-014", InvalidRequest, Caller, final, "the idempotency key was used with another request", "Use a new key for a new request.";
    NOT_IN_THIS_STATE = "SP-REQUEST-015", Conflict, Caller, final, "not possible in the present state", "Look at the report's `status` first.";
    FILE_NOT_READY = "SP-REQUEST-016", Conflict, Caller, retried, "the file is not ready yet", "Wait until the report's status is `succeeded`.";
    FILE_GONE = "SP-REQUEST-017", NotFound, Caller, final, "the file has expired or was deleted", "Ask for the report again.";
    RANGE = "SP-REQUEST-018", InvalidRequest, Caller, final, "the range lies outside the file", "Ask for bytes within `Content-Length`.";
    TOO_LARGE = "SP-REQUEST-019", InvalidRequest, Caller, final, "the request body is too large", "Send at most 1 MiB.";
    UNSUPPORTED_MEDIA_TYPE = "SP-REQUEST-020", InvalidRequest, Caller, final, "unsupported media type", "Send `Content-Type: application/json`.";
    UNKNOWN_PATH = "SP-REQUEST-021", NotFound, Caller, final, "unknown path", "See `/docs`.";
    INTERNAL = "SP-REQUEST-022", Internal, Sealpost, retried, "an internal error", "Try again; if it stays, tell the operator the request id.";
    METHOD = "SP-REQUEST-023", InvalidRequest, Caller, final, "the path does not have this method", "Use one of the methods in `Allow`; see `/docs`.";
    HEADERS_TOO_LARGE = "SP-REQUEST-024", InvalidRequest, Caller, final, "the request line and headers are too large", "Send at most 10,240 bytes of them.";
    SLOW_BODY = "SP-REQUEST-025", InvalidRequest, Caller, retried, "the request body did not arrive in time", "Send the request again on a better connection.";
    TIMEOUT = "SP-REQUEST-026", Timeout, Sealpost, retried, "the answer took too long", "Send the request again, with the same `Idempotency-Key` if it had one.";
}
