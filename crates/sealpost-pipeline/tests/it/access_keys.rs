//! Access keys: derived, verified, revoked at once.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::access_key::AccessRole;
use sealpost_core::id::AccessKeyId;

use crate::rig::{Rig, Wish};

#[tokio::test]
async fn a_key_works_until_it_is_revoked_or_expires() {
    let rig = Rig::idle(Wish::default()).await;
    let (key, secret) = rig.pipeline.issue_access_key(AccessRole::Operator, "tests", None).await.unwrap();
    assert_eq!(secret.expose_text().unwrap().len(), 40);
    let (found, again) = rig.pipeline.access_secret(&key.id).await.unwrap().unwrap();
    assert_eq!((found.role, again.expose()), (AccessRole::Operator, secret.expose()));
    assert!(rig.pipeline.access_secret(&AccessKeyId::fresh()).await.unwrap().is_none());
    let (other, other_secret) = rig.pipeline.issue_access_key(AccessRole::Admin, "", None).await.unwrap();
    assert_ne!(other_secret.expose(), secret.expose());
    assert!(rig.pipeline.revoke_access_key(&key.id).await.unwrap());
    assert!(rig.pipeline.access_secret(&key.id).await.unwrap().is_none());
    assert!(rig.pipeline.access_secret(&other.id).await.unwrap().is_some());
    assert!(!rig.pipeline.revoke_access_key(&AccessKeyId::fresh()).await.unwrap());
    let past = Timestamp::now() - SignedDuration::from_secs(1);
    let refused = rig.pipeline.issue_access_key(AccessRole::Admin, "", Some(past)).await.unwrap_err();
    assert_eq!(refused.code().id, "SP-REQUEST-001");
}

#[tokio::test]
async fn without_a_long_master_secret_there_are_no_keys() {
    let mut wish = Wish::default();
    wish.transfer.master_secret = None;
    let rig = Rig::idle(wish).await;
    let error = rig.pipeline.issue_access_key(AccessRole::Admin, "", None).await.unwrap_err();
    assert_eq!(error.code().id, "SP-REQUEST-038");
    let rig = Rig::idle(Wish::default()).await;
    std::fs::write(rig.folder.path().join("master"), "short\n").unwrap();
    let error = rig.pipeline.issue_access_key(AccessRole::Admin, "", None).await.unwrap_err();
    assert_eq!(error.code().id, "SP-CONFIG-001");
}
