//! From file and environment to a checked [`Config`]. Every problem is found in one go, with its key and a hint.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_secrets::Surroundings;
use serde_json::Value as Json;

use super::{Config, Loaded};

/// The prefix of variables that override the file: `SEALPOST__API__LISTEN=0.0.0.0:8080`.
pub(crate) const PREFIX: &str = "SEALPOST__";
/// More problems than this help nobody.
const MOST_PROBLEMS: usize = 50;

/// Where variables come from; a map in tests.
pub(crate) trait Environment {
    /// All variables.
    fn variables(&self) -> Vec<(OsString, OsString)>;
}

/// The process's own environment.
pub(crate) struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variables(&self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }
}

/// The process's own environment, but of our variables only those of some blocks.
pub(crate) struct VariablesOf(pub(crate) &'static [&'static str]);

impl VariablesOf {
    /// The names of our variables that are of other blocks.
    pub(crate) fn left_out(&self) -> Vec<String> {
        let names = ProcessEnvironment.variables().into_iter().filter_map(|(name, _)| name.into_string().ok());
        let mut names: Vec<String> = names.filter(|name| !self.keeps(name)).collect();
        names.sort_unstable();
        names
    }

    fn keeps(&self, name: &str) -> bool {
        let Some(path) = name.strip_prefix(PREFIX) else { return true };
        let block = path.split_once("__").map_or(path, |(block, _)| block);
        self.0.iter().any(|kept| kept.eq_ignore_ascii_case(block))
    }
}

impl Environment for VariablesOf {
    fn variables(&self) -> Vec<(OsString, OsString)> {
        let mut all = ProcessEnvironment.variables();
        all.retain(|(name, _)| name.to_str().is_none_or(|name| self.keeps(name)));
        all
    }
}

/// Reads and checks a configuration.
///
/// # Errors
/// `SP-CONFIG-002` for an unreadable file, `SP-CONFIG-001` with every problem.
pub(crate) fn load(file: &Path, environment: &dyn Environment) -> Result<Loaded> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::new(&codes::config::UNREADABLE, format!("{}: {error}; `sealpost init` writes a starter", file.display()))
            .caused_by(error)
    })?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let base = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let config = parse(&text, environment).map_err(|error| error.context(file.display()))?;
    Ok(Loaded { config, base })
}

fn parse(text: &str, environment: &dyn Environment) -> Result<Config> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let field = FieldError::new(String::new(), error.to_string().trim().to_owned());
        Error::new(&codes::config::INVALID, "not TOML").with_fields(vec![field])
    })?;
    let mut document =
        serde_json::to_value(table).map_err(|error| Error::new(&codes::config::INVALID, error.to_string()))?;
    let mut problems = Vec::new();
    for (path, value) in overrides(environment, &mut problems) {
        set(&mut document, &path, &value);
    }
    let config = read_all(document, &mut problems);
    if let Some(config) = &config {
        further_problems(config, &mut problems);
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => {
            let detail = format!("{} problem{}", problems.len(), if problems.len() == 1 { "" } else { "s" });
            Err(Error::new(&codes::config::INVALID, detail).with_fields(problems))
        }
    }
}

/// Paths and values of our variables, each path before those that go on from it: `SEALPOST__API` sets the whole block,
/// and `SEALPOST__API__LISTEN` a member of it. A process has its variables in no order that anybody chose.
fn overrides(environment: &dyn Environment, problems: &mut Vec<FieldError>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, value) in environment.variables() {
        if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        match (name.to_str().and_then(|name| name.strip_prefix(PREFIX)), value.to_str()) {
            (Some(path), Some(value)) => found.push((path.to_lowercase(), value.to_owned())),
            // Its value is not repeated: it may be a secret.
            _ => problems.push(FieldError::new(name.to_string_lossy(), "expected UTF-8, in name and value")),
        }
    }
    found.sort();
    found
}

/// Reads the document; after each problem what is at fault is taken out and the rest is read again.
fn read_all(mut document: Json, problems: &mut Vec<FieldError>) -> Option<Config> {
    // How many elements of each list were taken out: what is found later stands that much further on in the file.
    let mut gone: BTreeMap<String, usize> = BTreeMap::new();
    while problems.len() < MOST_PROBLEMS {
        let error = match serde_path_to_error::deserialize(document.clone()) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let mut path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
        let words = error.inner().to_string();
        // The path of an unknown member ends at its parent; the words name the member.
        if let Some(unknown) = words.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'))
            && path.last().map(String::as_str) != Some(unknown.0)
        {
            path.push(unknown.0.to_owned());
        }
        problems.push(FieldError::new(place(&path, &gone), words));
        // What can't be found by its path is taken out with what it is in.
        while !remove(&mut document, &path) {
            path.pop()?;
        }
        if let Some((_, list)) = path.split_last().filter(|(last, _)| element(last).is_some()) {
            let list = place(list, &gone);
            *gone.entry(list).or_default() += 1;
        }
    }
    None
}

/// A path as the file has it: `transfer.events[1].url`.
fn place(path: &[String], gone: &BTreeMap<String, usize>) -> String {
    let mut place = String::new();
    for segment in path {
        if let Some(index) = element(segment) {
            let before = gone.get(&place).copied().unwrap_or_default();
            place.push_str(&format!("[{}]", index + before));
        } else {
            if !place.is_empty() {
                place.push('.');
            }
            place.push_str(segment);
        }
    }
    place
}

/// The index of an element of a list, which is written `[0]` in a path.
fn element(segment: &str) -> Option<usize> {
    segment.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Takes out what stands at a path. Whether there was anything.
fn remove(document: &mut Json, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let parent = parents.iter().try_fold(document, |value, segment| match value {
        Json::Array(elements) => elements.get_mut(element(segment)?),
        members => members.get_mut(segment),
    });
    match parent {
        Some(Json::Object(members)) => members.remove(last).is_some(),
        Some(Json::Array(elements)) => match element(last) {
            Some(index) if index < elements.len() => {
                elements.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// `API__LISTEN` with a value, into the document. A value is read as TOML where it is, else as text.
fn set(document: &mut Json, path: &str, value: &str) {
    let parsed = format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.and_then(|value| serde_json::to_value(value).ok()).unwrap_or_else(|| Json::from(value));
    let mut place = document;
    for key in path.split("__").map(str::to_lowercase) {
        if !place.is_object() {
            *place = Json::Object(serde_json::Map::new());
        }
        place = &mut place[key];
    }
    *place = value;
}

/// What the types can't say.
fn further_problems(config: &Config, problems: &mut Vec<FieldError>) {
    let mut problem = |key: &str, detail: String| problems.push(FieldError::new(key, detail));
    let of_transfers = config.transfer.problems(&config.webhooks);
    for found in [config.api.problems(), config.identity.problems(), of_transfers, config.deliver.problems()]
        .into_iter()
        .flatten()
    {
        problem(&found.pointer, found.detail);
    }
    for (key, detail) in config.secrets.problems() {
        problem(&format!("secrets.{key}"), detail);
    }
    if config.worker.concurrency == 0 || config.worker.concurrency > 1000 {
        problem("worker.concurrency", "expected 1 to 1000".to_owned());
    }
    if config.worker.lease_s < 5 {
        problem("worker.lease_s", "expected at least 5: a shorter lease is lost when the machine is busy".to_owned());
    }
    if config.worker.produce_attempts == 0 {
        problem("worker.produce_attempts", "expected at least 1".to_owned());
    }
    // A queue keeps such a pause; nobody waits for a report's notification longer.
    if config.webhooks.retry_after_s.len() > 50 || config.webhooks.retry_after_s.iter().any(|pause| *pause > 604_800) {
        problem("webhooks.retry_after_s", "expected at most 50 pauses, each of at most 604800 (a week)".to_owned());
    }
    if config.sources.is_empty() {
        problem("sources", "expected at least one, for example `[sources.main]` with `kind = \"mysql\"`".to_owned());
    }
    let known = |names: Vec<&str>| names.join(", ");
    for (name, settings) in &config.sources {
        let kinds: Vec<&str> = sealpost_source::SOURCES.iter().map(|entry| entry.name).collect();
        if !settings.get("kind").and_then(Json::as_str).is_some_and(|kind| kinds.contains(&kind)) {
            problem(&format!("sources.{name}.kind"), format!("expected one of {}", known(kinds)));
            continue;
        }
        let mut own = settings.clone();
        let kind = own.remove("kind");
        let entry =
            sealpost_source::SOURCES.iter().find(|entry| kind.as_ref().and_then(Json::as_str) == Some(entry.name));
        // Makes the source and connects to nothing.
        let secrets = std::sync::Arc::new(sealpost_secrets::SecretStores::new("."));
        if let Some(Err(error)) = entry.map(|entry| (entry.build)(own, secrets)) {
            problem(&format!("sources.{name}"), error.detail().to_owned());
        }
    }
    let mut ledger = config.ledger.clone();
    match ledger.remove("kind").as_ref().and_then(Json::as_str).and_then(sealpost_ledger::find) {
        None => {
            let kinds = sealpost_ledger::LEDGERS.iter().map(|entry| entry.name).collect();
            problem("ledger.kind", format!("expected one of {}", known(kinds)));
        }
        Some(entry) => {
            if let Err(error) = (entry.check)(&ledger) {
                problem("ledger", error.detail().to_owned());
            }
        }
    }
    if let Some(detail) = config.queue.problem(config.ledger.get("kind").and_then(Json::as_str)) {
        problem("queue.kind", detail);
    }
    match serde_json::from_value::<sealpost_store::StoreSettings>(Json::Object(config.store.clone())) {
        Ok(settings) => {
            for (key, detail) in settings.problems() {
                problem(&format!("store.{key}"), detail);
            }
        }
        Err(error) => problem("store", error.to_string()),
    }
    if let Some(Err(error)) =
        config.self_service.vault.as_ref().map(|place| sealpost_secrets::vault(place, &Surroundings::new(".")))
    {
        problem("self_service.vault", error.detail().to_owned());
    }
    if config.log.level.parse::<tracing_subscriber::EnvFilter>().is_err() {
        problem("log.level", "expected error, warn, info, debug, or a filter such as `info,sqlx=warn`".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Variables(Vec<(&'static str, &'static str)>);

    impl Environment for Variables {
        fn variables(&self) -> Vec<(OsString, OsString)> {
            self.0.iter().map(|(name, value)| (OsString::from(*name), OsString::from(*value))).collect()
        }
    }

    const GOOD: &str = "[sources.main]\nkind = \"sqlite\"\npath = \"db\"\n";

    #[test]
    fn a_short_file_is_enough() {
        let config = parse(GOOD, &Variables(vec![])).expect("good");
        assert_eq!(config.worker.concurrency, 4);
    }

    #[test]
    fn every_problem_is_found_at_once_with_its_key() {
        let text = format!(
            "{GOOD}[api]\nlistn = 1\n[worker]\nconcurrency = \"many\"\nlease_s = 1\n[admin]\nlisten = \"here\"\n"
        );
        let error = parse(&text, &Variables(vec![])).expect_err("bad");
        let keys: Vec<&str> = error.fields().iter().map(|field| field.pointer.as_str()).collect();
        for key in ["api.listn", "worker.concurrency", "worker.lease_s", "admin.listen"] {
            assert!(keys.contains(&key), "{key} in {keys:?}");
        }
        let listn = error.fields().iter().find(|field| field.pointer == "api.listn").expect("the misspelt key");
        assert!(listn.detail.contains("expected one of `listen`"), "the hint names what would be right: {listn:?}");
    }

    #[test]
    fn a_mistake_in_a_list_hides_no_other() {
        let text = format!(
            "{GOOD}[api]\ntrusted_proxies = [\"here\", \"10.0.0.0/8\", \"there\"]\n\
             [[transfer.events]]\nkind = \"webhook\"\n[[transfer.events]]\nkind = \"stdout\"\nfolder = 1\n\
             [worker]\nconcurency = 1\n"
        );
        let error = parse(&text, &Variables(vec![])).expect_err("bad");
        let keys: Vec<&str> = error.fields().iter().map(|field| field.pointer.as_str()).collect();
        let lists =
            ["api.trusted_proxies[0]", "api.trusted_proxies[2]", "transfer.events[0]", "transfer.events[1].folder"];
        assert_eq!(keys, [&lists[..], &["worker.concurency"]].concat());
    }

    #[test]
    fn a_source_of_events_that_amazon_refuses_is_refused_here() {
        let keys = |sink: &str| {
            let text = format!("{GOOD}[[transfer.events]]\nkind = \"eventbridge\"\n{sink}\n");
            match parse(&text, &Variables(vec![])) {
                Ok(_) => Vec::new(),
                Err(error) => error.fields().iter().map(|field| field.pointer.clone()).collect(),
            }
        };
        let at_amazon = "source = \"aws.transfer\"\naws = { endpoint = \"https://events.eu-central-1.amazonaws.com\" }";
        for refused in ["source = \"aws.transfer\"", at_amazon] {
            assert_eq!(keys(refused), ["transfer.events[0].source"]);
        }
        assert_eq!(keys("source = \"acme.transfer\""), [""; 0]);
        assert_eq!(keys("source = \"aws.transfer\"\naws = { endpoint = \"http://127.0.0.1:4010\" }"), [""; 0]);
    }

    #[test]
    fn a_ledgers_settings_are_looked_at_before_it_is_opened() {
        let keys = |ledger: &str| match parse(&format!("{GOOD}[ledger]\n{ledger}\n"), &Variables(vec![])) {
            Ok(_) => Vec::new(),
            Err(error) => error.fields().iter().map(|field| field.pointer.clone()).collect(),
        };
        assert_eq!(keys("kind = \"mysql\"\nhost = \"db\"\ndatabase = \"sealpost\"\nuser = \"sealpost\""), [""; 0]);
        assert_eq!(keys("kind = \"mysql\"\nhst = \"db\"\ndatabase = \"sealpost\"\nuser = \"sealpost\""), ["ledger"]);
        assert_eq!(keys("kind = \"sqlite\"\npth = \"ledger.sqlite\""), ["ledger"]);
        assert_eq!(keys("kind = \"dynamodb\"\ntabel = \"sealpost\""), ["ledger"]);
        assert_eq!(keys("kind = \"tape\""), ["ledger.kind"]);
    }

    #[test]
    fn a_stores_settings_are_looked_at_before_it_is_opened() {
        let keys = |store: &str| match parse(&format!("{GOOD}[store]\n{store}\n"), &Variables(vec![])) {
            Ok(_) => Vec::new(),
            Err(error) => error.fields().iter().map(|field| field.pointer.clone()).collect(),
        };
        let bucket = |more: &str| keys(&format!("kind = \"s3\"\nbucket = \"reports\"\n{more}"));
        let parts = "access_key_id = \"id\"\nsecret_access_key = \"env:A\"\nsession_token = \"env:B\"";
        let plain = "endpoint = \"http://minio:9000\"";
        let (allowed, both) = (format!("{plain}\nallow_http = true"), format!("credentials = \"env:A\"\n{parts}"));
        for good in ["prefix = \"/a/b/\"", parts, "credentials = \"env:A\"", allowed.as_str()] {
            assert_eq!(bucket(good), [""; 0], "{good}");
        }
        for (bad, key) in [
            ("prefix = \"a/../b\"", "store.prefix"),
            (plain, "store.endpoint"),
            ("access_key_id = \"id\"", "store.access_key_id"),
            ("secret_access_key = \"env:A\"", "store.access_key_id"),
            (both.as_str(), "store.credentials"),
            ("credentials = \"env:A\"\nsession_token = \"env:B\"", "store.credentials"),
        ] {
            assert_eq!(bucket(bad), [key], "{bad}");
        }
        assert_eq!(
            keys("kind = \"s3\"\nbucket = \"\"\naccess_key_id = \"id\""),
            ["store.bucket", "store.access_key_id"]
        );
        assert_eq!(keys("kind = \"local\"\npath = \"\"\nbucket = \"a/b\""), ["store.path", "store.bucket"]);
        assert_eq!(keys("kind = \"tape\""), ["store"]);
    }

    #[test]
    fn an_address_of_events_is_held_to_what_webhooks_may_have() {
        let keys = |url: &str, webhooks: &str| {
            let sink = format!("[[transfer.events]]\nkind = \"webhook\"\nurl = \"{url}\"\nsecret = \"env:HOOK\"");
            match parse(&format!("{GOOD}{sink}\n[webhooks]\n{webhooks}\n"), &Variables(vec![])) {
                Ok(_) => Vec::new(),
                Err(error) => error.fields().iter().map(|field| field.pointer.clone()).collect(),
            }
        };
        assert_eq!(keys("https://hooks.example/transfers", ""), [""; 0]);
        assert_eq!(keys("http://hooks.example/transfers", ""), ["transfer.events[0].url"]);
        assert_eq!(keys("http://hooks.example/transfers", "allow_http = true"), [""; 0]);
        assert_eq!(keys("https://10.0.0.1/transfers", ""), ["transfer.events[0].url"]);
        assert_eq!(keys("https://10.0.0.1/transfers", "allow_private = true"), [""; 0]);
    }

    #[test]
    fn bells_need_a_ledger_that_machines_share() {
        let sqs = "[queue]\nkind = \"sqs\"\nurl = \"https://sqs.eu-west-1.amazonaws.com/1/work\"\n";
        let keys = |text: String| match parse(&text, &Variables(vec![])) {
            Ok(_) => Vec::new(),
            Err(error) => error.fields().iter().map(|field| field.pointer.clone()).collect(),
        };
        assert_eq!(keys(format!("{GOOD}{sqs}")), ["queue.kind"]);
        assert_eq!(keys(format!("{GOOD}[queue]\nkind = \"ledger\"\n")), [""; 0]);
        assert_eq!(keys(format!("{GOOD}{sqs}uri = 1\n")), ["queue.uri", "queue.kind"]);
        assert_eq!(keys(format!("{GOOD}[queue]\nkind = \"ledger\"\nurl = \"x\"\n")), ["queue.url"]);
        assert_eq!(keys(format!("{GOOD}[queue]\nkind = \"sqs\"\n")), ["queue"]);
    }

    #[test]
    fn a_place_for_what_partners_hand_in_is_looked_at_before_it_is_used() {
        let keys = |place: &str| {
            let text = format!("{GOOD}[self_service]\nvault = \"{place}\"\n");
            match parse(&text, &Variables(vec![])) {
                Ok(_) => Vec::new(),
                Err(error) => error.fields().iter().map(|field| field.pointer.clone()).collect(),
            }
        };
        for good in ["file:data/secrets", "vault:secret/sealpost/partners", "aws-sm:sealpost/partners"] {
            assert_eq!(keys(good), [""; 0], "{good}");
        }
        for bad in ["env:SECRETS", "vault:secret", "vault:secret/sealpost/partners#value"] {
            assert_eq!(keys(bad), ["self_service.vault"], "{bad}");
        }
    }

    #[test]
    fn variables_override_the_file() {
        let variables = Variables(vec![
            ("SEALPOST__API__LISTEN", "0.0.0.0:9000"),
            ("SEALPOST__WORKER__CONCURRENCY", "7"),
            ("HOME", "/"),
        ]);
        let config = parse(GOOD, &variables).expect("good");
        assert_eq!((config.api.listen.port(), config.worker.concurrency), (9000, 7));
    }

    #[test]
    fn a_member_is_set_after_its_block_whatever_the_order_of_variables() {
        let whole = ("SEALPOST__API", "{ listen = \"0.0.0.0:9000\", download_link_s = 60 }");
        let member = ("SEALPOST__API__LISTEN", "0.0.0.0:9001");
        for order in [vec![whole, member], vec![member, whole]] {
            let config = parse(GOOD, &Variables(order)).expect("good");
            assert_eq!((config.api.listen.port(), config.api.download_link_s), (9001, 60));
        }
    }

    #[test]
    fn a_variable_of_ours_that_is_no_utf_8_is_refused_and_not_repeated() {
        use std::os::unix::ffi::OsStringExt;

        struct Broken(&'static str);

        impl Environment for Broken {
            fn variables(&self) -> Vec<(OsString, OsString)> {
                vec![(OsString::from(self.0), OsString::from_vec(b"hunter2\xff".to_vec()))]
            }
        }

        let error = parse(GOOD, &Broken("SEALPOST__LOG__LEVEL")).expect_err("not UTF-8");
        let keys: Vec<&str> = error.fields().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(keys, ["SEALPOST__LOG__LEVEL"]);
        assert!(!format!("{error:?} {:?}", error.fields()).contains("hunter2"));
        assert!(parse(GOOD, &Broken("HOME")).is_ok(), "others' variables may be what they like");
    }

    #[test]
    fn a_secret_in_place_of_a_reference_is_refused_and_not_repeated() {
        let error =
            parse(&format!("{GOOD}[admin]\ntoken = \"hunter2\"\n"), &Variables(vec![])).expect_err("a bare secret");
        assert!(!format!("{error:?} {:?}", error.fields()).contains("hunter2"));
    }
}
