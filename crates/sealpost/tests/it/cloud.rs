//! The cloud shape, end to end, on emulated AWS: a Cognito token, the function `api`, SQS, the function `worker`, MySQL, OpenPGP,
//! S3, our transfer API in place of Transfer Family, OpenSSH, EventBridge, the function `events`.
//!
//! moto keeps tables, queues, buckets, secrets and tokens; the functions run as Lambda runs them, under the name `bootstrap`.
//! What Lambda and EventBridge do between them (poll the queue, hand over events, keep the schedule) is the test's part.

mod actions;
mod estate;
mod function;
mod traffic;

use sealpost_testkit::aws_proxy::AwsFault;
use serde_json::json;

use estate::Estate;

const REPORTS: usize = 4;

#[test]
fn moto_a_report_goes_the_whole_way_through_the_functions() {
    let estate = Estate::build();
    let token = estate.token("client-of-acme", "reports:read reports:write");
    let (mut api, mut worker, mut events) =
        (estate.function("api"), estate.function("worker"), estate.function("events"));

    // Who has no token, or one of nobody's, gets no further than the first function.
    assert_eq!(estate.call(&mut api, "", "GET", "/v1/reports", None).0, 401);
    let stranger = estate.token("client-of-nobody", "reports:read reports:write");
    assert_eq!(estate.call(&mut api, &stranger, "GET", "/v1/reports", None).0, 403);

    let (status, report) =
        estate.call(&mut api, &token, "POST", "/v1/reports", Some(json!({"report_type": "contracts.v1"})));
    assert_eq!(status, 202, "{report}");
    let id = report["id"].as_str().expect("an id").to_owned();
    // However fast the transfer is, the first look finds it under way, and the next one is due when the event says so.
    estate.hold_files();
    estate.pump_until("the first look at the transfer", &mut worker, &mut events, Estate::has_looked);
    estate.release_files();
    let ended = estate.pump_until_ended(&mut api, &mut worker, &mut events, &token, &[id]).remove(0);
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(ended["deliveries"][0]["status"], "delivered", "{ended}");

    // It was an event that said so, not the clock.
    assert!(estate.hurried() > 0, "no event of a transfer led to its delivery");

    // One file, in acme's folder of the bucket and in acme's inbox, with acme's rows and nobody else's.
    let name = ended["file"]["name"].as_str().expect("a name");
    assert_eq!(estate.inbox_names(), [name]);
    assert!(estate.keys().iter().all(|key| key.starts_with("acme/")), "{:?}", estate.keys());
    let plain = estate.decrypt(name);
    assert_eq!(plain.matches("acme-employee").count(), estate::ROWS_OF_ACME);
    assert!(!plain.contains("bravo-employee"));

    // The file is fetched from the bucket, not through the function.
    let path = format!("/v1/reports/{}/file", ended["id"].as_str().expect("an id"));
    let (status, link) = estate.call_for_headers(&mut api, &token, "GET", &path);
    assert_eq!(status, 307, "{link}");
    assert!(link["location"].as_str().is_some_and(|link| link.contains("X-Amz-Signature")), "{link}");

    // What was deleted is gone from the bucket.
    let path = format!("/v1/reports/{}", ended["id"].as_str().expect("an id"));
    assert!(estate.call(&mut api, &token, "DELETE", &path, None).0 < 300);
    estate.pump_until("the file to be removed", &mut worker, &mut events, |estate| estate.keys().is_empty());

    let authorizer = estate.function("authorizer");
    estate.authorize(&authorizer, &token);
    estate.authorize(&authorizer, &estate.api_key());
    actions::check(&estate.called());
}

#[test]
fn moto_faults_of_every_service_end_in_one_file_each() {
    let mut estate = Estate::build();
    let token = estate.token("client-of-acme", "reports:read reports:write");
    let (mut api, mut worker, mut events) =
        (estate.function("api"), estate.function("worker"), estate.function("events"));
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate exceeded"}"#;
    let broken =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Internal server error"}"#;
    let slow = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let fault = |action, every, status, body, after| AwsFault { action, every, status, body, after };
    estate.proxy().fault(&[
        fault("dynamodb:PutItem", 5, 400, throttled, false),
        // The answer is lost, what was asked for is done.
        fault("dynamodb:PutItem", 7, 500, broken, true),
        fault("dynamodb:Query", 6, 400, throttled, false),
        fault("s3:PutObject", 2, 503, slow, false),
        fault("sqs:SendMessage", 4, 503, "{}", false),
    ]);
    // Each message comes twice.
    estate.deliver_messages_twice();

    let (mut ids, mut kills) = (Vec::new(), 0);
    for number in 0..REPORTS {
        let ask = json!({"report_type": "contracts.v1"});
        let (status, report) = estate.call_with_key(&mut api, &token, &format!("report-{number}"), ask);
        assert_eq!(status, 202, "{report}");
        ids.push(report["id"].as_str().expect("an id").to_owned());
        if number == 1 {
            // The database's password is another one from now on.
            estate.rotate_database_password();
        }
        // In the middle of its work, the worker is gone.
        kills += u32::from(estate.kill_in_the_middle(&mut worker));
    }
    assert!(kills > 0, "no worker was killed in the middle of anything");
    let ended = estate.pump_until_ended(&mut api, &mut worker, &mut events, &token, &ids);
    for report in &ended {
        assert_eq!(report["status"], "succeeded", "{report}");
        assert_eq!(report["deliveries"].as_array().map(Vec::len), Some(1), "{report}");
        assert_eq!(report["deliveries"][0]["status"], "delivered", "{report}");
    }
    let mut names: Vec<&str> = ended.iter().map(|report| report["file"]["name"].as_str().expect("a name")).collect();
    names.sort_unstable();
    assert_eq!(estate.inbox_names(), names);
    for name in names {
        assert_eq!(estate.decrypt(name).matches("acme-employee").count(), estate::ROWS_OF_ACME, "{name}");
    }
    assert!(estate.proxy().faults() > 10, "only {} faults were met", estate.proxy().faults());
}
