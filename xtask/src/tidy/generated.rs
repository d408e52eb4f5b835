//! Error codes, and the page that is generated from them.

use std::collections::BTreeSet;

use super::Tree;
use crate::docs::{ERRORS, errors_page, tables};

pub(super) const CODES: &str = "An error code is stable and unique, and named after its stage: people search for it, and \
    scripts compare it.";

pub(super) const SENTENCE: &str = "What is generated is up to date: every error code that can be shown can be looked up. \
    Run `cargo xtask docs`.";

pub(super) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let wanted = errors_page(&tree.root)?;
    let found = std::fs::read_to_string(tree.root.join(ERRORS)).unwrap_or_default();
    if found == wanted {
        return Ok(Vec::new());
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    let different = lines(&wanted).symmetric_difference(&lines(&found)).count();
    Ok(vec![format!("{ERRORS}: {different} lines are missing, outdated or too many")])
}

pub(super) fn check_codes(tree: &Tree) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (stage, rows) in tables(&tree.root)? {
        let prefix = format!("SP-{}-", stage.to_uppercase());
        for row in rows {
            let number = row.id.strip_prefix(&prefix).unwrap_or_default();
            if number.len() != 3 || !number.bytes().all(|digit| digit.is_ascii_digit()) {
                findings.push(format!("{stage}::{}: {} is not {prefix}nnn", row.name, row.id));
            }
            if !seen.insert(row.id.clone()) {
                findings.push(format!("{stage}::{}: {} is taken", row.name, row.id));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::{Tree, check, check_codes};

    /// A folder with one row per stage, where the request stage has these rows.
    fn folder(request: &str) -> Tree {
        let root = std::env::temp_dir().join(format!("xtask-{}-{:?}", std::process::id(), std::thread::current().id()));
        let codes = root.join("crates/sealpost-core/src/error/codes");
        std::fs::create_dir_all(&codes).unwrap();
        std::fs::create_dir_all(root.join("docs")).unwrap();
        for stage in ["source", "format", "seal", "store", "deliver", "notify", "ledger", "secrets", "config"] {
            let row = format!(
                "codes! {{ S; A = \"SP-{}-001\", Config, Operator, final, \"t\", \"a\"; }}",
                stage.to_uppercase()
            );
            std::fs::write(codes.join(format!("{stage}.rs")), row).unwrap();
        }
        std::fs::write(codes.join("request.rs"), format!("codes! {{ Request; {request} }}")).unwrap();
        Tree { root, files: Vec::new() }
    }

    #[test]
    fn a_wrong_a_repeated_and_an_undocumented_code_are_found() {
        let row = |name: &str, id: &str| format!("{name} = \"{id}\", Config, Caller, final, \"t\", \"a\";");
        let tree = folder(&[row("A", "SP-REQUEST-001"), row("B", "SP-REQUEST-001"), row("C", "SP-SEAL-009")].concat());
        assert_eq!(
            check_codes(&tree).unwrap(),
            ["request::B: SP-REQUEST-001 is taken", "request::C: SP-SEAL-009 is not SP-REQUEST-nnn"]
        );
        assert_eq!(check(&tree).unwrap().len(), 1);
        std::fs::write(tree.root.join("docs/errors.md"), crate::docs::errors_page(&tree.root).unwrap()).unwrap();
        assert!(check(&tree).unwrap().is_empty());
        std::fs::remove_dir_all(&tree.root).unwrap();
    }
}
