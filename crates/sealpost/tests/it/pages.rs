//! What the pages claim about commands and configuration, held against the program. (The partner guide is typed in full:
//! see `guide.rs`.)

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use sealpost_core::connector::ConnectorSettings;
use sealpost_core::port::Transport as _;
use sealpost_deliver::{AwsTransfer, AwsTransferSettings};
use sealpost_testkit::suite::transport::TestSecrets;

const README: &str = include_str!("../../../../README.md");
const OPERATORS: &str = include_str!("../../../../docs/operators.md");
const IDENTITY: &str = include_str!("../../../../docs/identity.md");
const DEPLOY: &str = include_str!("../../../../docs/deploy-aws.md");
const OPERATE: &str = include_str!("../../../../docs/operate.md");
const TRANSFER: &str = include_str!("../../../../docs/transfer-api.md");

/// Tables of the configuration; other TOML on the pages is of partners and report types.
const TABLES: [&str; 6] = ["[api", "[admin", "[[identity.issuers]]", "[self_service]", "[webhooks]", "[transfer]"];

fn sealpost(arguments: &[&str], folder: &std::path::Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
    command.args(arguments).current_dir(folder).env_remove("SEALPOST_CONFIG").stdin(Stdio::null());
    command.output().expect("run sealpost")
}

/// The blocks of these languages.
fn blocks<'a>(page: &'a str, languages: &[&str]) -> Vec<&'a str> {
    let parts = page.split("\n```").skip(1).step_by(2);
    parts
        .filter_map(|part| part.split_once('\n'))
        .filter(|(name, _)| languages.contains(name))
        .map(|(_, text)| text)
        .collect()
}

/// The words of a command line as far as they tell anything: no comment, no quotation marks.
fn words(line: &str) -> Vec<String> {
    let line = line.split_once(" #").map_or(line, |(command, _)| command);
    let mut inside = false;
    let spaced: String = line
        .chars()
        .map(|one| {
            inside ^= one == '"';
            if inside && one == ' ' { '_' } else { one }
        })
        .collect();
    spaced.split_whitespace().map(|word| word.trim_matches(['"', '`']).to_owned()).collect()
}

/// Whether the program knows command and options: asked for help, it complains about what it does not know.
fn check(mut command: Vec<String>, place: &str) {
    command.remove(0);
    command.push("--help".to_owned());
    let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
    let output = sealpost(&arguments, &std::env::temp_dir());
    assert!(output.status.success(), "{place}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_command_on_the_pages_exists_with_its_options() {
    let mut seen = 0;
    for (name, page) in [
        ("README.md", README),
        ("docs/operators.md", OPERATORS),
        ("docs/identity.md", IDENTITY),
        ("docs/deploy-aws.md", DEPLOY),
        ("docs/operate.md", OPERATE),
    ] {
        for line in blocks(page, &["sh", "text"]).into_iter().flat_map(str::lines) {
            let line = line.trim_start_matches("$ ").trim();
            if line.starts_with("sealpost ") {
                seen += 1;
                check(words(line), &format!("{name}: {line}"));
            }
        }
    }
    assert!(seen >= 20, "only {seen} commands were found");
}

#[test]
fn every_row_of_the_readmes_table_of_commands_exists() {
    let table = README.split("\n## Commands\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the table");
    let mut seen = 0;
    for row in table.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (cell, _) = row.split_once('`').expect("a command");
        // `partner key new · list · revoke`: the words before the first verb belong to each.
        let mut parts = cell.split(" · ");
        let first = parts.next().expect("a first");
        let plain = |text: &str| -> Vec<String> {
            let told =
                |word: &&str| !word.starts_with('[') && word.chars().all(|one| one.is_ascii_lowercase() || one == '-');
            text.split_whitespace().take_while(told).map(str::to_owned).collect()
        };
        let begin = plain(first);
        let before = &begin[..begin.len().saturating_sub(1)];
        let others = parts.map(|verb| [before, &plain(verb)].concat());
        for command in std::iter::once(begin.clone()).chain(others) {
            seen += 1;
            let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
            let output = sealpost(&arguments, &std::env::temp_dir());
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            let wanted = format!("Usage: sealpost {}", command.join(" "));
            assert!(output.status.success() && shown.contains(&wanted), "README.md: `{}`", command.join(" "));
        }
    }
    assert!(seen >= 30, "only {seen} commands were found");
}

#[test]
fn every_block_of_the_configuration_on_the_pages_is_accepted() {
    let folder = tempfile::tempdir().expect("make a folder");
    let mut seen = 0;
    for (name, page) in [("docs/operators.md", OPERATORS), ("docs/identity.md", IDENTITY)] {
        for block in blocks(page, &["toml"]) {
            if !TABLES.iter().any(|table| block.starts_with(table)) {
                continue;
            }
            seen += 1;
            let text = format!("[sources.main]\nkind = \"sqlite\"\npath = \"company.sqlite\"\n{block}\n");
            std::fs::write(folder.path().join("sealpost.toml"), text).expect("write the configuration");
            let output = sealpost(&["config", "check"], folder.path());
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{name}:\n{block}\n{told}");
        }
    }
    assert!(seen >= 4, "only {seen} blocks were found");
}

/// Of a partner's file, its connectors.
#[derive(serde::Deserialize)]
struct Document {
    connectors: BTreeMap<String, ConnectorSettings>,
}

#[test]
fn every_connector_on_the_pages_is_one() {
    let mut seen = 0;
    let pages = [OPERATORS, DEPLOY].into_iter().flat_map(|page| blocks(page, &["toml"]));
    for block in pages.filter(|block| block.contains("[connectors.main")) {
        seen += 1;
        // Some show one table only.
        let rest = if block.contains("[connectors.main]") {
            String::new()
        } else {
            "[connectors.main]\nhost = \"sftp.acme.example\"\nhost_keys = []\n".to_owned()
        };
        let document: Document =
            toml::from_str(&format!("{rest}{block}\n")).unwrap_or_else(|error| panic!("{error}:\n{block}"));
        let ssh = &document.connectors["main"].ssh;
        assert!(sealpost_core::ssh_policy::find(ssh.policy.as_deref()).is_some(), "{block}");
        for exception in &ssh.legacy {
            assert!(sealpost_core::ssh_policy::legacy_kind(&exception.name).is_some(), "{block}");
        }
    }
    assert!(seen >= 5, "only {seen} blocks were found");
    for (name, _) in sealpost_core::ssh_policy::LEGACY {
        assert!(OPERATORS.contains(&format!("`{name}`")), "docs/operators.md does not name {name}");
    }
    for policy in sealpost_core::ssh_policy::POLICIES {
        assert!(
            OPERATORS.contains(&format!("| `{}` |", policy.name)),
            "docs/operators.md does not name {}",
            policy.name
        );
    }
}

#[test]
fn every_variable_that_the_pages_export_is_a_setting() {
    let folder = tempfile::tempdir().expect("make a folder");
    let database = "kind = \"mysql\"\nhost = \"db\"\ndatabase = \"d\"\nuser = \"u\"\npassword = \"env:P\"\n";
    std::fs::write(folder.path().join("sealpost.toml"), format!("[sources.main]\n{database}")).expect("write");
    let mut seen = Vec::new();
    let blocks = [DEPLOY, OPERATE].into_iter().flat_map(|page| blocks(page, &["sh", "text"]));
    for line in blocks.flat_map(str::lines) {
        let Some((name, value)) = line.trim().strip_prefix("export ").and_then(|set| set.split_once('=')) else {
            continue;
        };
        if !name.starts_with("SEALPOST__") {
            continue;
        }
        let value = value.split_once(" #").map_or(value, |(value, _)| value).trim();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.args(["config", "check"]).current_dir(folder.path()).env_remove("SEALPOST_CONFIG");
        let output = command.env(name, value).stdin(Stdio::null()).output().expect("run sealpost");
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
        seen.push(name);
    }
    // Functions have it elsewhere; who works with their settings has to say where it is.
    assert!(seen.contains(&"SEALPOST__SOURCES__MAIN__TLS__CA_FILE"), "{seen:?}");
}

#[test]
fn the_policy_on_the_page_lets_in_what_the_page_refers_to() {
    let policy = blocks(OPERATORS, &["hcl"]);
    let allowed: Vec<&str> = policy.iter().flat_map(|block| block.split("path \"").skip(1)).collect();
    let allowed: Vec<&str> = allowed.iter().filter_map(|rest| rest.split('"').next()).collect();
    let mut seen = 0;
    for rest in OPERATORS.split("vault:").skip(1) {
        let reference =
            rest.split(|end: char| end == '`' || end == '"' || end.is_whitespace()).next().unwrap_or_default();
        let path = reference.split('#').next().unwrap_or_default();
        // What is a place-holder in the table of references.
        if path.is_empty() || path.chars().any(|one| one.is_ascii_uppercase()) {
            continue;
        }
        seen += 1;
        // The examples' engine `secret` is of version 2, which has its values below `data`.
        let read = path.strip_prefix("secret/").map_or_else(|| path.to_owned(), |key| format!("secret/data/{key}"));
        let lets_in = |allowed: &&str| match allowed.strip_suffix('*') {
            Some(begin) => read.starts_with(begin),
            None => **allowed == read,
        };
        assert!(allowed.iter().any(lets_in), "vault:{reference} reads {read}; the policy has {allowed:?}");
    }
    assert!(seen >= 2, "only {seen} references were found");
}

/// Advice at night that names what can't be set costs an hour.
#[test]
fn what_the_advice_of_errors_names_can_be_set() {
    let output = sealpost(&["config", "schema"], &std::env::temp_dir());
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a JSON schema");
    // Members of partners' documents, and the values that they may have.
    let api = sealpost_api::admin_document().to_string();
    let mut seen = 0;
    for code in sealpost_core::error::codes::all() {
        for name in code.advice.split('`').skip(1).step_by(2) {
            if let Some((block, key)) = name.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                seen += 1;
                let block = &schema["properties"][block];
                let defined = block["$ref"].as_str().and_then(|place| schema.pointer(place.trim_start_matches('#')));
                let members = &defined.unwrap_or(block)["properties"];
                let key = key.trim();
                let is_there = block.is_object() && (key.is_empty() || members[key].is_object());
                assert!(is_there, "{}: `{name}` is not in the configuration", code.id);
            } else if code.advice.contains("connector")
                && name.chars().all(|one| one.is_ascii_lowercase() || one == '_')
            {
                seen += 1;
                assert!(api.contains(&format!("\"{name}\"")), "{}: connectors have no `{name}`", code.id);
            }
        }
    }
    assert!(seen >= 8, "only {seen} settings were found");
}

/// With what operators are shown, the first command of their callers is not refused, and every kind of sink is told of.
#[test]
fn the_transfer_api_is_switched_on_as_its_guide_wants_it() {
    let block = blocks(OPERATORS, &["toml"]).into_iter().find(|block| block.starts_with("[transfer]"));
    let settings: toml::Table = block.expect("a block of the transfer API").parse().expect("TOML");
    let transfer = &settings["transfer"];
    let allowed: Vec<&str> =
        transfer["user_secrets"].as_array().expect("a list").iter().filter_map(toml::Value::as_str).collect();
    let (_, used) = TRANSFER.split_once("UserSecretId=").expect("a connector");
    assert!(allowed.iter().any(|begin| used.starts_with(*begin)), "{allowed:?} does not allow the guide's command");
    assert!(transfer["listen"].is_str() && transfer["master_secret"].is_str());
    for sink in sealpost_deliver::EVENT_SINKS {
        assert!(
            OPERATORS.contains(&format!("| `{}` |", sink.name)),
            "docs/operators.md does not tell of {}",
            sink.name
        );
    }
}

/// What who follows the page applies: with the connector that Terraform made, and without one, which the program then makes.
#[test]
fn the_first_partner_on_aws_is_one_that_transfer_family_can_deliver_to() {
    let engine = AwsTransfer::new(AwsTransferSettings::default(), Arc::new(TestSecrets));
    let mut seen = 0;
    for block in blocks(DEPLOY, &["toml"]).into_iter().filter(|block| block.contains("[connectors.main]")) {
        seen += 1;
        let document: Document = toml::from_str(block).unwrap_or_else(|error| panic!("{error}:\n{block}"));
        let mut settings = document.connectors["main"].clone();
        assert!(settings.aws_connector.take().is_some(), "{block}");
        engine.accepts(&settings).unwrap_or_else(|error| panic!("{error}:\n{block}"));
        settings.aws_connector = Some("c-0123456789abcdef0".parse().expect("an id"));
        engine.accepts(&settings).unwrap_or_else(|error| panic!("{error}:\n{block}"));
    }
    assert_eq!(seen, 1, "the partner's file is no longer where it was");
}
