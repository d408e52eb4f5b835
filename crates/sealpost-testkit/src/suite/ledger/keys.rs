//! API keys of a partner: so many work, and so many more are remembered.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::partner::{ApiKey, MOST_DEAD_KEYS};

use super::records::{sample_key, sample_partner};
use super::{Ports, partner, refused};

/// See [`exact_across`], with one opening.
pub async fn the_number_of_keys_that_work_is_exact_under_concurrency(ports: Ports) {
    exact_across(&[ports]).await;
}

/// Forty keys are made at once, through any of these openings, of which half may work: exactly as many are there. What works no
/// more makes room, and what others have counts for nothing.
pub async fn exact_across(openings: &[Ports]) {
    let records = &openings[0].records;
    let now = Timestamp::now();
    for of in ["acme", "other"] {
        records.put_partner(&sample_partner(of)).await.unwrap();
    }
    records.create_api_key(&sample_key("other", "otherskey000", now), 1).await.unwrap();
    let expired = ApiKey { expires_at: Some(now), ..sample_key("acme", "expiredkey00", now) };
    records.put_api_key(&expired).await.unwrap();
    let asked = openings.iter().cycle().take(40).enumerate().map(|(number, ports)| {
        let records = ports.records.clone();
        let key = sample_key("acme", &format!("key{number:09}"), now);
        tokio::spawn(async move { records.create_api_key(&key, 20).await.map(|()| key) })
    });
    let mut made = Vec::new();
    for one in join_all(asked).await {
        match one.unwrap() {
            Ok(key) => made.push(key),
            Err(error) => assert!(error.is(&codes::request::TOO_MANY), "{error}"),
        }
    }
    let there = records.api_keys(&partner("acme")).await.unwrap();
    assert_eq!((made.len(), there.iter().filter(|key| key.is_live(now)).count()), (20, 20));
    assert!(made.iter().all(|key| there.contains(key)) && there.contains(&expired));

    let next = sample_key("acme", "nextkey00000", now);
    refused(records.create_api_key(&next, 20).await, &codes::request::TOO_MANY);
    let revoke = move |key: ApiKey| Ok(ApiKey { revoked_at: Some(now), ..key });
    records.edit_api_key(&made[0].id, &revoke).await.unwrap().expect("the key");
    records.create_api_key(&next, 20).await.unwrap();
    assert_eq!(records.api_key(&next.id).await.unwrap(), Some(next));
    refused(records.create_api_key(&sample_key("nobody", "nobodyskey00", now), 20).await, &codes::request::NOT_FOUND);
}

/// Keys are made and revoked again and again: those that were made last are remembered, and what works stays, however old.
pub async fn keys_that_work_no_more_are_few(ports: Ports) {
    let records = &ports.records;
    let now = Timestamp::now();
    let acme = partner("acme");
    records.put_partner(&sample_partner("acme")).await.unwrap();
    let lasting =
        ApiKey { expires_at: None, ..sample_key("acme", "lastingkey00", now - SignedDuration::from_hours(1)) };
    records.create_api_key(&lasting, 20).await.unwrap();
    let rounds = MOST_DEAD_KEYS as i64 + 50;
    for number in 0..rounds {
        let key = sample_key("acme", &format!("key{number:09}"), now + SignedDuration::from_millis(number));
        records.create_api_key(&key, 20).await.unwrap();
        let revoke = move |key: ApiKey| Ok(ApiKey { revoked_at: Some(now), ..key });
        records.edit_api_key(&key.id, &revoke).await.unwrap().expect("the key");
    }
    let there = records.api_keys(&acme).await.unwrap();
    // The last one was revoked after the others were counted.
    let ids: Vec<String> = there.iter().map(|key| key.id.to_string()).collect();
    let last = (rounds - 1 - MOST_DEAD_KEYS as i64..rounds).rev().map(|number| format!("key{number:09}"));
    assert_eq!(ids, last.chain(["lastingkey00".to_owned()]).collect::<Vec<String>>());
    assert_eq!(records.api_key(&"key000000000".parse().expect("an id")).await.unwrap(), None);
    assert_eq!(there.last(), Some(&lasting));
}
