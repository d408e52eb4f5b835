//! Versions stand once; what is listed is used.

use super::Tree;
use super::manifest::{members, section};

pub(super) const SENTENCE: &str = "A dependency's version stands once, in the root Cargo.toml, and what a manifest lists is \
    used: every crate that is not needed is build time and a way in.";

/// Listed without being named in any source file: crate, dependency, why.
const UNNAMED: &[(&str, &str, &str)] = &[];

/// A version beside the root's: crate, dependency, why.
const OWN_VERSION: &[(&str, &str, &str)] =
    &[("sealpost-seal", "rand", "rPGP takes the random number generators of this version")];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    let mut used = Vec::new();
    for member in members(tree) {
        for dependency in &member.dependencies {
            used.push(dependency.name.clone());
            if !dependency.workspace && !excused(OWN_VERSION, &member.name, &dependency.name) {
                findings.push(format!("{} gives {} its own version", member.name, dependency.name));
            }
            if !excused(UNNAMED, &member.name, &dependency.name) && !is_named(tree, &member.folder, &dependency.name) {
                findings.push(format!("{} lists {}, which its sources don't name", member.name, dependency.name));
            }
        }
    }
    if let Some(root) = tree.files.iter().find(|file| file.path.as_os_str() == "Cargo.toml") {
        for (name, _) in section(&root.text, "workspace.dependencies") {
            if !used.iter().any(|used| used == name) {
                findings.push(format!("the root Cargo.toml lists {name}, which no member takes"));
            }
        }
    }
    Ok(findings)
}

fn excused(table: &[(&str, &str, &str)], member: &str, dependency: &str) -> bool {
    table.iter().any(|(owner, name, _)| *owner == member && *name == dependency)
}

fn is_named(tree: &Tree, folder: &str, dependency: &str) -> bool {
    let identifier = dependency.replace('-', "_");
    tree.rust().filter(|file| file.path.starts_with(folder)).any(|file| contains_word(&file.text, &identifier))
}

/// Whether the word stands in the text with neither a letter, a digit nor an underscore beside it.
pub(super) fn contains_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(part) && !text[at + word.len()..].chars().next().is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::{Tree, check, contains_word};

    #[test]
    fn an_own_version_an_unused_and_an_untaken_dependency_are_found() {
        let tree = Tree::of(&[
            ("Cargo.toml", "[workspace.dependencies]\nhex = \"0.4\"\nserde = \"1\"\n"),
            (
                "crates/x/Cargo.toml",
                "[package]\nname = \"x\"\n[dependencies]\nserde = \"1\"\nquick-xml.workspace = true\n",
            ),
            ("crates/x/src/lib.rs", "use serde::Serialize; // not quick_xmlish\n"),
        ]);
        assert_eq!(
            check(&tree).unwrap(),
            [
                "x gives serde its own version",
                "x lists quick-xml, which its sources don't name",
                "the root Cargo.toml lists hex, which no member takes",
            ]
        );
    }

    #[test]
    fn a_word_is_not_a_part_of_a_word() {
        assert!(contains_word("a::hex::b", "hex"));
        assert!(!contains_word("hexagon sub_hex", "hex"));
    }
}
