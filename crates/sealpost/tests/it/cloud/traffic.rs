//! What goes through the estate: calls of partners, messages to the worker, events, and the clock's.

use std::time::{Duration, Instant};

use sealpost_testkit::moto::REGION;
use serde_json::{Value as Json, json};

use super::estate::{Estate, PATIENCE, arn};
use super::function::Function;

impl Estate {
    fn request(&self, api: &Function, token: &str, method: &str, path: &str, key: &str, body: Option<Json>) -> Json {
        let mut headers = json!({"host": "api.example", "content-type": "application/json"});
        for (name, value) in [("authorization", token), ("idempotency-key", key)] {
            if !value.is_empty() {
                headers[name] =
                    json!(if name == "authorization" { format!("Bearer {value}") } else { value.to_owned() });
            }
        }
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
            "requestContext": {
                "accountId": "123456789012", "apiId": "abcdef1234", "stage": "$default", "requestId": "JKJaXmPLvHcESHA=",
                "domainName": "api.example", "time": "10/Mar/2026:05:16:23 +0000", "timeEpoch": 1_773_119_783_000_u64,
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9", "userAgent": "curl"},
            },
            "body": body.map(|body| body.to_string()), "isBase64Encoded": false,
        });
        api.invoke(&event).unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.logs()))
    }

    /// A request through the gateway: status and body.
    pub(crate) fn call(
        &self,
        api: &mut Function,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Json>,
    ) -> (u64, Json) {
        read(&self.request(api, token, method, path, "", body))
    }

    pub(crate) fn call_with_key(&self, api: &mut Function, token: &str, key: &str, body: Json) -> (u64, Json) {
        // As a client does where the answer says that it may come again.
        for _ in 0..20 {
            let answer = read(&self.request(api, token, "POST", "/v1/reports", key, Some(body.clone())));
            if answer.0 < 500 {
                return answer;
            }
        }
        panic!("20 times no answer\n{}", self.logs())
    }

    /// A request through the gateway: status and headers.
    pub(crate) fn call_for_headers(&self, api: &mut Function, token: &str, method: &str, path: &str) -> (u64, Json) {
        let answer = self.request(api, token, method, path, "", None);
        (answer["statusCode"].as_u64().unwrap_or_default(), answer["headers"].clone())
    }

    /// The authorizer lets the token through.
    pub(crate) fn authorize(&self, authorizer: &Function, token: &str) {
        let event = json!({
            "type": "TOKEN", "authorizationToken": format!("Bearer {token}"),
            "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/GET/v1/reports",
        });
        let answer = authorizer.invoke(&event).unwrap_or_else(|error| panic!("{error}\n{}", self.logs()));
        assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Allow", "{answer}");
    }

    /// What Lambda and EventBridge do all the time, until these reports and their deliveries have ended.
    pub(crate) fn pump_until_ended(
        &self,
        api: &mut Function,
        worker: &mut Function,
        events: &mut Function,
        token: &str,
        ids: &[String],
    ) -> Vec<Json> {
        let mut reports = Vec::new();
        let api = std::cell::RefCell::new(api);
        self.pump_until("the reports to end", worker, events, |estate| {
            let look = |id: &String| {
                let (status, report) =
                    estate.call(&mut api.borrow_mut(), token, "GET", &format!("/v1/reports/{id}"), None);
                (status == 200 && crate::world::is_ended(&report)).then_some(report)
            };
            reports = ids.iter().filter_map(look).collect();
            reports.len() == ids.len()
        });
        reports
    }

    pub(crate) fn pump_until(
        &self,
        what: &str,
        worker: &mut Function,
        events: &mut Function,
        mut is_so: impl FnMut(&Self) -> bool,
    ) {
        let begun = Instant::now();
        let mut last_minute = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}\n{}", self.logs());
            self.pump(worker, events);
            // A minute of the schedule is a second here.
            if last_minute.elapsed() > Duration::from_secs(1) {
                last_minute = Instant::now();
                let tick = json!({"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
                    "time": "2026-03-10T05:16:00Z", "region": REGION, "resources": [], "detail": {}});
                drop(events.invoke(&tick));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// One poll of the work queue, as an event source mapping does it, and one of the bus.
    fn pump(&self, worker: &mut Function, events: &mut Function) {
        if let Some((event, handles)) = self.batch() {
            for _ in 0..if self.twice { 2 } else { 1 } {
                let answer = worker.invoke(&event).unwrap_or_else(|error| panic!("{error}\n{}", self.logs()));
                let failed: Vec<&Json> = answer["batchItemFailures"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|one| &one["itemIdentifier"])
                    .collect();
                for (_, handle) in handles.iter().filter(|(id, _)| !failed.contains(&id)) {
                    self.delete(&self.queue, handle);
                }
            }
        }
        for message in self.receive(&self.bus_queue) {
            let event: Json = serde_json::from_str(message["Body"].as_str().expect("a body")).expect("an event");
            let answer = events.invoke(&event).unwrap_or_else(|error| panic!("{error}\n{}", self.logs()));
            self.hurried.set(self.hurried.get() + answer["hurried"].as_u64().unwrap_or_default());
            self.delete(&self.bus_queue, &message["ReceiptHandle"]);
        }
    }

    /// A batch as Lambda hands it over, with each message's id and receipt handle.
    fn batch(&self) -> Option<(Json, Vec<(Json, Json)>)> {
        let messages = self.receive(&self.queue);
        let record = |message: &Json| {
            json!({
                "messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"],
                "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {},
                "eventSource": "aws:sqs", "eventSourceARN": arn("sqs", "work"), "awsRegion": REGION,
            })
        };
        let records: Vec<Json> = messages.iter().map(record).collect();
        let handles = messages.iter().map(|message| (message["MessageId"].clone(), message["ReceiptHandle"].clone()));
        (!messages.is_empty()).then(|| (json!({"Records": records}), handles.collect()))
    }

    fn receive(&self, queue: &str) -> Vec<Json> {
        let ask = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10});
        let answer = self.moto.call("sqs", "AmazonSQS.ReceiveMessage", &ask);
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    fn delete(&self, queue: &str, handle: &Json) {
        drop(self.moto.call("sqs", "AmazonSQS.DeleteMessage", &json!({"QueueUrl": queue, "ReceiptHandle": handle})));
    }

    /// The worker gets a batch, if there is one, and is killed while it works on it. The messages come again. Whether there was one.
    pub(crate) fn kill_in_the_middle(&self, worker: &mut Function) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            if let Some((event, _)) = self.batch() {
                worker.killed_with(&event, Duration::from_millis(400));
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

fn read(answer: &Json) -> (u64, Json) {
    let body = answer["body"].as_str().unwrap_or_default();
    (answer["statusCode"].as_u64().unwrap_or_default(), serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
}
