//! Where Terraform repeats what the program says, the two have to agree: an alarm on a sentence that nobody logs never rings.

use std::collections::BTreeSet;
use std::path::Path;

use crate::workspace::{files, read, root};

pub(super) fn check() -> Result<(), String> {
    let root = root();
    let modules = root.join("deploy/terraform/modules");
    let mut findings = Vec::new();

    let told = read(&root.join("crates/sealpost-core/src/identity.rs"))?;
    let repeated = read(&modules.join("identity/main.tf"))?;
    let (ours, theirs) = (scopes(&told), scopes(&repeated));
    if ours.is_empty() || ours != theirs {
        findings.push(format!("modules/identity has the scopes {theirs:?}, the program {ours:?}"));
    }

    // What stands before it is the environment's name, since an account has a key's value only once.
    let usage = "-usage-of-partner-";
    let template = root.join("deploy/terraform/environment.tf");
    for file in [root.join("crates/sealpost-api/src/authorizer.rs"), template, modules.join("api/usage.tf")] {
        if !read(&file)?.contains(usage) {
            findings.push(format!("{} does not name `{usage}…`", file.display()));
        }
    }

    let filters = read(&modules.join("observability/filters.tf"))?;
    let source = source(&root)?;
    let sentences = sentences(&filters);
    if sentences.is_empty() {
        findings.push("modules/observability/filters.tf names no log line".to_owned());
    }
    for sentence in sentences {
        if !source.contains(&sentence) {
            findings.push(format!("modules/observability waits for `{sentence}`, which the program never says"));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings.join("\n")) }
}

/// What stands in quotes and looks like a scope.
fn scopes(text: &str) -> BTreeSet<&str> {
    let quoted = text.split('"').skip(1).step_by(2);
    let is_one = |word: &&str| !word.contains(' ') && (word.ends_with(":read") || word.ends_with(":write"));
    quoted.filter(is_one).collect()
}

/// The sentences and codes of `pattern = "…"`, whose own quotes are escaped.
fn sentences(filters: &str) -> BTreeSet<String> {
    let patterns = filters.lines().filter_map(|line| line.split_once("pattern = \"")).map(|(_, pattern)| pattern);
    patterns.flat_map(|pattern| pattern.split("\\\"").skip(1).step_by(2)).map(str::to_owned).collect()
}

/// All code of the crates, as one text.
fn source(root: &Path) -> Result<String, String> {
    let mut source = String::new();
    for file in files(root)? {
        if file.starts_with("crates") && file.extension().is_some_and(|extension| extension == "rs") {
            source.push_str(&read(&root.join(file))?);
        }
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::{scopes, sentences};

    #[test]
    fn sentences_and_codes_of_patterns_are_found() {
        let filters = r#"
    a = { function = "worker", pattern = "{ ($.message = \"a report failed\") && ($.days <= 7) }" }
    b = { function = "worker", pattern = "\"tried again\" \"SP-X-001\"" }"#;
        let found: Vec<String> = sentences(filters).into_iter().collect();
        assert_eq!(found, ["SP-X-001", "a report failed", "tried again"]);
    }

    #[test]
    fn scopes_are_found_in_both_languages() {
        let rust = "#[serde(rename = \"reports:read\")]\n \"known are reports:read, reports:write\"\n";
        let terraform = "    \"reports:read\" = \"See reports\"\n";
        assert_eq!(scopes(rust), scopes(terraform));
        assert_eq!(scopes(rust).len(), 1);
    }
}
