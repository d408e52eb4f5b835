//! Removed partners: what goes with them, what stays, and where not everything can be removed.

use sealpost_testkit::aws_proxy::{AwsFault, AwsProxy};
use sealpost_testkit::moto::{Moto, REGION};
use serde_json::{Value as Json, json};

use crate::world::World;

fn world() -> World {
    let world = World::with_sqlite(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner TEXT NOT NULL);
         INSERT INTO rides VALUES (1, 'acme'), (2, 'bravo');",
    );
    let sql = "SELECT id FROM rides WHERE partner = :partner_scope ORDER BY id";
    world.report_type("rides.v1", "title = \"Rides\"\n", sql);
    world
}

/// From now on the engine is AWS Transfer Family, at this address.
fn deliver_by(world: &mut World, endpoint: &str) {
    let deliver = format!(
        "{{ engine = \"aws_transfer\", aws_transfer = {{ access_role = \"arn:aws:iam::123456789012:role/transfer\", \
         aws = {{ region = \"{REGION}\", endpoint = \"{endpoint}\", access_key_id = \"test\", \
         secret_access_key = \"file:secrets/admin-token\" }} }} }}"
    );
    world.variables.push(("SEALPOST__DELIVER".to_owned(), deliver));
}

/// A partner whose connector the service can do.
fn by_the_service(world: &World, partner: &str) {
    let text = format!(
        "name = \"{partner}\"\nscope = \"{partner}\"\n[connectors.main]\nhost = \"sftp.{partner}.example\"\nhost_keys = []\n\
         existing_file = \"replace\"\n[connectors.main.user_secret]\nsecret = \"aws-sm:arn:aws:secretsmanager:\
         eu-central-1:123456789012:secret:{partner}-AbCdEf\"\n"
    );
    world.write(&format!("partners/{partner}.toml"), &text);
}

fn remove_file(world: &World, partner: &str) {
    std::fs::remove_file(world.path(&format!("partners/{partner}.toml"))).expect("remove a file");
}

/// Whether it succeeded, what was done, and what was said.
fn prune(world: &World) -> (bool, Json, String) {
    let folder = world.path("partners");
    let output = world.run(&["--json", "apply", &folder.to_string_lossy(), "--prune"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let changes = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.success(), changes, said)
}

fn is_removed(changes: &Json, subject: &str) -> bool {
    let is_it = |change: &Json| {
        change["action"] == "remove" && change["subject"].as_str().is_some_and(|told| told.starts_with(subject))
    };
    changes.as_array().expect("changes").iter().any(is_it)
}

fn partners(world: &World) -> Vec<String> {
    let all = world.json(&["partner", "list"]);
    let ids = all.as_array().expect("partners").iter().filter_map(|one| one["id"].as_str());
    ids.map(str::to_owned).collect()
}

/// The tag of the service's connector to this partner's server, where there is one.
fn tag(moto: &Moto, partner: &str) -> Option<String> {
    let ask = |operation: &str, body: Json| moto.call("transfer", &format!("TransferService.{operation}"), &body);
    let all = ask("ListConnectors", json!({}));
    let url = format!("sftp://sftp.{partner}.example");
    let one = all["Connectors"].as_array()?.iter().find(|one| one["Url"].as_str() == Some(url.as_str()))?;
    let described = ask("DescribeConnector", json!({"ConnectorId": one["ConnectorId"]}));
    described["Connector"]["Tags"][0]["Value"].as_str().map(str::to_owned)
}

/// Two partners, bravo and zulu, whose files go by the service behind a proxy.
fn two_by_the_service() -> (Moto, AwsProxy, World) {
    let moto = Moto::start();
    let proxy = AwsProxy::before(moto.address());
    let mut world = world();
    deliver_by(&mut world, &proxy.endpoint());
    by_the_service(&world, "bravo");
    by_the_service(&world, "zulu");
    world.apply();
    (moto, proxy, world)
}

/// From now on the service removes nothing.
fn refuse_to_remove(proxy: &AwsProxy) {
    let body = r#"{"__type": "AccessDeniedException", "Message": "on purpose"}"#;
    proxy.fault(&[AwsFault { action: "transfer:DeleteConnector", every: 1, status: 400, body, after: false }]);
}

#[test]
fn no_further_partner_is_removed_while_the_service_keeps_what_it_had_of_one() {
    let (moto, proxy, world) = two_by_the_service();
    let bravos = tag(&moto, "bravo").expect("a connector of bravo");
    remove_file(&world, "bravo");
    remove_file(&world, "zulu");
    refuse_to_remove(&proxy);
    let (is_well, changes, said) = prune(&world);
    assert!(!is_well && said.contains(&format!("`sealpost-connector={bravos}`")), "{said}");
    assert!(is_removed(&changes, "partner bravo") && !is_removed(&changes, "partner zulu"), "{changes}");
    assert_eq!(partners(&world), ["zulu"]);

    proxy.fault(&[]);
    let (is_well, changes, said) = prune(&world);
    assert!(is_well, "{said}");
    assert!(is_removed(&changes, "partner zulu") && is_removed(&changes, "connector zulu/main as arn:"), "{changes}");
    assert_eq!((partners(&world), tag(&moto, "zulu")), (Vec::new(), None));
    assert_eq!(tag(&moto, "bravo"), Some(bravos), "as it was told");
}

#[test]
fn a_partner_that_is_removed_by_hand_leaves_nothing_at_the_service_or_it_is_told() {
    let (moto, proxy, world) = two_by_the_service();
    assert!(tag(&moto, "zulu").is_some());
    assert_eq!(world.json(&["partner", "remove", "zulu"]), json!({"removed": "zulu"}));
    assert_eq!((partners(&world), tag(&moto, "zulu")), (vec!["bravo".to_owned()], None));

    let bravos = tag(&moto, "bravo").expect("a connector of bravo");
    refuse_to_remove(&proxy);
    let output = world.run(&["partner", "remove", "bravo"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(&format!("`sealpost-connector={bravos}`")), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("partner bravo removed"), "{output:?}");
    assert_eq!((partners(&world), tag(&moto, "bravo")), (Vec::new(), Some(bravos)));
}

#[test]
fn a_partner_with_work_under_way_stays_and_hides_nothing_of_what_was_done() {
    let mut world = world();
    for partner in ["acme", "bravo", "zulu"] {
        world.partner(partner, partner);
    }
    world.apply();
    world.json(&["report", "run", "rides.v1", "--partner", "bravo", "--queue"]);
    let moto = Moto::start();
    deliver_by(&mut world, &moto.endpoint());
    // Its connector stays in the ledger, where the engine can't do it.
    world.rewrite("partners/acme.toml", |text| text.split("[connectors.main]").next().unwrap_or_default().to_owned());
    remove_file(&world, "bravo");
    remove_file(&world, "zulu");
    let (is_well, changes, said) = prune(&world);
    assert!(!is_well, "{said}");
    for word in ["connector acme/main", "SP-DELIVER-021", "partner bravo", "SP-LEDGER-008"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert!(is_removed(&changes, "partner zulu") && !is_removed(&changes, "partner bravo"), "{changes}");
    assert_eq!(partners(&world), ["acme", "bravo"]);
}

#[test]
fn a_file_of_a_partner_that_was_removed_can_be_deleted() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    let shown = world.json(&["report", "run", "rides.v1", "--partner", "acme", "--no-deliver"]);
    let id = shown["report"]["id"].as_str().expect("an id");
    world.json(&["partner", "remove", "acme"]);
    let again = world.run(&["report", "redeliver", id]);
    assert_eq!(again.status.code(), Some(3), "there is nobody to send it to: {again:?}");
    assert_eq!(world.json(&["report", "cancel", id])["report"]["status"], "expired");
}
