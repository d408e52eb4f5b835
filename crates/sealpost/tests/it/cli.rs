//! The command line as operators and scripts use it.

use std::process::{Command, Stdio};

use sealpost_testkit::gpg::KeySpec;
use sealpost_testkit::moto::{Moto, REGION};
use serde_json::json;

use crate::world::{Caller, World};

fn world() -> World {
    let world = World::with_sqlite(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner TEXT NOT NULL, name TEXT);
         INSERT INTO rides VALUES (1, 'acme', 'Jörg'), (2, 'acme', NULL), (3, 'bravo', 'x');",
    );
    world.report_type(
        "rides.v1",
        "title = \"Rides\"\n[parameters.least]\ntype = \"integer\"\ndefault = 0\nmin = 0\n",
        "SELECT id, name FROM rides WHERE partner = :partner_scope AND id >= :least ORDER BY id",
    );
    world
}

#[test]
fn init_writes_a_configuration_that_is_valid() {
    let folder = tempfile::tempdir().expect("make a folder");
    let sealpost = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_sealpost"))
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("run")
    };
    assert!(sealpost(&["init"]).status.success());
    assert!(sealpost(&["config", "check"]).status.success());
    assert!(String::from_utf8_lossy(&sealpost(&["config", "print"]).stdout).contains("concurrency = 4"));
    let again = sealpost(&["init"]);
    assert_eq!(again.status.code(), Some(2), "it must not write over anything");
    let schema: serde_json::Value =
        serde_json::from_slice(&sealpost(&["config", "schema"]).stdout).expect("a JSON schema");
    assert!(
        schema["properties"]["sources"]["additionalProperties"]["oneOf"]
            .as_array()
            .is_some_and(|kinds| kinds.len() >= 2)
    );
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let folder = tempfile::tempdir().expect("make a folder");
    std::fs::write(
        folder.path().join("sealpost.toml"),
        "[api]\nlisten = \"nowhere\"\ntrusted_proxies = [\"everybody\"]\n[worker]\nconcurency = 3\n[store]\nkind = \"tape\"\n[ledger]\nkind = \"mysql\"\nhst = \"db\"\n",
    )
    .expect("write");
    let output = Command::new(env!("CARGO_BIN_EXE_sealpost"))
        .args(["config", "check"])
        .current_dir(folder.path())
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for word in
        ["SP-CONFIG-001", "api.listen", "api.trusted_proxies[0]", "worker.concurency", "store", "sources", "`hst`"]
    {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[test]
fn a_folder_for_secrets_of_partners_is_warned_about_where_machines_share_the_ledger() {
    let mut world = world();
    let mysql = format!(
        "{{ kind = \"mysql\", host = \"127.0.0.1\", port = {}, database = \"a\", user = \"a\", connect_timeout_s = 1 }}",
        sealpost_testkit::server::free_port()
    );
    let sqlite = "{ kind = \"sqlite\", path = \"data/ledger.sqlite\" }";
    let dynamodb = "{ kind = \"dynamodb\", table = \"a\" }";
    for (ledger, vault, warned) in [
        (sqlite, "file:data/secrets", false),
        (mysql.as_str(), "vault:secret/sealpost/partners", false),
        (dynamodb, "aws-sm:sealpost/partners", false),
        (dynamodb, "file:data/secrets", true),
        (mysql.as_str(), "file:data/secrets", true),
    ] {
        world.variables = [("SEALPOST__LEDGER", ledger), ("SEALPOST__SELF_SERVICE__VAULT", vault)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        let checked = world.json(&["config", "check"]);
        let warnings = checked["warnings"].as_array().expect("warnings");
        assert!(warnings.iter().all(|warning| warning["pointer"] == "self_service.vault"), "{checked}");
        assert_eq!(warnings.len(), usize::from(warned), "{ledger} {vault}: {checked}");
    }
    let words = "a folder that all machines share";
    let output = world.run(&["config", "check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("is valid") && said.contains(words), "{said}");
    let output = world.run(&["--json", "doctor", "--no-connectors"]);
    assert_eq!(output.status.code(), Some(7), "the database is not there");
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let finding = findings.as_array().expect("findings").iter().find(|one| one["subject"] == "self_service.vault");
    let finding = finding.unwrap_or_else(|| panic!("no warning in {findings:#}"));
    assert_eq!((&finding["warning"], &finding["failure"]), (&json!(true), &json!(null)), "{finding}");
    assert!(finding["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{finding}");
}

#[test]
fn apply_plans_first_and_changes_nothing_twice() {
    let world = world();
    world.partner("acme", "acme");
    let folder = world.path("partners").to_string_lossy().into_owned();
    let plan = world.json(&["apply", &folder, "--plan"]);
    assert_eq!(plan[0]["action"], "create");
    assert_eq!(world.json(&["partner", "list"]), json!([]), "a plan changes nothing");
    world.apply();
    let again = world.json(&["apply", &folder]);
    assert!(again.as_array().expect("changes").iter().all(|change| change["action"] == "keep"), "{again}");

    world.write("partners/bravo.toml", "name = \"B\"\nscope = \"bravo\"\ncertificates = [\"none.asc\"]\n");
    world.write("partners/charlie.toml", "name = \"C\"\nscope = \"c\"\ngrants = [{ report = \"nothing.v9\" }]\n");
    let refused = world.run(&["apply", &folder]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("bravo.toml"));
    assert_eq!(world.json(&["partner", "list"]).as_array().map(Vec::len), Some(1), "one bad file changes nothing");
}

#[test]
fn a_connector_that_the_engine_can_not_do_is_told_by_the_plan_and_changes_nothing() {
    let mut world = world();
    world.partner("acme", "acme");
    world.apply();
    // The other engine replaces what is there, and has its logins from secrets. Nobody is asked for it: nobody is there.
    world.variables.push(("SEALPOST__DELIVER__ENGINE".to_owned(), "aws_transfer".to_owned()));
    world.partner("bravo", "bravo");
    let folder = world.path("partners").to_string_lossy().into_owned();
    for arguments in [&["apply", &folder, "--plan"][..], &["apply", &folder]] {
        let refused = world.run(arguments);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        // New, or in the ledger since another engine took it.
        for word in [
            "SP-CONFIG-004",
            "acme.toml/connectors/main",
            "bravo.toml/connectors/main",
            "existing_file",
            "user_secret",
            "2 problems; nothing was changed",
        ] {
            assert!(said.contains(word), "{word} in {said}");
        }
        assert_eq!(world.json(&["partner", "list"]).as_array().map(Vec::len), Some(1), "nothing was changed");
    }
    // It does not keep a partner from being disabled.
    std::fs::remove_file(world.path("partners/bravo.toml")).expect("remove a file");
    world.rewrite("partners/acme.toml", |text| format!("enabled = false\n{text}"));
    world.apply();
    assert_eq!(world.json(&["partner", "show", "acme"])["enabled"], false);
}

#[test]
fn a_connector_that_the_engine_fails_at_keeps_no_other_partner_from_being_applied() {
    let mut world = world();
    for partner in ["acme", "alpha", "zulu"] {
        world.partner(partner, partner);
    }
    world.apply();
    // The engine changes, and the files of two leave their connectors to the ledger, where they are as they were.
    let moto = Moto::start();
    let deliver = format!(
        "{{ engine = \"aws_transfer\", aws_transfer = {{ access_role = \"arn:aws:iam::123456789012:role/transfer\", \
         aws = {{ region = \"{REGION}\", endpoint = \"{}\", access_key_id = \"test\", \
         secret_access_key = \"file:secrets/admin-token\" }} }} }}",
        moto.endpoint()
    );
    world.variables.push(("SEALPOST__DELIVER".to_owned(), deliver));
    let silent = |text: &str| text.split("[connectors.main]").next().unwrap_or_default().to_owned();
    world.rewrite("partners/acme.toml", silent);
    world.rewrite("partners/alpha.toml", silent);
    std::fs::remove_file(world.path("partners/zulu.toml")).expect("remove a file");
    let bravo = "name = \"B\"\nscope = \"bravo\"\n[connectors.main]\nhost = \"sftp.bravo.example\"\nhost_keys = []\n\
                 existing_file = \"replace\"\n[connectors.main.user_secret]\nsecret = \"aws-sm:arn:aws:secretsmanager:\
                 eu-central-1:123456789012:secret:bravo-AbCdEf\"\n";
    world.write("partners/bravo.toml", bravo);
    let folder = world.path("partners").to_string_lossy().into_owned();
    let warned = |output: &std::process::Output| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        for word in ["connector acme/main", "connector alpha/main", "existing_file"] {
            assert!(said.contains(word), "{word} in {said}");
        }
        assert!(!said.contains("bravo/main"), "{said}");
        said
    };
    let plan = world.run(&["apply", &folder, "--prune", "--plan"]);
    assert!(plan.status.success(), "it is no mistake of the files: {}", warned(&plan));
    let said = warned(&plan);
    assert!(said.contains("warning"), "{said}");

    let applied = world.run(&["--json", "apply", &folder, "--prune"]);
    let said = warned(&applied);
    assert_eq!(applied.status.code(), Some(2), "{said}");
    assert!(said.contains("SP-DELIVER-021"), "{said}");
    let changes: serde_json::Value = serde_json::from_slice(&applied.stdout).expect("what was done all the same");
    let has = |action: &str, subject: &str| {
        let is_it = |change: &serde_json::Value| {
            change["action"] == action && change["subject"].as_str().is_some_and(|told| told.starts_with(subject))
        };
        changes.as_array().expect("changes").iter().any(is_it)
    };
    assert!(has("create", "connector bravo/main as arn:") && has("remove", "partner zulu"), "{changes}");
    let there = moto.call("transfer", "TransferService.ListConnectors", &json!({}));
    assert_eq!(there["Connectors"][0]["Url"], "sftp://sftp.bravo.example", "{there}");
    let left = world.json(&["partner", "list"]);
    let ids: Vec<&str> = left.as_array().expect("partners").iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(ids, ["acme", "alpha", "bravo"]);
}

/// A world with an issuer of tokens, and partners' files that name these clients of it.
fn world_of_clients(partners: &[(&str, &[&str])]) -> World {
    let mut world = world();
    let issuers = r#"[{ name = "idp", issuer = "https://id.example", audiences = ["x"] }]"#;
    world.variables.push(("SEALPOST__IDENTITY__ISSUERS".to_owned(), issuers.to_owned()));
    for (partner, clients) in partners {
        give(&world, partner, clients);
    }
    world.apply();
    world
}

fn give(world: &World, partner: &str, clients: &[&str]) {
    let identity = |client: &&str| format!("{{ issuer = \"idp\", subject = \"{client}\" }}");
    let identities: Vec<String> = clients.iter().map(identity).collect();
    let text = format!("name = \"{partner}\"\nscope = \"{partner}\"\nidentities = [{}]\n", identities.join(", "));
    world.write(&format!("partners/{partner}.toml"), &text);
}

fn clients(world: &World, partner: &str) -> Vec<String> {
    let shown = world.json(&["partner", "show", partner]);
    let subject = |identity: &serde_json::Value| identity["subject"].as_str().expect("text").to_owned();
    shown["identities"].as_array().map(|all| all.iter().map(subject).collect()).unwrap_or_default()
}

#[test]
fn an_identity_of_another_partner_is_told_by_the_plan_and_changes_nothing() {
    let world = world_of_clients(&[("globex", &["g"]), ("initech", &["i"])]);
    give(&world, "acme", &["a"]);
    give(&world, "globex", &["g", "i"]);
    let folder = world.path("partners").to_string_lossy().into_owned();
    let refused = |arguments: &[&str], words: &[&str]| {
        let output = world.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
        assert_eq!(world.json(&["partner", "list"]).as_array().map(Vec::len), Some(2), "nothing was changed");
    };
    let both = ["SP-CONFIG-004", "globex.toml/identities/1", "initech.toml/identities/0"];
    refused(&["apply", &folder, "--plan"], &both);
    refused(&["apply", &folder], &both);
    // One whose file says nothing of identities, or that has no file, keeps what it has.
    world.write("partners/initech.toml", "name = \"initech\"\nscope = \"initech\"\n");
    refused(&["apply", &folder], &["SP-CONFIG-004", "globex.toml/identities/1", "partner initech has it"]);
    std::fs::remove_file(world.path("partners/initech.toml")).expect("remove a file");
    refused(&["apply", &folder], &["SP-CONFIG-004", "globex.toml/identities/1", "partner initech has it"]);
}

#[test]
fn identities_move_between_files_that_are_applied_together() {
    let world = world_of_clients(&[("acme", &["a"]), ("globex", &["g", "h"]), ("initech", &["i"])]);
    // To one that is applied before, to one that is applied after, and in a circle.
    give(&world, "acme", &["g"]);
    give(&world, "globex", &["h", "i"]);
    give(&world, "initech", &["a"]);
    world.apply();
    for (partner, expected) in [("acme", &["g"][..]), ("globex", &["h", "i"]), ("initech", &["a"])] {
        assert_eq!(clients(&world, partner), expected, "{partner}");
    }

    // From one that has no file any more.
    std::fs::remove_file(world.path("partners/initech.toml")).expect("remove a file");
    give(&world, "acme", &["g", "a"]);
    let folder = world.path("partners").to_string_lossy().into_owned();
    assert_eq!(world.run(&["apply", &folder]).status.code(), Some(2), "it keeps what it has");
    world.json(&["apply", &folder, "--prune"]);
    assert_eq!(clients(&world, "acme"), ["g", "a"]);
    assert_eq!(world.json(&["partner", "list"]).as_array().map(Vec::len), Some(2));
}

#[test]
fn a_report_runs_from_the_command_line() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    let preview = world.json(&["report", "preview", "rides.v1", "--partner", "acme"]);
    assert_eq!(preview["rows"], json!([["9", "xxxx"], ["9", null]]));
    // Texts that look like something else, and what is no text.
    for (format, option) in [
        ("xlsx", "sheet_name=2026"),
        ("csv", "null_text=null"),
        ("csv", "delimiter=;"),
        ("csv", "header=false"),
        ("parquet", "zstd_level=7"),
        ("parquet", "compression=none"),
    ] {
        let with = ["report", "preview", "rides.v1", "--partner", "acme", "--format", format, "--option", option];
        assert_eq!(world.json(&with)["format"], format, "{option}");
    }
    let shown = world.json(&[
        "report",
        "run",
        "rides.v1",
        "--partner",
        "acme",
        "--param",
        "least=1",
        "--format",
        "ndjson",
        "--option",
        "decimals=string",
    ]);
    assert_eq!(shown["report"]["status"], "succeeded");
    assert_eq!(shown["deliveries"][0]["status"], "delivered", "{shown}");
    let name = shown["report"]["file_name"].as_str().expect("a name");
    let plain = world.decrypt(&world.inbox("acme").join(name));
    assert_eq!(String::from_utf8(plain).expect("UTF-8"), "{\"id\":1,\"name\":\"Jörg\"}\n{\"id\":2,\"name\":null}\n");
    let id = shown["report"]["id"].as_str().expect("an id");
    assert_eq!(world.json(&["report", "list"])[0]["id"], id);
    let text = String::from_utf8(world.run(&["report", "show", id]).stdout).expect("UTF-8");
    for word in ["succeeded", "delivered", "timeline", "intended", "host key SHA256:"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    // Only asked for: whoever works for the service sends it, not this machine.
    let asked = world.json(&["report", "redeliver", id, "--queue"]);
    assert_eq!(asked["deliveries"][1]["status"], "pending", "{asked}");
    // The same bytes again: the name is taken, so the policy `fail` refuses it, and says so.
    let again = world.run(&["report", "redeliver", id]);
    assert_eq!(again.status.code(), Some(7));
    assert!(
        String::from_utf8_lossy(&again.stdout).contains("SP-DELIVER-010"),
        "{}",
        String::from_utf8_lossy(&again.stdout)
    );
    // What failed before is no failure of this.
    assert_eq!(world.json(&["report", "cancel", id])["report"]["status"], "expired");
}

#[test]
fn a_preview_of_large_values_holds_few_of_them() {
    let world = world();
    let images = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15)
                  SELECT i, zeroblob(1048576) AS image FROM n WHERE 'acme' = :partner_scope";
    let columns = "title = \"Images\"\n[columns]\ni = { type = \"integer\" }\nimage = { type = \"bytes\" }\n";
    world.report_type("images.v1", columns, images);
    world.partner("acme", "acme");
    world.apply();
    let preview = world.json(&["report", "preview", "images.v1", "--partner", "acme"]);
    assert_eq!(preview["rows"][0], json!(["9", "(9999999 xxxxx)"]));
    assert_eq!((preview["rows"].as_array().map(Vec::len), &preview["more"]), (Some(4), &json!(true)));
}

#[test]
fn bad_asks_are_refused_before_any_work_with_every_reason() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    let refused = |arguments: &[&str], code: &str, exit: i32| {
        let output = world.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(code), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
    };
    refused(&["report", "run", "nothing.v1", "--partner", "acme"], "SP-REQUEST-002", 3);
    refused(&["report", "run", "rides.v1", "--partner", "acme", "--format", "docx"], "SP-REQUEST-004", 2);
    refused(&["report", "run", "rides.v1", "--partner", "acme", "--option", "delimiter=ab"], "SP-REQUEST-005", 2);
    refused(&["report", "run", "rides.v1", "--partner", "acme", "--param", "least=-1"], "SP-REQUEST-001", 2);
    refused(&["report", "run", "rides.v1", "--partner", "acme", "--param", "most=1"], "/parameters/most", 2);
    refused(&["report", "run", "rides.v1", "--partner", "nobody"], "SP-REQUEST-008", 3);
    assert_eq!(world.json(&["report", "list"]), json!([]), "a refused ask leaves no report");
}

#[test]
fn doctor_and_connector_test_do_what_a_job_does() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    let steps = world.json(&["connector", "test", "acme/main"]);
    let mut names: Vec<&str> =
        steps.as_array().expect("steps").iter().filter_map(|step| step["step"].as_str()).collect();
    // The server has keys of other types, too.
    names.retain(|name| *name != "announced_key");
    assert_eq!(
        names,
        ["resolve", "connect", "key_exchange", "host_key", "login", "directory", "write", "rename", "remove"]
    );
    let findings = world.json(&["doctor"]);
    assert!(findings.as_array().expect("findings").iter().all(|finding| finding["failure"].is_null()), "{findings}");
    assert!(world.names("acme").is_empty(), "a test leaves nothing behind");

    world.write("catalogue/broken.v1.toml", "title = \"x\"\n");
    world.write("catalogue/broken.v1.sql", "SELECT nothing FROM nowhere WHERE x = :partner_scope");
    let output = world.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(7));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("broken.v1.sql"),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn doctor_takes_no_prefix_of_secrets_for_a_secret() {
    let mut world = world();
    world.transfers();
    let findings = world.json(&["doctor", "--no-connectors"]);
    let secrets = findings.as_array().expect("findings").iter().find(|finding| finding["subject"] == "secrets file");
    assert_eq!(secrets.expect("a finding")["detail"], "2 references resolved", "{findings}");
}

#[test]
fn doctor_looks_at_everything_else_while_a_database_is_away() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    std::fs::rename(world.path("company.sqlite"), world.path("away.sqlite")).expect("move the database away");
    let output = world.run(&["--json", "doctor"]);
    assert_eq!(output.status.code(), Some(7));
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let failure = |subject: &str| {
        let mut all = findings.as_array().expect("findings").iter();
        all.find(|finding| finding["subject"] == subject).map(|finding| !finding["failure"].is_null())
    };
    assert_eq!(failure("source main"), Some(true), "{findings}");
    for subject in ["catalogue", "certificate of acme", "connector acme/main"] {
        assert_eq!(failure(subject), Some(false), "{subject} in {findings}");
    }
}

#[test]
fn doctor_looks_at_certificates_that_are_used() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    let expired = world.gpg.generate(&KeySpec { at: Some("20200101T000000"), expires: "1d", ..KeySpec::default() });
    let expired = json!({ "armored": world.gpg.export(&expired), "use_until": "2020-01-02T00:00:00Z" });
    let add = format!("UPDATE partners SET record = json_insert(record, '$.certificates[#]', json('{expired}'));");
    world.execute("data/ledger.sqlite", &add);
    let findings = world.json(&["doctor", "--no-connectors"]);
    let of_acme = findings.as_array().expect("findings").iter();
    assert_eq!(of_acme.filter(|finding| finding["subject"] == "certificate of acme").count(), 1, "{findings}");

    world.execute(
        "data/ledger.sqlite",
        "UPDATE partners SET record = json_remove(record, '$.certificates[1].use_until');",
    );
    assert_eq!(world.run(&["doctor", "--no-connectors"]).status.code(), Some(7), "an expired one that is used");
}

#[test]
fn keys_are_made_and_shown() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("signing.asc");
    let sealpost =
        |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_sealpost")).args(arguments).output().expect("run");
    let path = file.to_string_lossy().into_owned();
    assert!(sealpost(&["key", "generate", "Acme <a@acme.example>", "--out", &path]).status.success());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).expect("a file").permissions());
    assert_eq!(mode & 0o077, 0, "a private key is its owner's only");
    let public = folder.path().join("signing.pub.asc").to_string_lossy().into_owned();
    let shown = String::from_utf8(sealpost(&["key", "show", &public]).stdout).expect("UTF-8");
    assert!(shown.contains("fingerprint") && shown.contains("Acme <a@acme.example>"), "{shown}");
    let refused = sealpost(&["key", "show", &path]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("SP-SEAL-002"), "a private key is no certificate");

    // The private half was moved into a secret store; partners verify by the certificate.
    std::fs::remove_file(&file).expect("move the private key away");
    let before = std::fs::read(&public).expect("the certificate");
    let again = sealpost(&["key", "generate", "Acme <a@acme.example>", "--out", &path]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("signing.pub.asc"), "{again:?}");
    assert_eq!(again.status.code(), Some(2));
    assert!(!file.exists() && std::fs::read(&public).expect("the certificate") == before);
    for year in ["signing.2026", "signing.2027"] {
        let path = folder.path().join(year).to_string_lossy().into_owned();
        assert!(sealpost(&["key", "generate", "Acme <a@acme.example>", "--out", &path]).status.success());
        assert!(folder.path().join(format!("{year}.pub.asc")).exists(), "{year}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(sealpost(&["completions", shell]).stdout.len() > 1000, "{shell}");
    }
}

#[test]
fn a_result_that_nobody_gets_is_a_failure_unless_nobody_wants_it() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    let new_key = &["partner", "key", "new", "acme"][..];
    for arguments in [new_key, &["--json", "partner", "list"], &["completions", "bash"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("open /dev/full");
        let output = world.command(arguments).stdin(Stdio::null()).stdout(full).output().expect("run sealpost");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(6), "{arguments:?}: {said}");
        assert!(said.contains("SP-CONFIG-007"), "{arguments:?}: {said}");

        let mut command = world.command(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("start sealpost");
        drop(child.stdout.take());
        assert!(child.wait().expect("its end").success(), "{arguments:?}: a closed pipe is no failure");
    }
}

#[tokio::test]
async fn a_log_that_cant_be_written_stops_nothing() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    let caller = Caller::new(&world, &world.api_key("acme"));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("open /dev/full");
    let _serving = world.start_logging_to(full);
    world.answers().await;
    let (status, created) = caller.create(json!({ "report_type": "rides.v1" }), "once").await.expect("an answer");
    assert_eq!(status, 202, "{created}");
    let report = caller.ended(created["id"].as_str().expect("an id")).await;
    assert_eq!(report["deliveries"][0]["status"], "delivered", "{report}");
    assert_eq!(world.names("acme").len(), 1);
}

#[test]
fn a_database_that_is_down_stops_only_what_needs_it() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    let (database, away) = (world.path("company.sqlite"), world.path("away.sqlite"));
    std::fs::rename(&database, &away).expect("move the database away");
    assert_eq!(world.json(&["report", "list"]), json!([]));
    let tested = world.json(&["connector", "test", "acme/main"]);
    let steps = tested.as_array().expect("steps").iter().filter(|step| step["step"] != "announced_key");
    assert_eq!(steps.count(), 9, "{tested}");
    let admitted = world.json(&["report", "run", "rides.v1", "--partner", "acme", "--queue"]);
    assert_eq!(admitted["report"]["status"], "queued", "a report is admitted while the database is down");
    std::fs::rename(&away, &database).expect("bring the database back");
    // Whoever works next produces it: it is described then.
    world.json(&["report", "run", "rides.v1", "--partner", "acme", "--no-deliver"]);
    let id = admitted["report"]["id"].as_str().expect("an id");
    let started = std::time::Instant::now();
    while world.json(&["report", "show", id])["report"]["status"] != "succeeded" {
        assert!(started.elapsed() < crate::world::PATIENCE);
        world.json(&["report", "run", "rides.v1", "--partner", "acme", "--no-deliver"]);
    }
}

#[test]
fn a_disabled_partner_receives_nothing_more() {
    let world = world();
    world.partner("acme", "acme");
    world.apply();
    let queued = world.json(&["report", "run", "rides.v1", "--partner", "acme", "--queue"]);
    let document = std::fs::read_to_string(world.path("partners/acme.toml")).expect("the partner's file");
    world.write("partners/acme.toml", &format!("enabled = false\n{document}"));
    world.apply();
    let refused = world.run(&["report", "run", "rides.v1", "--partner", "acme"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("SP-REQUEST-012"));
    let mut worker = world.command(&["worker"]).stderr(Stdio::null()).spawn().expect("start a worker");
    let id = queued["report"]["id"].as_str().expect("an id").to_owned();
    let started = std::time::Instant::now();
    let report = loop {
        let shown = world.run(&["--json", "report", "show", &id]);
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
        if shown["report"]["status"] != "queued" && shown["report"]["status"] != "running" {
            break shown["report"].clone();
        }
        assert!(started.elapsed() < crate::world::PATIENCE, "{shown}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    drop(worker.kill());
    drop(worker.wait());
    assert_eq!(
        (report["status"].as_str(), report["failure"]["code"].as_str()),
        (Some("failed"), Some("SP-REQUEST-012")),
        "{report}"
    );
    assert!(world.names("acme").is_empty());
}
