//! A partner's certificates are changed while reports are made: there is no gap, and the record names whom a file is sealed to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use sealpost_core::error::Result;
use sealpost_core::partner::{RecipientCertificate, SigningKeyRef};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_pipeline::{Policy, SelfService};
use sealpost_seal::{GeneratedKey, KeyKind, KeyRequest};
use sealpost_testkit::gpg::{Gpg, KeySpec, algorithms};
use serde_json::{Value as Json, json};

use crate::rig::{ROWS, Rig, Wish, id, json_of};

fn new_key(valid_for: Option<SignedDuration>) -> GeneratedKey {
    key_made_at(Timestamp::now(), valid_for)
}

fn key_made_at(now: Timestamp, valid_for: Option<SignedDuration>) -> GeneratedKey {
    let request = KeyRequest {
        user_id: "Reports <reports@acme.example>",
        kind: KeyKind::Ed25519,
        now,
        valid_for,
        passphrase: None,
    };
    sealpost_seal::generate(&request).unwrap()
}

async fn opens(rig: &Rig, report: &Json, secret: &Secret) {
    let path = report["links"]["file"].as_str().unwrap();
    let sealed = rig.get(&rig.acme, path).send().await.unwrap().bytes().await.unwrap();
    let mut plain = Vec::new();
    sealpost_seal::decrypt(&sealed[..], secret, None, &mut plain).unwrap();
    assert_eq!(String::from_utf8(plain).unwrap().lines().count(), ROWS as usize);
}

#[tokio::test]
async fn an_old_certificate_that_expires_before_its_cut_over_holds_up_nothing() {
    let rig = Rig::self_serving(SelfService { certificates: Policy::Allowed, ..SelfService::default() }).await;
    rig.work();
    // Time enough to replace it before that.
    let old = new_key(Some(SignedDuration::from_secs(15)));
    let (status, answer) = rig.change_acme(json!({"certificates": [old.public]})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let new = new_key(None);
    let cut_over = Timestamp::now() + SignedDuration::from_hours(1);
    let body = json!({"certificate": new.public, "replaces": old.fingerprint, "cut_over": cut_over});
    let (status, added) = json_of(rig.post(&rig.acme, "/v1/keys", &body)).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");

    let begun = Instant::now();
    let expired = loop {
        let (_, key) = json_of(rig.get(&rig.acme, &format!("/v1/keys/{}", old.fingerprint))).await;
        if key["failure"] != Json::Null {
            break key;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{key}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!((&expired["failure"]["code"], &expired["use_until"]), (&json!("SP-SEAL-003"), &json!(cut_over)));
    assert_eq!(expired["in_use"], false, "files go on without it");
    let report = rig.contracts(&rig.acme).await;
    let report = rig.done(&rig.acme, id(&report)).await;
    assert_eq!(report["file"]["recipients"], json!([new.fingerprint]), "{report:#}");
    opens(&rig, &report, &new.secret).await;

    // Where there is no other, it is not left out.
    let records = &rig.pipeline.parts().records;
    let mut acme = records.partner(&"acme".parse().unwrap()).await.unwrap().unwrap();
    acme.certificates.retain(|one| one.use_until.is_some());
    records.put_partner(&acme).await.unwrap();
    let asked = json!({"report_type": "contracts.v1"});
    let (status, problem) = json_of(rig.post(&rig.acme, "/v1/reports", &asked)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-006")), "{problem}");
}

/// Its keys to encrypt with are over one by one, each for a reason of its own.
#[tokio::test]
async fn an_old_certificate_with_a_revoked_subkey_beside_the_expired_one_holds_up_nothing() {
    let gpg = Gpg::new();
    let old = gpg.generate(&KeySpec {
        algorithms: algorithms::CURVE25519,
        email: "old@acme.example",
        at: Some("20200101T000000"),
        ..KeySpec::default()
    });
    gpg.add_subkey(&old, "cv25519", "encr", "30d", Some("20200102T000000"));
    gpg.revoke_subkey(&old, 1);
    let new = new_key(None);
    let rig = Rig::self_serving(SelfService { certificates: Policy::Allowed, ..SelfService::default() }).await;
    rig.work();
    let records = &rig.pipeline.parts().records;
    let mut acme = records.partner(&"acme".parse().unwrap()).await.unwrap().unwrap();
    let cut_over = Timestamp::now() + SignedDuration::from_hours(1);
    let replaced = RecipientCertificate::from(gpg.export(&old));
    acme.certificates = vec![RecipientCertificate { use_until: Some(cut_over), ..replaced }, new.public.clone().into()];
    records.put_partner(&acme).await.unwrap();
    let (_, shown) = json_of(rig.get(&rig.acme, &format!("/v1/keys/{old}"))).await;
    assert_eq!((&shown["failure"]["code"], &shown["in_use"]), (&json!("SP-SEAL-005"), &json!(false)), "{shown}");
    let report = rig.contracts(&rig.acme).await;
    let report = rig.done(&rig.acme, id(&report)).await;
    assert_eq!(report["file"]["recipients"], json!([new.fingerprint]), "{report:#}");
}

/// What an operator reads can be written again: to disable a partner, for example.
#[tokio::test]
async fn a_partner_can_be_put_back_with_certificates_that_have_expired() {
    let rig = Rig::idle().await;
    let hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
    let expired = || key_made_at(hour_ago, Some(SignedDuration::from_secs(60)));
    let records = &rig.pipeline.parts().records;
    let mut acme = records.partner(&"acme".parse().unwrap()).await.unwrap().unwrap();
    acme.certificates.push(expired().public.into());
    let over = RecipientCertificate::from(expired().public);
    acme.certificates.push(RecipientCertificate { use_until: Some(hour_ago), ..over });
    records.put_partner(&acme).await.unwrap();
    let (status, answer) = rig.change_acme(json!({"enabled": false})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let after = records.partner(&acme.id).await.unwrap().unwrap();
    assert_eq!((after.enabled, after.certificates), (false, acme.certificates));

    // New ones are judged as ever.
    let new = expired();
    let secret = new.secret.expose_text().unwrap();
    for (certificate, expected) in [
        (json!(new.public), StatusCode::BAD_REQUEST),
        (json!({"armored": "nonsense", "use_until": hour_ago}), StatusCode::BAD_REQUEST),
        (json!({"armored": secret, "use_until": hour_ago}), StatusCode::BAD_REQUEST),
        (json!({"armored": new.public, "use_until": hour_ago}), StatusCode::OK),
    ] {
        let (status, answer) = rig.change_acme(json!({"certificates": [certificate]})).await;
        assert_eq!(status, expected, "{answer}");
        assert!(expected == StatusCode::OK || answer["errors"][0]["pointer"] == "/certificates/0", "{answer}");
    }
}

/// A file of an operator that has only the certificate, while its owner has replaced it, would take its end away.
#[tokio::test]
async fn a_certificate_that_has_expired_is_not_used_longer_than_before() {
    let rig = Rig::idle().await;
    let hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
    let (old, new) = (key_made_at(hour_ago, Some(SignedDuration::from_secs(60))), new_key(None));
    let cut_over = Timestamp::now() + SignedDuration::from_hours(1);
    let records = &rig.pipeline.parts().records;
    let mut acme = records.partner(&"acme".parse().unwrap()).await.unwrap().unwrap();
    let replaced = RecipientCertificate::from(old.public.clone());
    acme.certificates = vec![RecipientCertificate { use_until: Some(cut_over), ..replaced }, new.public.clone().into()];
    records.put_partner(&acme).await.unwrap();
    let ending = |at: Timestamp| json!({"armored": old.public, "use_until": at});
    for (certificate, expected) in [
        (json!(old.public), StatusCode::BAD_REQUEST),
        (ending(cut_over + SignedDuration::from_secs(1)), StatusCode::BAD_REQUEST),
        (ending(cut_over), StatusCode::OK),
        (ending(cut_over - SignedDuration::from_secs(1)), StatusCode::OK),
    ] {
        let (status, answer) = rig.change_acme(json!({"certificates": [certificate, new.public]})).await;
        assert_eq!(status, expected, "{answer}");
        assert!(expected == StatusCode::OK || answer["errors"][0]["pointer"] == "/certificates/0", "{answer}");
    }
}

/// A store whose answers take so long that a certificate's time is over meanwhile.
struct Slow {
    key: Secret,
    pause: Duration,
}

#[async_trait]
impl SecretStore for Slow {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret> {
        tokio::time::sleep(self.pause).await;
        Ok(Secret::new(self.key.expose().to_vec()))
    }
}

#[tokio::test]
async fn a_file_is_sealed_to_those_that_its_record_names() {
    let signing = SigningKeyRef { key: "vault:key".parse().unwrap(), passphrase: None };
    let secrets = Slow { key: new_key(None).secret, pause: Duration::from_secs(16) };
    let wish = Wish { signing: Some((signing, Arc::new(secrets))), ..Wish::default() };
    let rig = Rig::wishing(wish).await;
    let (old, new) = (new_key(None), new_key(None));
    let use_until = Timestamp::now() + SignedDuration::from_secs(12);
    let certificates = json!([{"armored": old.public, "use_until": use_until}, new.public]);
    let (status, answer) = rig.change_acme(json!({"seal": {"sign": true}, "certificates": certificates})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let report = rig.contracts(&rig.acme).await;
    let report = rig.done(&rig.acme, id(&report)).await;
    assert_eq!(report["file"]["recipients"], json!([old.fingerprint, new.fingerprint]), "{report:#}");
    for secret in [&old.secret, &new.secret] {
        opens(&rig, &report, secret).await;
    }
}
