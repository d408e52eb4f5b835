//! What can be wrong with certificates, keys and sealing.

codes! { Seal;
    UNREADABLE = "SP-SEAL-001", InvalidRequest, Partner, final, "the certificate can't be read", "Export it with `gpg --export --armor`.";
    SECRET_GIVEN = "SP-SEAL-002", InvalidRequest, Partner, final, "a private key was given where a certificate is expected", "Send the public half only, and consider the private key exposed.";
    EXPIRED = "SP-SEAL-003", Rejected, Partner, final, "the certificate has expired", "Extend its expiry or upload a new one.";
    REVOKED = "SP-SEAL-004", Rejected, Partner, final, "the certificate is revoked", "Upload a new one.";
    NO_ENCRYPTION_KEY = "SP-SEAL-005", Rejected, Partner, final, "the certificate has no usable encryption key", "Add an encryption subkey that is alive and not revoked.";
    TOO_WEAK = "SP-SEAL-006", Rejected, Partner, final, "the certificate's key is too weak or not supported", "Use RSA 2048 to 4096, Curve25519 or a NIST curve.";
    BAD_SIGNATURE = "SP-SEAL-007", Integrity, Partner, final, "a self-signature of the certificate does not verify", "Export the certificate again from its owner's key ring.";
    NO_RECIPIENT = "SP-SEAL-008", Config, Operator, final, "no recipient to seal for", "Give the partner a certificate.";
    SIGNING_KEY = "SP-SEAL-009", Config, Operator, final, "our signing key can't be used", "Check `seal.signing_key` and its passphrase reference.";
    WRITE = "SP-SEAL-010", Internal, Sealpost, retried, "sealing failed", "It is tried again; if it stays, report it.";
    UNFINISHED = "SP-SEAL-011", Integrity, Sealpost, retried, "the bytes to seal ended without an explicit finish", "Nothing was stored; the job is tried again.";
    NOT_YET_VALID = "SP-SEAL-012", Rejected, Partner, final, "the certificate is not valid yet", "Check the clock of the machine that made it.";
    DECRYPT = "SP-SEAL-013", Integrity, Partner, final, "the message can't be decrypted", "Check that the private key belongs to the recipient and that the file is complete.";
    GENERATE = "SP-SEAL-014", InvalidRequest, Caller, final, "the key can't be generated", "Give a user id such as `Name <mail@example.com>` and a lifetime of at least a day.";
}
