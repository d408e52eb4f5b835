//! What can go wrong between the database and the first byte of the file.

codes! { Source;
    UNREACHABLE = "SP-SOURCE-001", Unavailable, Operator, retried, "the database can't be reached", "Check address, network and that the server runs.";
    LOGIN = "SP-SOURCE-002", Config, Operator, final, "the database refused the login", "Check user, password reference and the account's rights.";
    TLS = "SP-SOURCE-003", Config, Operator, final, "the database's TLS certificate was not accepted", "Check `tls` and the certificate authority in the source's configuration.";
    BROKEN = "SP-SOURCE-004", Unavailable, Operator, retried, "the connection to the database broke while rows were read", "Nothing was stored; the job is tried again.";
    STATEMENT_TIMEOUT = "SP-SOURCE-005", Timeout, Operator, final, "the query took longer than its time limit", "Narrow the parameters, add an index, or raise the report type's `timeout_s`.";
    QUERY = "SP-SOURCE-006", Config, Operator, final, "the database refused the query", "Correct the SQL of the report type.";
    DOES_NOT_PREPARE = "SP-SOURCE-007", Config, Operator, final, "the SQL does not prepare", "Correct the file at the line named.";
    NO_SCOPE = "SP-SOURCE-008", Config, Operator, final, "the SQL does not use the partner scope", "Add a condition on `:partner_scope`.";
    NOT_READ_ONLY = "SP-SOURCE-009", Config, Operator, final, "the SQL is not one read-only query", "Use exactly one SELECT (or WITH … SELECT).";
    UNKNOWN_PARAMETER = "SP-SOURCE-010", Config, Operator, final, "the SQL and the parameters do not match", "Declare every `:name` in the report's TOML, and use every declared parameter.";
    VALUE = "SP-SOURCE-011", Integrity, Operator, final, "a value can't be represented exactly", "Look at the row and column named.";
    COLUMNS = "SP-SOURCE-012", Config, Operator, final, "the query's columns are not the declared ones", "Make the SQL and the `columns` of the report type agree.";
    TOO_MANY_ROWS = "SP-SOURCE-013", Rejected, Operator, final, "the result has more rows than the report type allows", "Narrow the parameters or raise `max_rows`.";
    FOREIGN_ROW = "SP-SOURCE-014", Integrity, Operator, final, "the query returned a row of another partner", "Correct the partner condition in the SQL. Nothing was stored.";
    CANCELLED = "SP-SOURCE-015", Rejected, Caller, final, "the query was cancelled", "Ask for the report again if it is still wanted.";
    BUSY = "SP-SOURCE-016", Unavailable, Operator, retried, "the database is busy", "It is tried again; check the server's load, its connection limit, and its room for temporary tables.";
    CUT_SHORT = "SP-SOURCE-017", Integrity, Operator, final, "the database cut the result short", "Correct the SQL, or raise the server's limit named. Nothing was stored.";
}
