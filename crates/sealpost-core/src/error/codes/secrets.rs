//! What can go wrong when a secret reference is resolved.

codes! { Secrets;
    REFERENCE = "SP-SECRETS-001", Config, Operator, final, "the secret reference is not valid", "Write it as `env:NAME` or `file:/path`.";
    MISSING = "SP-SECRETS-002", Config, Operator, final, "the secret does not exist", "Create it, or correct the reference.";
    UNREACHABLE = "SP-SECRETS-003", Unavailable, Operator, retried, "the secret store can't be reached", "Check its address and our access.";
    NOT_IN_BUILD = "SP-SECRETS-004", Config, Operator, final, "this secret store is known, but not in this build", "Use a build with it, or another store.";
}
