//! Lists: pages, filters, and what is wrong with a query.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::rig::{Rig, id, json_of};

fn ids(page: &Json) -> Vec<String> {
    page["reports"].as_array().unwrap().iter().map(|report| id(report).to_owned()).collect()
}

#[tokio::test]
async fn pages_hold_every_report_once_newest_first() {
    let rig = Rig::idle().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(id(&rig.contracts(&rig.acme).await).to_owned());
    }
    rig.contracts(&rig.globex).await;
    made.reverse();
    let mut found = Vec::new();
    let mut path = "/v1/reports?limit=3".to_owned();
    loop {
        let (status, page) = json_of(rig.get(&rig.acme, &path)).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        found.extend(ids(&page));
        // One that comes in between does not shift the pages.
        if found.len() == 3 {
            rig.contracts(&rig.acme).await;
        }
        match page["links"]["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
        assert!(page["next_cursor"].is_string() && path.contains("limit=3"));
    }
    assert_eq!(found, made);
}

#[tokio::test]
async fn filters() {
    let rig = Rig::idle().await;
    let first = rig.contracts(&rig.globex).await;
    let body = json!({"report_type": "employees.v1"});
    let (_, second) = json_of(rig.post(&rig.globex, "/v1/reports", &body)).await;
    rig.ask(&rig.globex, Method::DELETE, first["links"]["self"].as_str().unwrap()).send().await.unwrap();
    let (first, second, since) = (id(&first), id(&second), second["created_at"].as_str().unwrap());
    for (query, expected) in [
        ("status=queued".to_owned(), vec![second]),
        ("status=cancelled".to_owned(), vec![first]),
        ("status=cancelled&status=queued".to_owned(), vec![second, first]),
        ("status=cancelled,queued".to_owned(), vec![second, first]),
        ("status=failed".to_owned(), vec![]),
        ("report_type=employees.v1".to_owned(), vec![second]),
        (format!("created_from={since}"), vec![second]),
        (format!("created_to={since}"), vec![first]),
    ] {
        let (_, page) = json_of(rig.get(&rig.globex, &format!("/v1/reports?{query}"))).await;
        assert_eq!(ids(&page), expected, "{query}");
    }
}

#[tokio::test]
async fn everything_wrong_with_a_query_is_said_at_once() {
    let rig = Rig::idle().await;
    let query = "status=lost&limit=0&created_from=yesterday&cursor=abc&colour=red&report_type=A";
    let (status, problem) = json_of(rig.get(&rig.acme, &format!("/v1/reports?{query}"))).await;
    assert_eq!((status, &problem["message"]), (StatusCode::BAD_REQUEST, &json!("Invalid request parameters")));
    let mut wrong: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["parameter"].as_str().unwrap()).collect();
    wrong.sort_unstable();
    assert_eq!(wrong, ["colour", "created_from", "cursor", "limit", "report_type", "status"]);
    for query in
        ["limit=101", "limit=x", "limit=1&limit=2", "created_from=2026-02-01T00:00:00Z&created_to=2026-01-01T00:00:00Z"]
    {
        let (status, _) = json_of(rig.get(&rig.acme, &format!("/v1/reports?{query}"))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
}
