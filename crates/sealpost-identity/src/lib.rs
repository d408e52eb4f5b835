//! Access tokens verified: OIDC issuers, their keys, and whom a token stands for.
