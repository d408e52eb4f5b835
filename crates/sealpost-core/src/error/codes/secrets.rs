//! What can go wrong when a secret reference is resolved.

codes! { Secrets;
    REFERENCE = "SP-SECRETS-001", Config, Operator, final, "the secret reference is not valid", "Write it as `env:NAME`, `file:/path`, `aws-sm:name#member` or `vault:path#field`.";
    MISSING = "SP-SECRETS-002", Config, Operator, final, "the secret does not exist", "Create it, or correct the reference.";
    UNREACHABLE = "SP-SECRETS-003", Unavailable, Operator, retried, "the secret store can't be reached", "Check its address and our access.";
    NOT_IN_BUILD = "SP-SECRETS-004", Config, Operator, final, "this secret store is known, but not in this build", "Use a build with it, or another store.";
    SEALED = "SP-SECRETS-005", Unavailable, Operator, retried, "the secret store is sealed", "Unseal it (`vault operator unseal`); what is kept serves until its limit.";
    DENIED = "SP-SECRETS-006", Config, Operator, retried, "the secret store refused access", "Check what we log in with there, and the rights that it gives: `docs/operators.md` has a policy.";
    SETTINGS = "SP-SECRETS-007", Config, Operator, final, "the secret store can't be asked with these settings", "Correct `[secrets]`, or the environment variables that say where it is.";
}
