//! What can go wrong when rows become bytes.

codes! { Format;
    CHARACTER = "SP-FORMAT-002", Rejected, Operator, final, "a character can't be written in the chosen encoding", "Choose UTF-8, or correct the value at the row and column named.";
    VALUE = "SP-FORMAT-003", Rejected, Operator, final, "a value can't be written in this format", "Choose another format, or correct the value at the row and column named.";
    COLUMN = "SP-FORMAT-004", Config, Operator, final, "a column can't be written in this format", "Rename or cast the column in the SQL.";
    WRITE = "SP-FORMAT-005", Internal, Sealpost, retried, "writing the format failed", "It is tried again; if it stays, report it.";
}
