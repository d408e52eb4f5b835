//! Every format has golden files.

use std::collections::BTreeSet;

use super::Tree;

pub(super) const SENTENCE: &str = "Every row of the table of formats has golden files: partners parse our bytes, so a change \
    of bytes must be seen in a diff.";

const SOURCES: &str = "crates/sealpost-format/src";
const GOLDEN: &str = "crates/sealpost-format/tests/golden";

pub(super) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let names = formats(tree);
    if names.is_empty() {
        return Ok(vec![format!("no row of the table of formats was found in {SOURCES}")]);
    }
    let has = |name: &String| {
        let folder = tree.root.join(GOLDEN).join(name);
        std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
    };
    Ok(names.iter().filter(|name| !has(name)).map(|name| format!("{GOLDEN}/{name}/ is missing or empty")).collect())
}

/// The names of the rows: `FormatEntry { name: "csv", … }`, wherever they stand.
fn formats(tree: &Tree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in tree.rust().filter(|file| file.path.starts_with(SOURCES)) {
        for (at, _) in file.text.match_indices("FormatEntry {") {
            let body = &file.text[at..];
            let body = body.split_once('}').map_or(body, |(body, _)| body);
            let name = body.split_once("name: \"").and_then(|(_, rest)| rest.split_once('"'));
            names.extend(name.map(|(name, _)| name.to_owned()));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{Tree, check, formats};

    #[test]
    fn a_row_without_golden_files_is_found() {
        let text = "use X::FormatEntry;\npub static FORMATS: &[FormatEntry] = &[\n    FormatEntry {\n        name: \"csv\",\n        summary: \"name: \\\"x\\\"\" },\n    \
                    FormatEntry { name: \"xml\", build: y },\n];\n";
        let tree = Tree::of(&[("crates/sealpost-format/src/lib.rs", text)]);
        assert_eq!(formats(&tree).into_iter().collect::<Vec<_>>(), ["csv", "xml"]);
        assert_eq!(check(&tree).unwrap().len(), 2);
    }
}
