//! What can be wrong with configuration, catalogue and partner files.

codes! { Config;
    INVALID = "SP-CONFIG-001", Config, Operator, final, "the configuration is not valid", "Correct every problem listed; `sealpost config check` shows them all.";
    UNREADABLE = "SP-CONFIG-002", Config, Operator, final, "a configuration file can't be read", "Check the path and its permissions.";
    CATALOGUE = "SP-CONFIG-003", Config, Operator, final, "the catalogue has a report type that can't be used", "Correct the file at the line named.";
    PARTNER_FILE = "SP-CONFIG-004", Config, Operator, final, "a partner file is not valid", "Correct every problem listed.";
    ADDRESS_IN_USE = "SP-CONFIG-005", Unavailable, Operator, final, "a listener's address can't be bound", "Choose another address, or stop what uses it.";
    TLS = "SP-CONFIG-006", Config, Operator, final, "the TLS files of a listener can't be used", "Check that the certificate file has the listener's certificate first and the key file the key that belongs to it, both as PEM and readable.";
    OUTPUT = "SP-CONFIG-007", Unavailable, Operator, final, "a command's result can't be written", "Free space, or write it to another place, and ask again; what is shown once, such as a key, has to be revoked and made anew.";
}
