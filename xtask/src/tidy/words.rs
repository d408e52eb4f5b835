//! What may not stand in a file: marks of unfinished work, and paths of one machine.

use super::Tree;
use super::dependencies::contains_word;

pub(super) const SENTENCE: &str = "What is in the tree is finished and works on every machine: open work is an issue, \
    not a mark in a file.";

// Written in two halves, so that the rule does not find itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACROS: &[&str] = &[concat!("todo", "!("), concat!("unimplemented", "!(")];
const MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    for file in &tree.files {
        // Locked dependencies and recorded data are not our words.
        if file.name() == "Cargo.lock" || file.path.components().any(|part| part.as_os_str() == "golden") {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let found = MARKS.iter().chain(MACROS).find(|mark| contains_word(line, mark));
            let found = found.or_else(|| MACHINE.iter().find(|path| starts_a_path(line, path)));
            if let Some(found) = found {
                findings.push(format!("{}:{}: {found}", file.path.display(), number + 1));
            }
        }
    }
    Ok(findings)
}

/// Whether `path` stands in the line as the beginning of an absolute path.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path)
        .any(|(at, _)| !line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || "_-.}$/*~".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::{MACHINE, MACROS, MARKS, Tree, check};

    #[test]
    fn marks_macros_and_machine_paths_are_found() {
        for bad in MARKS.iter().chain(MACROS) {
            assert_eq!(check(&Tree::of(&[("a.md", &format!("fine\n{bad} later"))])).unwrap().len(), 1, "{bad}");
        }
        for path in MACHINE {
            assert_eq!(check(&Tree::of(&[("a.md", &format!("see `{path}x`"))])).unwrap().len(), 1, "{path}");
            assert!(check(&Tree::of(&[("a.md", &format!("see crates{path}x"))])).unwrap().is_empty(), "{path}");
        }
    }

    #[test]
    fn a_template_of_a_temporary_name_is_no_mark() {
        assert!(check(&Tree::of(&[("a.sh", &format!("mktemp -d /tmp/x.{}", "X".repeat(6)))])).unwrap().is_empty());
    }
}
