//! Where examples of the documentation may stand: in crates whose examples are run.

use std::path::Path;

use super::manifest::members;
use super::{File, Tree};

pub(super) const SENTENCE: &str = "A crate whose manifest says `doctest = false` has no example: nobody would run it. The step \
    `doctests` leaves these crates out, because rustdoc reads a whole library to find none.";

/// Code blocks in anything but Rust, and what rustdoc is told not to run.
const NOT_RUN: &[&str] = &["text", "ignore", "json", "sh", "sql", "toml"];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    for member in members(tree).into_iter().filter(|member| !member.doctest) {
        let sources = Path::new(&member.folder).join("src");
        for file in tree.rust().filter(|file| file.path.starts_with(&sources)) {
            let found = examples(file).into_iter();
            findings
                .extend(found.map(|line| format!("{}:{line}: {} runs no examples", file.path.display(), member.name)));
        }
    }
    Ok(findings)
}

/// The names of the crates without examples.
pub(super) fn without(tree: &Tree) -> Vec<String> {
    members(tree).into_iter().filter(|member| !member.doctest).map(|member| member.name).collect()
}

/// The lines at which an example begins, or a documentation that is not read line by line here.
fn examples(file: &File) -> Vec<usize> {
    let mut found = Vec::new();
    let mut in_block = false;
    let mut after_blank = true;
    for (number, line) in (1..).zip(file.text.lines()) {
        let line = line.trim();
        let Some(text) = documentation(line) else {
            (in_block, after_blank) = (false, true);
            if ["#[doc =", "#![doc =", "/**", "/*!"].iter().any(|start| line.starts_with(start)) {
                found.push(number);
            }
            continue;
        };
        let fence = text.trim_start();
        if let Some(words) = fence.strip_prefix("```").or_else(|| fence.strip_prefix("~~~")) {
            if !in_block && is_run(words) {
                found.push(number);
            }
            in_block = !in_block;
        } else if !in_block && after_blank && text.starts_with("     ") {
            // Four spaces and the one after the slashes make a block, too.
            found.push(number);
        }
        after_blank = text.trim().is_empty();
    }
    found
}

/// What a line of documentation says, with the space before it.
fn documentation(line: &str) -> Option<&str> {
    let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))?;
    (!text.starts_with('/')).then_some(text)
}

/// Whether rustdoc runs a block that begins with these words. One in a language that nobody named here is taken for Rust.
fn is_run(words: &str) -> bool {
    let mut words = words.split([',', ' ', '`', '~']).filter(|word| !word.is_empty());
    !words.any(|word| NOT_RUN.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::{Tree, check, without};

    const SILENT: &str = "[package]\nname = \"x\"\n\n[lib]\ndoctest = false\n";

    fn findings(manifest: &str, path: &str, text: &str) -> usize {
        check(&Tree::of(&[("crates/x/Cargo.toml", manifest), (path, text)])).unwrap().len()
    }

    #[test]
    fn an_example_that_nobody_runs_is_found() {
        for example in [
            "/// ```\n/// assert!(true);\n/// ```\n",
            "    /// Words.\n    ///\n    /// ```rust,no_run\n    /// x();\n    /// ```\n",
            "//! ~~~compile_fail,E0599\n//! x();\n//! ~~~\n",
            "/// ```text\n/// a\n/// ```\n/// ```\n/// x();\n/// ```\n",
            "/// Words.\n///\n///     x();\n",
            "#[doc = \"```\"]\n",
            "#![doc = include_str!(\"../README.md\")]\n",
            "/** Words. */\n",
        ] {
            assert_eq!(findings(SILENT, "crates/x/src/a/b.rs", example), 1, "{example}");
            assert_eq!(findings("[package]\nname = \"x\"\n", "crates/x/src/a/b.rs", example), 0, "{example}");
        }
        let tree =
            Tree::of(&[("crates/x/Cargo.toml", SILENT), ("crates/x/src/lib.rs", "/// ```\n/// x();\n/// ```\n")]);
        assert_eq!(check(&tree).unwrap(), ["crates/x/src/lib.rs:1: x runs no examples"]);
        assert_eq!(without(&tree), ["x"]);
    }

    #[test]
    fn what_is_no_example_is_left_alone() {
        for text in [
            "//! ```text\n//!      ▲\n//!\n//!      ▼\n//! ```\n",
            "/// ```ignore\n/// x();\n/// ```\n",
            "/// - a point that goes on\n///       in the next line\n",
            "// ```\n//// ```\nlet x = \"```\";\n",
        ] {
            assert_eq!(findings(SILENT, "crates/x/src/a.rs", text), 0, "{text}");
        }
        let example = "/// ```\n/// x();\n/// ```\n";
        assert_eq!(findings(SILENT, "crates/x/tests/a.rs", example), 0);
        assert_eq!(findings(SILENT, "crates/xy/src/a.rs", example), 0);
    }
}
