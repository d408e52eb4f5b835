//! Identities of partners: what can be wrong with those of a document, and how one is let go of. One that no caller can ever have is a
//! mistake that nobody would notice before the caller is refused.

use std::collections::BTreeSet;

use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::identity::{CLIENT_CERTIFICATES, Identity, LONGEST_SUBJECT, is_subject};
use sealpost_core::partner::Partner;
use sealpost_core::port::MOST_IDENTITIES_AT_ONCE;

use crate::Pipeline;
use crate::audit::Author;

/// Checks the identities of a document; `issuers` are the names of those that are configured. What the partner `had` already may
/// stay: its issuer may be configured no longer, and its owner may have to be disabled.
pub(super) fn check(identities: &[Identity], had: &[Identity], issuers: &[String], problems: &mut Vec<FieldError>) {
    for (index, identity) in identities.iter().enumerate().filter(|(_, identity)| !had.contains(identity)) {
        let Identity { issuer, subject } = identity;
        let mut problem = |member: &str, detail: String| {
            problems.push(FieldError::new(format!("/identities/{index}/{member}"), detail))
        };
        if issuer == CLIENT_CERTIFICATES {
            if !is_fingerprint(subject) {
                let detail = "expected the certificate's SHA-256: 64 lower-case hexadecimal digits and nothing else";
                problem("subject", detail.to_owned());
            }
            continue;
        }
        if !issuers.contains(issuer) {
            let known: Vec<&str> = issuers.iter().map(String::as_str).chain([CLIENT_CERTIFICATES]).collect();
            problem("issuer", format!("no issuer of this name is configured; known are {}", known.join(", ")));
        }
        if !is_subject(subject) {
            problem(
                "subject",
                format!("expected a name of 1 to {LONGEST_SUBJECT} bytes without white space around it"),
            );
        }
    }
}

/// The SHA-256 of a certificate as callers have it.
fn is_fingerprint(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Checks that a ledger can make the change in one step.
///
/// # Errors
/// `SP-CONFIG-004` where too many identities come and go.
pub(super) fn check_step(had: &[Identity], wants: &[Identity]) -> Result<()> {
    let (had, wants): (BTreeSet<&Identity>, BTreeSet<&Identity>) = (had.iter().collect(), wants.iter().collect());
    let count = had.symmetric_difference(&wants).count();
    if count <= MOST_IDENTITIES_AT_ONCE {
        return Ok(());
    }
    let detail = format!(
        "{count} come and go; at most {MOST_IDENTITIES_AT_ONCE} can be added and removed at once, so make it several changes"
    );
    Err(Error::new(&codes::config::PARTNER_FILE, "1 problem").with_fields(vec![FieldError::new("/identities", detail)]))
}

impl Pipeline {
    /// Takes identities away from a partner, so that another can be given them.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    pub async fn release_identities(&self, author: &Author, id: &PartnerId, identities: &[Identity]) -> Result<()> {
        self.note(author, id, "partner.put", &format!("partner {id}"), "identities").await?;
        for some in identities.chunks(MOST_IDENTITIES_AT_ONCE) {
            let released = some.to_vec();
            let edit = move |mut before: Partner| {
                before.identities.retain(|identity| !released.contains(identity));
                Ok(before)
            };
            self.parts.records.edit_partner(id, &edit).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(issuer: &str, subject: &str) -> Identity {
        Identity { issuer: issuer.to_owned(), subject: subject.to_owned() }
    }

    fn pointers(issuer: &str, subject: &str) -> Vec<String> {
        let mut problems = Vec::new();
        check(&[identity(issuer, subject)], &[], &["idp".to_owned()], &mut problems);
        problems.into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn only_what_a_caller_can_have_is_an_identity() {
        let digest = "9a".repeat(32);
        let long = "x".repeat(LONGEST_SUBJECT + 1);
        for (issuer, subject) in
            [("idp", "client"), ("idp", &long[1..]), ("idp", "J\u{f6}rg @ x"), ("mtls", digest.as_str())]
        {
            assert!(pointers(issuer, subject).is_empty(), "{issuer} {subject}");
        }
        let printed = format!("sha256 fingerprint={digest}");
        for subject in ["", "9a", &digest.to_uppercase(), &format!("{digest}9"), &format!("{digest} "), &printed] {
            assert_eq!(pointers("mtls", subject), ["/identities/0/subject"], "{subject}");
        }
        for subject in ["", " client", "client\n", "a\tb", &long] {
            assert_eq!(pointers("idp", subject), ["/identities/0/subject"], "{subject}");
        }
        assert_eq!(pointers("ipd", "client"), ["/identities/0/issuer"]);
        assert_eq!(pointers("", ""), ["/identities/0/issuer", "/identities/0/subject"]);
    }

    #[test]
    fn what_a_partner_has_already_may_stay() {
        let had = [identity("gone", "x"), identity("mtls", "9A:8B")];
        let wanted = [had[0].clone(), identity("gone", "y"), had[1].clone()];
        let mut problems = Vec::new();
        check(&wanted, &had, &["idp".to_owned()], &mut problems);
        let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/identities/1/issuer"]);
    }

    #[test]
    fn what_one_step_can_not_hold_is_told_before_it() {
        let of = |numbers: std::ops::Range<usize>| -> Vec<Identity> {
            numbers.map(|number| identity("idp", &number.to_string())).collect()
        };
        assert!(check_step(&of(0..500), &of(0..500)).is_ok());
        assert!(check_step(&of(0..40), &of(40..80)).is_ok());
        let error = check_step(&of(0..40), &of(40..81)).expect_err("too many");
        assert!(error.is(&codes::config::PARTNER_FILE));
        assert_eq!(error.fields()[0].pointer, "/identities");
    }
}
