//! Which of our crates may import which: core ← stages ← pipeline ← api ← sealpost.

use super::Tree;
use super::manifest::{Manifest, members};

pub(super) const SENTENCE: &str = "core <- stages <- pipeline <- api <- sealpost; stages never see each other, so that a stage \
    can be read, tested and replaced alone; only the composition root names concrete adapters.";

const CORE: &str = "sealpost-core";
const AWS: &str = "sealpost-aws";
const CFB_SHA1: &str = "sealpost-cfb-sha1";
const STORE: &str = "sealpost-store";

/// What a crate may import of ours. What only its tests use is free.
enum May {
    Only(&'static [&'static str]),
    /// Everything but what exists for tests.
    AllButTestkit,
    All,
}

const TABLE: &[(&str, May)] = &[
    (CORE, May::Only(&[])),
    // Calls to AWS, and signatures as AWS has them: below the stages that make such calls.
    (AWS, May::Only(&[CORE])),
    // A loop of one stage, apart because it is the one place with `unsafe`.
    (CFB_SHA1, May::Only(&[])),
    ("sealpost-source", May::Only(&[CORE])),
    ("sealpost-format", May::Only(&[CORE])),
    ("sealpost-seal", May::Only(&[CORE, CFB_SHA1])),
    (STORE, May::Only(&[CORE])),
    ("sealpost-deliver", May::Only(&[CORE, AWS])),
    ("sealpost-ledger", May::Only(&[CORE, AWS])),
    ("sealpost-secrets", May::Only(&[CORE, AWS])),
    ("sealpost-identity", May::Only(&[CORE])),
    // Servers in front of the store.
    ("sealpost-inbound", May::Only(&[CORE, STORE])),
    // Both tasks meet at the store.
    ("sealpost-pipeline", May::Only(&[CORE, STORE])),
    ("sealpost-api", May::Only(&[CORE, AWS, "sealpost-pipeline"])),
    ("sealpost", May::AllButTestkit),
    ("sealpost-testkit", May::Only(&[CORE])),
    ("sealpost-e2e", May::All),
    ("sealpost-bench", May::All),
    // No dependency at all, so that it starts at once.
    ("xtask", May::Only(&[])),
];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    for member in members(tree) {
        let folder = member.folder.rsplit('/').next().unwrap_or_default();
        if folder != member.name {
            findings
                .push(format!("{}: the package is called {}; folder name = crate name", member.folder, member.name));
        }
        if member.name == "xtask" && !member.dependencies.is_empty() {
            findings.push("xtask has a dependency; without any it starts seconds after a clone".into());
        }
        match TABLE.iter().find(|(name, _)| *name == member.name) {
            Some((_, may)) => findings.extend(forbidden(&member, may)),
            None => findings.push(format!("{}: give it a row in xtask/src/tidy/imports.rs", member.name)),
        }
    }
    Ok(findings)
}

fn forbidden(member: &Manifest, may: &May) -> Vec<String> {
    member
        .dependencies
        .iter()
        .filter(|dependency| !dependency.dev && dependency.name.starts_with("sealpost"))
        .filter(|dependency| match may {
            May::Only(names) => !names.contains(&dependency.name.as_str()),
            May::AllButTestkit => dependency.name == "sealpost-testkit",
            May::All => false,
        })
        .map(|dependency| format!("{} imports {}", member.name, dependency.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    fn manifest(name: &str, section: &str, dependency: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[{section}]\n{dependency}.workspace = true\n")
    }

    fn findings(name: &str, section: &str, dependency: &str) -> Vec<String> {
        check(&Tree::of(&[(&format!("crates/{name}/Cargo.toml"), &manifest(name, section, dependency))])).unwrap()
    }

    #[test]
    fn a_stage_that_sees_another_stage_is_found() {
        assert_eq!(
            findings("sealpost-format", "dependencies", "sealpost-seal"),
            ["sealpost-format imports sealpost-seal"]
        );
        assert_eq!(
            findings("sealpost-core", "build-dependencies", "sealpost-store"),
            ["sealpost-core imports sealpost-store"]
        );
        assert_eq!(findings("sealpost", "dependencies", "sealpost-testkit"), ["sealpost imports sealpost-testkit"]);
    }

    #[test]
    fn what_the_house_allows_passes() {
        assert!(findings("sealpost-format", "dev-dependencies", "sealpost-seal").is_empty());
        assert!(findings("sealpost-pipeline", "dependencies", "sealpost-store").is_empty());
        assert!(findings("sealpost-format", "dependencies", "serde").is_empty());
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(
            findings("sealpost-new", "dependencies", "serde"),
            ["sealpost-new: give it a row in xtask/src/tidy/imports.rs"]
        );
    }
}
