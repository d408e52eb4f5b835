//! What the rules read out of a Cargo.toml: its package, its dependencies. Line by line, which our manifests allow.

use super::Tree;

pub(super) const LINTS: &str = "Every member takes the workspace's lints (`[lints] workspace = true`), \
    so that a crate can't be laxer than the house. Who may have a table of its own has all of them in it but one.";

/// Members with a table of lints of their own: crate, the one lint of the workspace that it has otherwise, why.
const OWN_LINTS: &[(&str, &str, &str)] =
    &[("sealpost-cfb-sha1", "unsafe_code", "instructions of the processor; docs/adr/0018-unsafe-in-one-crate.md")];

/// A member's manifest.
pub(super) struct Manifest {
    /// `crates/sealpost-core`.
    pub(super) folder: String,
    /// The package's name.
    pub(super) name: String,
    /// Its dependencies, of every kind.
    pub(super) dependencies: Vec<Dependency>,
    /// Whether cargo runs the examples of its documentation.
    pub(super) doctest: bool,
    lints: bool,
}

/// A line of a dependency section.
pub(super) struct Dependency {
    pub(super) name: String,
    /// Whether only tests and benches get it.
    pub(super) dev: bool,
    /// Whether its version stands in the root manifest.
    pub(super) workspace: bool,
}

/// The members' manifests, in the order of their paths.
pub(super) fn members(tree: &Tree) -> Vec<Manifest> {
    tree.files
        .iter()
        // One with a workspace of its own is no member of ours: nothing of it gets into the product.
        .filter(|file| file.name() == "Cargo.toml" && !file.text.lines().any(|line| line.trim() == "[workspace]"))
        .filter_map(|file| {
            let folder = file.path.parent()?.to_string_lossy().into_owned();
            if folder.is_empty() { None } else { Some(parse(folder, &file.text)) }
        })
        .collect()
}

/// The entries of a section of a manifest: key and the rest of the line.
pub(super) fn section<'a>(text: &'a str, wanted: &str) -> Vec<(&'a str, &'a str)> {
    let mut inside = false;
    let mut entries = Vec::new();
    for line in text.lines() {
        if let Some(header) = line.trim().strip_prefix('[') {
            inside = header.trim_end_matches(']') == wanted;
        } else if inside && let Some(entry) = entry(line) {
            entries.push(entry);
        }
    }
    entries
}

fn entry(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    Some((key.trim(), value.trim()))
}

fn parse(folder: String, text: &str) -> Manifest {
    let mut manifest = Manifest { folder, name: String::new(), dependencies: Vec::new(), doctest: true, lints: false };
    let mut header = String::new();
    for line in text.lines() {
        if let Some(new) = line.trim().strip_prefix('[') {
            header = new.trim_end_matches(']').to_owned();
            // `[dependencies.name]`, or the same for a target.
            if let Some((section, name)) = header.rsplit_once('.')
                && section.ends_with("dependencies")
            {
                let dev = section.ends_with("dev-dependencies");
                manifest.dependencies.push(Dependency { name: name.to_owned(), dev, workspace: false });
            }
            continue;
        }
        let Some((key, value)) = entry(line) else { continue };
        if header == "package" && key == "name" {
            manifest.name = value.trim_matches('"').to_owned();
        } else if header == "lints" && key == "workspace" {
            manifest.lints = value == "true";
        } else if header == "lib" && key == "doctest" {
            manifest.doctest = value == "true";
        } else if header.ends_with("dependencies") {
            let (name, attribute) = key.split_once('.').unwrap_or((key, ""));
            let workspace = attribute == "workspace" || value.contains("workspace = true");
            let dev = header.ends_with("dev-dependencies");
            manifest.dependencies.push(Dependency { name: name.to_owned(), dev, workspace });
        } else if let Some((section, _)) = header.rsplit_once('.')
            && section.ends_with("dependencies")
            && key == "workspace"
            && let Some(last) = manifest.dependencies.last_mut()
        {
            last.workspace = value == "true";
        }
    }
    manifest
}

pub(super) fn check_lints(tree: &Tree) -> Result<Vec<String>, String> {
    let root = tree.files.iter().find(|file| file.path.as_os_str() == "Cargo.toml").map_or("", |file| &file.text);
    let mut findings = Vec::new();
    for member in members(tree).into_iter().filter(|member| !member.lints) {
        let path = format!("{}/Cargo.toml", member.folder);
        let Some((_, otherwise, _)) = OWN_LINTS.iter().find(|(name, ..)| *name == member.name) else {
            findings.push(path);
            continue;
        };
        let text = tree.files.iter().find(|file| file.path.as_os_str() == path.as_str()).map_or("", |file| &file.text);
        for tool in ["rust", "clippy"] {
            let own = section(text, &format!("lints.{tool}"));
            let laxer = section(root, &format!("workspace.lints.{tool}"))
                .into_iter()
                .filter(|entry| entry.0 != *otherwise && !own.contains(entry));
            findings.extend(laxer.map(|(lint, level)| format!("{path}: `{lint} = {level}` is missing")));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::{Tree, check_lints, parse};

    #[test]
    fn every_way_to_write_a_dependency_is_read() {
        let text = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = { workspace = true, features = [\"f\"] }\nc = \"1\"\n\
                    [dev-dependencies]\nd.workspace = true\n[dependencies.e]\nworkspace = true\n[lints]\nworkspace = true\n";
        let manifest = parse("crates/x".into(), text);
        let read: Vec<(&str, bool, bool)> = manifest
            .dependencies
            .iter()
            .map(|dependency| (dependency.name.as_str(), dependency.dev, dependency.workspace))
            .collect();
        assert_eq!(
            read,
            [("a", false, true), ("b", false, true), ("c", false, false), ("d", true, true), ("e", false, true)]
        );
        assert!(manifest.lints);
        assert_eq!(manifest.name, "x");
    }

    #[test]
    fn a_member_without_the_lints_is_found() {
        let tree = Tree::of(&[
            ("crates/x/Cargo.toml", "[package]\nname = \"x\"\n"),
            ("crates/x/peer/Cargo.toml", "[package]\nname = \"peer\"\n\n[workspace]\n"),
            ("Cargo.toml", "[workspace]\n"),
        ]);
        assert_eq!(check_lints(&tree).unwrap(), ["crates/x/Cargo.toml"]);
        let apart = Tree::of(&[("crates/x/y/Cargo.toml", "[package]\nname = \"y\"\n\n[workspace]\n")]);
        assert!(check_lints(&apart).unwrap().is_empty());
    }
    #[test]
    fn a_table_of_its_own_lacks_nothing_but_its_one_lint() {
        let root = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\nmissing_docs = \"warn\"\n\
                    [workspace.lints.clippy]\nall = { level = \"warn\", priority = -1 }\n";
        let findings = |lints: &str| {
            let own = format!("[package]\nname = \"sealpost-cfb-sha1\"\n{lints}");
            check_lints(&Tree::of(&[("Cargo.toml", root), ("crates/sealpost-cfb-sha1/Cargo.toml", &own)])).unwrap()
        };
        let clippy = "[lints.clippy]\nall = { level = \"warn\", priority = -1 }\n";
        assert!(findings(&format!("[lints.rust]\nmissing_docs = \"warn\"\n{clippy}")).is_empty());
        assert_eq!(
            findings(&format!("[lints.rust]\nmissing_docs = \"allow\"\n{clippy}")),
            ["crates/sealpost-cfb-sha1/Cargo.toml: `missing_docs = \"warn\"` is missing"]
        );
        assert_eq!(findings("[lints.rust]\nmissing_docs = \"warn\"\n").len(), 1);
    }
}
