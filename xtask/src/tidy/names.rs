//! What a file may not be called.

use super::Tree;

pub(super) const SENTENCE: &str = "A file is called after what it does, in the field's words; a drawer for everything tells \
    nobody where to look.";

const DRAWERS: &[&str] = &[
    "util",
    "utils",
    "utility",
    "utilities",
    "common",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "prelude",
    "shared",
    "stuff",
];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    Ok(tree
        .rust()
        .filter(|file| {
            file.path
                .with_extension("")
                .components()
                .any(|part| DRAWERS.iter().any(|drawer| part.as_os_str() == *drawer))
        })
        .map(|file| file.path.display().to_string())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn a_drawer_is_found_as_a_file_and_as_a_folder() {
        let tree = Tree::of(&[
            ("crates/x/src/util.rs", ""),
            ("crates/x/src/common/read.rs", ""),
            ("crates/x/src/read.rs", ""),
        ]);
        assert_eq!(check(&tree).unwrap(), ["crates/x/src/util.rs", "crates/x/src/common/read.rs"]);
    }
}
