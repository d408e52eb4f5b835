//! The behaviour suite of the port that keeps what partners hand in.
//!
//! Each function is one sentence of the contract.

use std::sync::Arc;

use sealpost_core::error::{Result, codes};
use sealpost_core::port::{SecretStore, SecretVault};
use sealpost_core::secret::{Secret, SecretRef};

/// A vault under test. Names that begin with `suite/` are the suite's.
pub struct Subject<'a> {
    /// The adapter.
    pub vault: &'a dyn SecretVault,
    /// Makes what resolves its references: anew for each read, as another process does that knows nothing of the vault.
    pub stores: &'a dyn Fn() -> Arc<dyn SecretStore>,
    /// How the configuration names it, without a slash at its end: `file:data/secrets`.
    pub place: &'a str,
}

impl Subject<'_> {
    async fn keep(&self, name: &str, text: &str) -> SecretRef {
        self.vault.keep(name, &secret(text)).await.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    async fn text(&self, reference: &SecretRef) -> Result<String> {
        let value = (self.stores)().resolve(reference).await?;
        Ok(String::from_utf8(value.expose().to_vec()).expect("the text that was kept"))
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// Every sentence, one after the other. Nothing of it stays.
///
/// # Panics
/// Where a sentence does not hold.
pub async fn hold(subject: &Subject<'_>) {
    what_is_kept_is_resolved_replaced_and_removed(subject).await;
    a_name_of_what_was_removed_is_free_again(subject).await;
    what_is_not_its_own_is_left_alone(subject).await;
    names_lead_nowhere_else(subject).await;
}

/// A value is resolved as it was handed in, to the last line break, until it is replaced or removed.
///
/// # Panics
/// Where that is not so.
pub async fn what_is_kept_is_resolved_replaced_and_removed(subject: &Subject<'_>) {
    let text = "zwölf \"canaries\"\n\n";
    let reference = subject.keep("suite/main/1", text).await;
    assert!(reference.to_string().starts_with(&format!("{}/", subject.place)), "{reference}");
    assert_eq!(subject.text(&reference).await.unwrap(), text);
    let beside = subject.keep("suite/main/12", "beside").await;
    assert_ne!(beside, reference);

    assert_eq!(subject.keep("suite/main/1", "second").await, reference);
    assert_eq!(subject.text(&reference).await.unwrap(), "second");
    for time in ["first", "second"] {
        subject.vault.forget(&reference).await.unwrap_or_else(|error| panic!("{time} removal: {error}"));
        let gone = subject.text(&reference).await.expect_err("it was removed");
        assert!(gone.is(&codes::secrets::MISSING), "{gone}");
    }
    assert_eq!(subject.text(&beside).await.unwrap(), "beside");
    subject.vault.forget(&beside).await.unwrap();
    assert!(subject.text(&beside).await.is_err(), "{beside} was removed");
}

/// A name can be used again, also where the vault could still bring back what was removed.
///
/// # Panics
/// Where it can't.
pub async fn a_name_of_what_was_removed_is_free_again(subject: &Subject<'_>) {
    let reference = subject.keep("suite/main/3", "first").await;
    subject.vault.forget(&reference).await.unwrap();
    assert_eq!(subject.keep("suite/main/3", "again").await, reference);
    assert_eq!(subject.text(&reference).await.unwrap(), "again");
    subject.vault.forget(&reference).await.unwrap();
}

/// References of another origin may lead anywhere: nothing is removed by them.
///
/// # Panics
/// Where something is.
pub async fn what_is_not_its_own_is_left_alone(subject: &Subject<'_>) {
    let kept = subject.keep("suite/main/2", "stays").await;
    let text = kept.to_string();
    for foreign in [
        "env:PATH".to_owned(),
        text.replacen(subject.place, &format!("{}-2", subject.place), 1),
        text.replacen("/suite/", "/suite/../suite/", 1),
        text.replacen("/suite/", "/Suite/", 1),
        text.replacen("/suite/", "//suite/", 1),
    ] {
        let foreign: SecretRef = foreign.parse().unwrap();
        subject.vault.forget(&foreign).await.unwrap_or_else(|error| panic!("{foreign}: {error}"));
        assert_eq!(subject.text(&kept).await.unwrap(), "stays", "{foreign}");
    }
    subject.vault.forget(&kept).await.unwrap();
}

/// A name is one of a place below, or refused without the value.
///
/// # Panics
/// Where it is not.
pub async fn names_lead_nowhere_else(subject: &Subject<'_>) {
    for bad in ["", "/x", "x/", "a//b", "../x", "a/../b", ".x", "A", "a b", "a.b", "a#b", &"x".repeat(201)] {
        let error = subject.vault.keep(bad, &secret("canary")).await.expect_err("a bad name");
        assert!(error.is(&codes::secrets::REFERENCE) && !format!("{error:?}").contains("canary"), "{bad}: {error:?}");
    }
}
