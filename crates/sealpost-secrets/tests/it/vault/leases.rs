//! Leases of the database engine.

use serde_json::json;

use super::*;

/// A little more than half of what the leases of 600 s have: by then they are renewed.
const HALF: Duration = Duration::from_secs(301);

async fn prepared(answers: &Answers) -> SecretStores {
    Operator::of(answers).mount("database", "database", None).await;
    as_root(answers)
}

async fn pair(stores: &SecretStores) -> (String, String) {
    let whole = stores.resolve(&"vault:database/creds/report".parse().unwrap()).await.unwrap();
    let whole: Value = serde_json::from_slice(whole.expose()).unwrap();
    (whole["username"].as_str().unwrap().to_owned(), whole["password"].as_str().unwrap().to_owned())
}

#[track_caller]
fn assert_belong_together((user, password): &(String, String)) {
    assert_eq!(user.rsplit('-').next(), password.rsplit('-').next());
}

#[tokio::test]
async fn user_and_password_are_of_one_lease_however_many_ask() {
    let answers = Answers::start().await;
    let stores = Arc::new(prepared(&answers).await);
    let asking = (0..50).map(|_| {
        let stores = stores.clone();
        tokio::spawn(async move { pair(&stores).await })
    });
    let all = futures::future::join_all(asking).await;
    let first = pair(&stores).await;
    assert_belong_together(&first);
    assert!(all.into_iter().all(|pair| pair.unwrap() == first));
    assert_eq!(answers.state.count("GET database/creds/report"), 1);
    assert_eq!(text(&stores, "vault:database/creds/report#username").await.unwrap(), first.0);

    // The user was refused somewhere: another lease.
    stores.stale(&"vault:database/creds/report#password".parse().unwrap()).await;
    let second = pair(&stores).await;
    assert_belong_together(&second);
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_lease_is_renewed_by_itself_and_replaced_where_its_renewal_is_refused() {
    let answers = Answers::start().await;
    answers.state.state().lease = (600, 1);
    let stores = prepared(&answers).await;
    let first = pair(&stores).await;
    // Nobody asks for it meanwhile.
    pass(HALF).await;
    until("the lease is renewed", || answers.state.count("PUT sys/leases/renew") == 1).await;
    assert_eq!(pair(&stores).await, first);
    assert_eq!(answers.state.count("GET database/creds/report"), 1);
    // The second renewal is refused.
    pass(HALF).await;
    until("a new lease is taken", || answers.state.count("GET database/creds/report") == 2).await;
    let second = pair(&stores).await;
    assert_belong_together(&second);
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_lease_that_was_left_as_unwanted_is_renewed_by_itself_once_it_is_wanted_again() {
    const RENEWED: &str = "PUT sys/leases/renew";
    let hours = |count: u64| Duration::from_secs(count * 3600);
    let answers = Answers::start().await;
    answers.state.state().lease = (hours(50).as_secs(), 1000);
    let stores = prepared(&answers).await;
    let first = pair(&stores).await;
    // By half of its time nobody has wanted it for a day.
    pass(hours(25) + Duration::from_secs(1)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(answers.state.count(RENEWED), 0, "it is left");
    // Half of this is less than a day.
    answers.state.state().lease = (hours(46).as_secs(), 1000);
    assert_eq!(pair(&stores).await, first);
    assert_eq!(answers.state.count(RENEWED), 1);
    // Nobody asks for it meanwhile.
    pass(hours(23) + Duration::from_secs(1)).await;
    until("the lease is renewed", || answers.state.count(RENEWED) == 2).await;
    assert_eq!(pair(&stores).await, first);
    assert_eq!(answers.state.count("GET database/creds/report"), 1);
}

#[tokio::test]
async fn a_lease_whose_last_end_nears_is_replaced() {
    let answers = Answers::start().await;
    answers.state.state().lease = (600, 1000);
    let stores = prepared(&answers).await;
    let first = pair(&stores).await;
    // What renewals give from now on: the engine's longest time is nearly over.
    answers.state.state().lease = (1, 1000);
    pass(HALF).await;
    until("it was tried to be renewed", || answers.state.count("PUT sys/leases/renew") > 0).await;
    answers.state.state().lease = (3600, 1000);
    until("a new lease is taken", || answers.state.count("GET database/creds/report") == 2).await;
    assert_ne!(pair(&stores).await, first);
}

/// Stores that log in as a role, whose tokens have 600 s.
async fn as_role(answers: &Answers) -> SecretStores {
    Operator::of(answers).mount("database", "database", None).await;
    answers.state.state().token_ttl = 600;
    let auth = json!({"method": "approle", "role_id": "env:ROLE", "secret_id": "env:SECRET"});
    let variables = [("ROLE", "the-role"), ("SECRET", "the-secret")];
    stores(json!({"address": answers.address, "auth": auth}), &variables, Path::new("/nowhere"))
}

#[tokio::test]
async fn a_lease_is_replaced_before_the_token_that_it_was_taken_with_ends() {
    let answers = Answers::start().await;
    answers.state.state().tokens_end = true;
    let stores = as_role(&answers).await;
    let first = pair(&stores).await;
    // By half of the token's time, and long before half of the lease's; nobody asks for it meanwhile.
    pass(HALF).await;
    until("a new lease is taken", || answers.state.count("GET database/creds/report") == 2).await;
    let second = pair(&stores).await;
    assert_belong_together(&second);
    assert!(answers.state.state().is_alive(&first.0), "there was time to change over");
    assert!(answers.state.state().is_alive(&second.0));
    assert_eq!(answers.state.count("POST auth/approle/login"), 2);
    pass(HALF).await;
    let third = pair(&stores).await;
    assert!(!answers.state.state().is_alive(&first.0), "it ended with its token");
    assert!(answers.state.state().is_alive(&third.0));
    // A renewal would not have moved the end.
    assert_eq!(answers.state.count("PUT sys/leases/renew"), 0);
}

#[tokio::test]
async fn a_lease_goes_on_while_the_token_that_it_was_taken_with_is_renewed() {
    let answers = Answers::start().await;
    // None that could be renewed.
    answers.state.state().lease = (3600, 0);
    let stores = as_role(&answers).await;
    let first = pair(&stores).await;
    // The last time is after the end that the token began with.
    for times in 1..=3 {
        pass(HALF).await;
        until("the token is renewed", || answers.state.count("POST auth/token/renew-self") == times).await;
        assert_eq!(pair(&stores).await, first);
    }
    assert_eq!(answers.state.count("GET database/creds/report"), 1);
    assert_eq!(answers.state.count("PUT sys/leases/renew"), 0, "that is for half of its own time");
}

#[tokio::test]
async fn a_password_that_vault_changes_is_asked_for_when_it_has_changed() {
    let answers = Answers::start().await;
    let operator = Operator::of(&answers);
    operator.mount("database", "kv", Some("1")).await;
    let write = async |password: &str, ttl: u64| {
        let body = json!({"username": "report", "password": password, "ttl": ttl, "rotation_period": 86400});
        operator.ask("POST", "database/static-creds/report", body).await;
    };
    write("canary-1", 1).await;
    let stores = as_root(&answers);
    let reference = "vault:database/static-creds/report#password";
    assert_eq!(text(&stores, reference).await.unwrap(), "canary-1");
    write("canary-2", 86400).await;
    pass(Duration::from_millis(2100)).await;
    assert_eq!(text(&stores, reference).await.unwrap(), "canary-2");
}
