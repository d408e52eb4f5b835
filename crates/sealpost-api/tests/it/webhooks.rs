//! Webhooks from the partner's side: a receiver of our own gets what is posted, and the official Python library of
//! Standard Webhooks says whether it is genuine.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use sealpost_core::audit::{ActorKind, AuditEntry};
use sealpost_core::notification::Announcement;
use sealpost_core::port::AuditFilter;
use sealpost_core::task::{QueueDepth, WorkKind};
use sealpost_core::webhook::EventKind;
use sealpost_pipeline::Worked;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::receiver::{Received, Receiver, accepted};
use crate::rig::{Partner, Rig, Wish, id, json_of};

/// Makes a webhook, and gives its id and secret.
async fn webhook(rig: &Rig, partner: &Partner, url: &str, more: Json) -> (String, String) {
    let mut body = json!({"url": url});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, made) = json_of(rig.post(partner, "/v1/webhooks", &body)).await;
    assert_eq!(status, StatusCode::CREATED, "{made:#}");
    (id(&made).to_owned(), made["secret"].as_str().unwrap().to_owned())
}

async fn ping(rig: &Rig, partner: &Partner, webhook: &str) -> String {
    let (status, sent) = json_of(rig.ask(partner, Method::POST, &format!("/v1/webhooks/{webhook}:ping"))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{sent:#}");
    id(&sent).to_owned()
}

/// Tells a webhook of a report that failed: of pings, only one is on its way at a time.
async fn tell(rig: &Rig, partner: &str, webhook: &str) -> String {
    let outbox = &rig.pipeline.parts().outbox;
    let (partner, id) = (partner.parse().unwrap(), webhook.parse().unwrap());
    let data = json!({"report_id": "none", "status": "failed"});
    let announcement = Announcement { partner, event: EventKind::ReportFailed, at: jiff::Timestamp::now(), data };
    outbox.notify(&id, &announcement).await.unwrap().id.to_string()
}

/// Waits until a notification is in a status.
async fn becomes(rig: &Rig, partner: &Partner, webhook: &str, notification: &str, status: &str) -> Json {
    let begun = Instant::now();
    loop {
        let (_, page) = json_of(rig.get(partner, &format!("/v1/webhooks/{webhook}/notifications?limit=100"))).await;
        let all = page["notifications"].as_array().unwrap();
        let found = all.iter().find(|one| one["id"] == notification).unwrap().clone();
        if found["status"] == status {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{found:#}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

async fn audit(rig: &Rig) -> Vec<AuditEntry> {
    let filter = AuditFilter { partner: Some("acme".parse().unwrap()), after: None, limit: 100 };
    rig.pipeline.parts().changes.audit(&filter).await.unwrap().entries
}

#[tokio::test]
async fn events_arrive_signed_and_the_official_library_believes_them() {
    let (rig, receiver) = (Rig::working().await, Receiver::start().await);
    let (hook, secret) = webhook(&rig, &rig.acme, &format!("{}/ok?token=1", receiver.url), json!({})).await;
    let (_, _) =
        webhook(&rig, &rig.acme, &format!("{}/failures", receiver.url), json!({"events": ["report.failed"]})).await;
    let report = rig.contracts(&rig.acme).await;
    let report = rig.done(&rig.acme, id(&report)).await;
    let received = receiver.wait("/ok", 2).await;

    let mut types: Vec<String> = received.iter().map(|one| one.json()["type"].as_str().unwrap().to_owned()).collect();
    types.sort();
    assert_eq!(types, ["delivery.delivered", "report.succeeded"]);
    for one in &received {
        let told = one.json();
        assert_eq!(told["data"]["report_id"], report["id"]);
        assert!(!one.body.contains("CANARY") && one.header("content-type") == "application/json");
    }
    let succeeded = received.iter().find(|one| one.json()["type"] == "report.succeeded").unwrap().json();
    assert_eq!(succeeded["data"]["row_count"], report["row_count"]);
    assert_eq!(succeeded["data"]["file"]["sha256"], report["file"]["sha256"]);

    assert_eq!(accepted(&secret, &received), [true, true]);
    // The judge can say no: another body, another id, another time, another secret.
    let change = |name: &str, value: &str| {
        let mut one = received[0].clone();
        one.headers.insert(name.to_owned(), value.to_owned());
        one
    };
    let other_body = Received { body: received[0].body.replace("report", "rapport"), ..received[0].clone() };
    let later = (received[0].header("webhook-timestamp").parse::<i64>().unwrap() + 1).to_string();
    let forged = [other_body, change("webhook-id", "msg_1"), change("webhook-timestamp", &later)];
    assert_eq!(accepted(&secret, &forged), [false; 3]);
    assert_eq!(accepted("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &received), [false, false]);

    // The same is kept for the partner to look at.
    let (_, page) = json_of(rig.get(&rig.acme, &format!("/v1/webhooks/{hook}/notifications"))).await;
    for one in &received {
        let kept = page["notifications"].as_array().unwrap().iter();
        let kept = kept.clone().find(|kept| kept["id"] == one.header("webhook-id")).unwrap();
        assert_eq!(kept["payload"], one.json());
    }
    assert!(receiver.at("/failures").is_empty());
}

#[tokio::test]
async fn a_receiver_changes_over_to_a_new_secret_without_a_gap() {
    let (rig, receiver) = (Rig::working().await, Receiver::start().await);
    let (hook, first) = webhook(&rig, &rig.acme, &format!("{}/ok", receiver.url), json!({})).await;
    let rotate = async |body: Json| {
        let (status, rotated) =
            json_of(rig.post(&rig.acme, &format!("/v1/webhooks/{hook}:rotate-secret"), &body)).await;
        assert_eq!(status, StatusCode::OK, "{rotated:#}");
        rotated
    };
    let second = rotate(json!({})).await;
    assert!(second["previous_secret_until"].is_string() && second["secret_version"] == 2);
    let second = second["secret"].as_str().unwrap().to_owned();
    let sent = ping(&rig, &rig.acme, &hook).await;
    let received = receiver.wait("/ok", 1).await;
    becomes(&rig, &rig.acme, &hook, &sent, "delivered").await;
    assert_eq!(received[0].header("webhook-signature").split(' ').count(), 2);
    assert_eq!(accepted(&first, &received), [true]);
    assert_eq!(accepted(&second, &received), [true]);

    let third = rotate(json!({"overlap_hours": 0})).await;
    assert_eq!(third["previous_secret_until"], Json::Null);
    let third = third["secret"].as_str().unwrap().to_owned();
    ping(&rig, &rig.acme, &hook).await;
    let last = &receiver.wait("/ok", 2).await[1..];
    assert_eq!(accepted(&first, last), [false]);
    assert_eq!(accepted(&second, last), [false]);
    assert_eq!(accepted(&third, last), [true]);

    for hours in [json!(-1), json!(169), json!(1.5), json!("1")] {
        let path = format!("/v1/webhooks/{hook}:rotate-secret");
        let (status, problem) = json_of(rig.post(&rig.acme, &path, &json!({"overlap_hours": hours}))).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/overlap_hours")));
    }
    // Secrets are shown when they are made, and nowhere else.
    for path in
        ["/v1/webhooks".to_owned(), format!("/v1/webhooks/{hook}"), format!("/v1/webhooks/{hook}/notifications")]
    {
        assert!(!json_of(rig.get(&rig.acme, &path)).await.1.to_string().contains("whsec_"), "{path}");
    }
}

#[tokio::test]
async fn what_fails_is_tried_again_with_the_same_id_and_bytes() {
    let (rig, receiver) = (Rig::working().await, Receiver::start().await);
    let (hook, secret) = webhook(&rig, &rig.acme, &format!("{}/flaky", receiver.url), json!({})).await;
    let sent = ping(&rig, &rig.acme, &hook).await;
    let done = becomes(&rig, &rig.acme, &hook, &sent, "delivered").await;
    assert_eq!((&done["attempts"], &done["answer"], &done["failure"]), (&json!(2), &json!(204), &Json::Null));
    let received = receiver.at("/flaky");
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
    assert!(received.iter().all(|one| one.header("webhook-id") == sent));
    assert_eq!(accepted(&secret, &received), [true, true]);
}

#[tokio::test]
async fn a_server_that_asks_for_time_gets_it() {
    let (rig, receiver) = (Rig::working().await, Receiver::start().await);
    let (hook, _) = webhook(&rig, &rig.acme, &format!("{}/busy", receiver.url), json!({})).await;
    let sent = ping(&rig, &rig.acme, &hook).await;
    receiver.wait("/busy", 1).await;
    let begun = Instant::now();
    let (made, again) = loop {
        let waiting = becomes(&rig, &rig.acme, &hook, &sent, "pending").await;
        let time = |name: &str| waiting[name].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        if let Some(again) = time("retry_at") {
            assert_eq!((&waiting["answer"], &waiting["failure"]["code"]), (&json!(429), &json!("SP-NOTIFY-003")));
            break (time("created_at").unwrap(), again);
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{waiting:#}");
    };
    assert!(again.duration_since(made).as_secs() >= 3600, "{made} {again}");
}

#[tokio::test]
async fn dead_letters_are_kept_and_replayed() {
    let (rig, receiver) = (Rig::working().await, Receiver::start().await);
    let (hook, _) = webhook(&rig, &rig.acme, &format!("{}/mood", receiver.url), json!({})).await;
    receiver.mailbox.is_down.store(true, Ordering::SeqCst);
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(tell(&rig, "acme", &hook).await);
    }
    for one in &sent {
        let dead = becomes(&rig, &rig.acme, &hook, one, "failed").await;
        // The first attempt, and one after each pause.
        assert_eq!((&dead["attempts"], &dead["answer"]), (&json!(4), &json!(503)));
        assert_eq!(dead["failure"]["code"], "SP-NOTIFY-007");
        assert!(dead["failure"]["detail"].as_str().unwrap().contains("503"), "{dead:#}");
    }
    // They arrive in any order.
    let arrived = receiver.at("/mood");
    let before = arrived.iter().find(|arrived| arrived.header("webhook-id") == sent[0]).unwrap();
    receiver.mailbox.is_down.store(false, Ordering::SeqCst);

    let replay =
        |one: &str| rig.ask(&rig.acme, Method::POST, &format!("/v1/webhooks/{hook}/notifications/{one}:replay"));
    let (status, again) = json_of(replay(&sent[0])).await;
    assert_eq!((status, id(&again)), (StatusCode::ACCEPTED, sent[0].as_str()));
    becomes(&rig, &rig.acme, &hook, &sent[0], "delivered").await;
    let all = receiver.at("/mood");
    assert_eq!((all.last().unwrap().header("webhook-id"), &all.last().unwrap().body), (sent[0].as_str(), &before.body));

    let path = format!("/v1/webhooks/{hook}:replay-failed");
    let (_, none) = json_of(rig.post(&rig.acme, &path, &json!({"since": "2100-01-01T00:00:00Z"}))).await;
    assert_eq!(none, json!({"replayed": 0, "more": false}));
    let (status, both) = json_of(rig.ask(&rig.acme, Method::POST, &path)).await;
    assert_eq!((status, both), (StatusCode::ACCEPTED, json!({"replayed": 2, "more": false})));
    for one in &sent[1..] {
        becomes(&rig, &rig.acme, &hook, one, "delivered").await;
    }
    // What was delivered can be asked for once more, too; what is on its way can't.
    assert_eq!(json_of(replay(&sent[0])).await.0, StatusCode::ACCEPTED);
    becomes(&rig, &rig.acme, &hook, &sent[0], "delivered").await;
    let actions: Vec<String> = audit(&rig).await.into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions.iter().filter(|action| *action == "notification.replay").count(), 4, "{actions:?}");
}

#[tokio::test]
async fn a_notification_on_its_way_is_not_replayed() {
    let rig = Rig::idle().await;
    let (hook, _) = webhook(&rig, &rig.acme, "https://hooks.acme.example/", json!({})).await;
    let sent = ping(&rig, &rig.acme, &hook).await;
    // Nor is another ping sent beside one.
    for path in [format!("/v1/webhooks/{hook}/notifications/{sent}:replay"), format!("/v1/webhooks/{hook}:ping")] {
        let (status, problem) = json_of(rig.ask(&rig.acme, Method::POST, &path)).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-015")), "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(&sent), "{problem:#}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_no_more() {
    let (rig, receiver) = (Rig::working().await, Receiver::start().await);
    let (hook, _) = webhook(&rig, &rig.acme, &format!("{}/gone", receiver.url), json!({})).await;
    let report = rig.contracts(&rig.acme).await;
    rig.done(&rig.acme, id(&report)).await;
    receiver.wait("/gone", 1).await;
    let begun = Instant::now();
    let path = format!("/v1/webhooks/{hook}");
    while json_of(rig.get(&rig.acme, &path)).await.1["enabled"] == true {
        assert!(begun.elapsed() < Duration::from_secs(60), "it stays enabled");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The trail is written next.
    let entry = loop {
        let found = audit(&rig).await.into_iter().find(|entry| entry.action == "webhook.disable");
        if let Some(entry) = found {
            break entry;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing in the audit trail");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((entry.actor.kind, entry.subject.as_str()), (ActorKind::Sealpost, hook.as_str()));

    // A ping still goes there; nothing else is announced.
    let sent = ping(&rig, &rig.acme, &hook).await;
    let failed = becomes(&rig, &rig.acme, &hook, &sent, "failed").await;
    assert_eq!((&failed["failure"]["code"], &failed["answer"]), (&json!("SP-NOTIFY-006"), &json!(410)));
    let path_of_replay = format!("/v1/webhooks/{hook}/notifications/{sent}:replay");
    let (status, problem) = json_of(rig.ask(&rig.acme, Method::POST, &path_of_replay)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-015")));

    // The partner puts it right.
    let patch = json!({"url": format!("{}/ok", receiver.url), "enabled": true, "label": "moved"});
    let (status, changed) = json_of(rig.ask(&rig.acme, Method::PATCH, &path).json(&patch)).await;
    assert_eq!((status, &changed["enabled"], &changed["label"]), (StatusCode::OK, &json!(true), &json!("moved")));
    assert_eq!(json_of(rig.ask(&rig.acme, Method::POST, &path_of_replay)).await.0, StatusCode::ACCEPTED);
    becomes(&rig, &rig.acme, &hook, &sent, "delivered").await;
}

#[tokio::test]
async fn redirects_and_large_answers_change_nothing() {
    let (rig, receiver) = (Rig::working().await, Receiver::start().await);
    let (away, _) = webhook(&rig, &rig.acme, &format!("{}/redirects", receiver.url), json!({})).await;
    let (large, _) = webhook(&rig, &rig.acme, &format!("{}/large", receiver.url), json!({})).await;
    let sent = ping(&rig, &rig.acme, &away).await;
    let failed = becomes(&rig, &rig.acme, &away, &sent, "failed").await;
    assert_eq!(failed["answer"], 307);
    assert!(receiver.at("/elsewhere").is_empty());
    let sent = ping(&rig, &rig.acme, &large).await;
    assert_eq!(becomes(&rig, &rig.acme, &large, &sent, "delivered").await["attempts"], 1);
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_nobody_else() {
    let (rig, receiver) = (Rig::working().await, Receiver::start().await);
    let (slow, _) = webhook(&rig, &rig.acme, &format!("{}/hangs", receiver.url), json!({})).await;
    let (quick, _) = webhook(&rig, &rig.globex, &format!("{}/ok", receiver.url), json!({})).await;
    // More than there are slots.
    for _ in 0..100 {
        tell(&rig, "acme", &slow).await;
    }
    receiver.wait("/hangs", 1).await;
    let sent = ping(&rig, &rig.globex, &quick).await;
    becomes(&rig, &rig.globex, &quick, &sent, "delivered").await;
    let (_, page) = json_of(rig.get(&rig.acme, &format!("/v1/webhooks/{slow}/notifications?limit=100"))).await;
    assert!(page["notifications"].as_array().unwrap().iter().any(|one| one["attempts"] == 0), "it waited for them all");
    assert!(receiver.mailbox.most_hanging.load(Ordering::SeqCst) <= 4);
}

#[tokio::test]
async fn addresses_and_members_are_checked_with_pointers() {
    let rig = Rig::idle().await;
    let make = |body: Json| json_of(rig.post(&rig.acme, "/v1/webhooks", &body));
    // Private networks are open in these tests; the rest stays closed.
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/",
        "https://0/",
        "https://a:b@acme.example/",
        "ftp://acme.example/",
        "https://acme.example:25/",
        "https://acme.example/#a",
        "acme.example",
        "",
    ] {
        let (status, problem) = make(json!({"url": url})).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("SP-REQUEST-036")), "{url}");
        assert_eq!(problem["errors"][0]["pointer"], "/url", "{url}");
    }
    let (status, problem) = make(json!({"url": "x", "label": "a\u{7}"})).await;
    let places: Vec<&Json> = problem["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("SP-REQUEST-001")));
    assert_eq!(places, ["/label", "/url"]);
    for (body, place) in [
        (json!({"url": "https://acme.example/", "events": ["report.made"]}), "/events/0"),
        (json!({"url": "https://acme.example/", "events": ["webhook.ping"]}), "/events/0"),
        (json!({"url": "https://acme.example/", "secret": "mine"}), "/secret"),
        (json!({}), ""),
    ] {
        let (status, problem) = make(body).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(place)));
    }

    for number in 0..10 {
        webhook(&rig, &rig.acme, &format!("https://acme.example/{number}"), json!({"label": "a", "enabled": false}))
            .await;
    }
    let (status, problem) = make(json!({"url": "https://acme.example/"})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-037")));
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/webhooks")).await;
    assert_eq!(list["webhooks"].as_array().unwrap().len(), 10);
    let first = id(&list["webhooks"][0]).to_owned();
    assert_eq!(list["webhooks"][0]["url"], "https://acme.example/0");
    let path = format!("/v1/webhooks/{first}");
    let (status, problem) = json_of(rig.ask(&rig.acme, Method::PATCH, &path).json(&json!({"url": "https://0/"}))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("SP-REQUEST-036")));
    assert_eq!(json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await.0, StatusCode::NOT_FOUND);
    for verb in ["", ":pong", ":ping:ping"] {
        let (status, _) = json_of(rig.ask(&rig.acme, Method::POST, &format!("{path}{verb}"))).await;
        assert!([StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&status), "{verb}: {status}");
    }
    // Everything that was done is in the trail, by whom, and without what an address may hide.
    let entries = audit(&rig).await;
    assert_eq!(entries.iter().filter(|entry| entry.action == "webhook.create").count(), 10);
    let removal = entries.iter().find(|entry| entry.action == "webhook.remove").unwrap();
    assert_eq!((removal.actor.kind, removal.subject.as_str()), (ActorKind::ApiKey, first.as_str()));
    assert!(removal.request_id.is_some());
    assert!(entries.iter().all(|entry| !entry.detail.contains("example/")), "{entries:#?}");
}

#[tokio::test]
async fn webhooks_of_others_do_not_exist() {
    let rig = Rig::idle().await;
    let (theirs, _) = webhook(&rig, &rig.acme, "https://acme.example/", json!({})).await;
    let sent = ping(&rig, &rig.acme, &theirs).await;
    let (mine, _) = webhook(&rig, &rig.globex, "https://globex.example/", json!({})).await;
    let nobody = sealpost_core::id::WebhookId::fresh().to_string();
    let nothing = sealpost_core::id::NotificationId::fresh().to_string();
    let essence = |problem: Json, asked: &[&str]| {
        let mut problem = problem;
        problem["request_id"] = Json::Null;
        asked.iter().fold(problem.to_string(), |text, id| text.replace(id, "ID"))
    };
    for (method, suffix, body) in [
        (Method::GET, "", None),
        (Method::PATCH, "", Some(json!({"enabled": false}))),
        (Method::DELETE, "", None),
        (Method::GET, "/notifications", None),
        (Method::POST, ":ping", None),
        (Method::POST, ":rotate-secret", Some(json!({}))),
        (Method::POST, ":replay-failed", Some(json!({}))),
        (Method::POST, "/notifications/NOTE:replay", None),
    ] {
        let ask = |webhook: &str, note: &str| {
            let path = format!("/v1/webhooks/{webhook}{}", suffix.replace("NOTE", note));
            let request = rig.ask(&rig.globex, method.clone(), &path);
            json_of(match &body {
                Some(body) => request.json(body),
                None => request,
            })
        };
        let (status, foreign) = ask(&theirs, &sent).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {suffix}");
        let (_, missing) = ask(&nobody, &nothing).await;
        assert_eq!(essence(foreign, &[&theirs, &sent]), essence(missing, &[&nobody, &nothing]), "{method} {suffix}");
    }
    // A notification of another's by way of one's own webhook.
    let path = format!("/v1/webhooks/{mine}/notifications/{sent}:replay");
    assert_eq!(json_of(rig.ask(&rig.globex, Method::POST, &path)).await.0, StatusCode::NOT_FOUND);
    let (_, list) = json_of(rig.get(&rig.globex, "/v1/webhooks")).await;
    assert_eq!(list["webhooks"].as_array().unwrap().len(), 1);
    let (_, page) = json_of(rig.get(&rig.acme, &format!("/v1/webhooks/{theirs}/notifications?limit=1"))).await;
    assert_eq!(id(&page["notifications"][0]), sent);
    let (_, hook) = json_of(rig.get(&rig.acme, &format!("/v1/webhooks/{theirs}"))).await;
    assert_eq!((&hook["enabled"], &hook["secret_version"]), (&json!(true), &json!(1)));
}

#[tokio::test]
async fn lists_go_page_by_page() {
    let rig = Rig::idle().await;
    let (hook, _) = webhook(&rig, &rig.acme, "https://acme.example/", json!({})).await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(tell(&rig, "acme", &hook).await);
    }
    sent.reverse();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/webhooks/{hook}/notifications?limit=2&status=pending{cursor}");
        let (status, page) = json_of(rig.get(&rig.acme, &path)).await;
        assert_eq!(status, StatusCode::OK, "{page:#}");
        found.extend(page["notifications"].as_array().unwrap().iter().map(|one| id(one).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, sent);
    for (query, parameter) in
        [("status=gone", "status"), ("limit=0", "limit"), ("cursor=x", "cursor"), ("partner=acme", "partner")]
    {
        let (status, problem) =
            json_of(rig.get(&rig.acme, &format!("/v1/webhooks/{hook}/notifications?{query}"))).await;
        assert_eq!((status, &problem["errors"][0]["parameter"]), (StatusCode::BAD_REQUEST, &json!(parameter)));
    }
}

#[tokio::test]
async fn a_signing_secret_that_can_not_be_read_is_our_fault_and_stays_ours() {
    let rig = Rig::working().await;
    let receiver = Receiver::start().await;
    let (hook, _) = webhook(&rig, &rig.acme, &format!("{}/ok", receiver.url), json!({})).await;
    let file = rig.folder.path().join("webhook-secret");
    std::fs::remove_file(&file).unwrap();
    for path in ["/v1/webhooks".to_owned(), format!("/v1/webhooks/{hook}:rotate-secret")] {
        let (status, problem) = json_of(rig.post(&rig.acme, &path, &json!({"url": "https://acme.example/"}))).await;
        if path.ends_with("secret") {
            assert_eq!(status, StatusCode::BAD_REQUEST);
            continue;
        }
        assert_eq!((status, &problem["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("SP-NOTIFY-009")));
        assert!(!problem.to_string().contains("webhook-secret"), "{problem:#}");
    }
    // An event is announced nevertheless, and waits.
    let report = rig.contracts(&rig.acme).await;
    rig.done(&rig.acme, id(&report)).await;
    let begun = Instant::now();
    loop {
        let (_, page) = json_of(rig.get(&rig.acme, &format!("/v1/webhooks/{hook}/notifications"))).await;
        let all = page["notifications"].as_array().unwrap();
        if !all.is_empty() && all.iter().all(|one| one["failure"]["code"] == "SP-NOTIFY-009") {
            assert!(all.iter().all(|one| one["status"] == "pending" && one["attempts"] == 0), "{page:#}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{page:#}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert!(receiver.at("/ok").is_empty());
}

#[tokio::test]
async fn where_webhooks_are_offered_no_longer_nothing_goes_on_waiting_for_them() {
    let rig = Rig::idle().await;
    let (hook, _) = webhook(&rig, &rig.acme, "https://acme.example/", json!({})).await;
    let sent = tell(&rig, "acme", &hook).await;
    let without = rig.flow_with(Wish { is_without_webhooks: true, ..Wish::default() }).await;
    let worked = without.work_one(&[WorkKind::Notify], &CancellationToken::new()).await.unwrap();
    assert_eq!(worked, Worked::Task);
    let failed = becomes(&rig, &rig.acme, &hook, &sent, "failed").await;
    assert_eq!((&failed["failure"]["code"], &failed["attempts"]), (&json!("SP-REQUEST-038"), &json!(0)), "{failed:#}");
    assert_eq!(without.parts().queue.depth().await.unwrap(), QueueDepth::default());
    // It is there for the day on which they are offered again.
    let replay = format!("/v1/webhooks/{hook}/notifications/{sent}:replay");
    assert_eq!(json_of(rig.ask(&rig.acme, Method::POST, &replay)).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn operators_see_dead_letters_replay_and_disable() {
    let (rig, receiver) = (Rig::working().await, Receiver::start().await);
    let (hook, _) = webhook(&rig, &rig.acme, &format!("{}/mood", receiver.url), json!({})).await;
    receiver.mailbox.is_down.store(true, Ordering::SeqCst);
    let sent = ping(&rig, &rig.acme, &hook).await;
    becomes(&rig, &rig.acme, &hook, &sent, "failed").await;
    let letters = |query: &str| json_of(rig.operate(Method::GET, &format!("/admin/v1/notifications?{query}")));
    let (status, page) = letters("status=failed&partner=acme").await;
    assert_eq!((status, id(&page["notifications"][0])), (StatusCode::OK, sent.as_str()));
    assert_eq!(page["notifications"][0]["partner"], "acme");
    assert!(letters("status=failed&partner=globex").await.1["notifications"].as_array().unwrap().is_empty());
    assert_eq!(letters("state=failed").await.0, StatusCode::BAD_REQUEST);

    receiver.mailbox.is_down.store(false, Ordering::SeqCst);
    let replay = format!("/admin/v1/notifications/{sent}:replay");
    assert_eq!(json_of(rig.operate(Method::POST, &replay)).await.0, StatusCode::ACCEPTED);
    becomes(&rig, &rig.acme, &hook, &sent, "delivered").await;

    let switch =
        |verb: &str| json_of(rig.operate(Method::POST, &format!("/admin/v1/partners/acme/webhooks/{hook}:{verb}")));
    let (status, disabled) = switch("disable").await;
    assert_eq!((status, &disabled["enabled"]), (StatusCode::OK, &json!(false)));
    let (_, list) = json_of(rig.operate(Method::GET, "/admin/v1/partners/acme/webhooks")).await;
    assert_eq!((&list["webhooks"][0]["enabled"], &list["webhooks"][0]["partner"]), (&json!(false), &json!("acme")));
    assert_eq!(json_of(rig.operate(Method::POST, &replay)).await.0, StatusCode::CONFLICT);
    assert_eq!(switch("enable").await.1["enabled"], true);
    assert_eq!(switch("remove").await.0, StatusCode::NOT_FOUND);
    let elsewhere = format!("/admin/v1/partners/globex/webhooks/{hook}:disable");
    assert_eq!(json_of(rig.operate(Method::POST, &elsewhere)).await.0, StatusCode::NOT_FOUND);
    let entries = audit(&rig).await;
    let by_operators = entries.iter().filter(|entry| entry.actor.kind == ActorKind::Operator).count();
    assert_eq!(by_operators, 3, "{entries:#?}");
}
