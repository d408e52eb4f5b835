//! `cargo xtask tidy`: the house rules that no compiler checks. A rule that fails says why it is one.

mod dependencies;
mod examples;
mod generated;
mod golden;
mod imports;
mod manifest;
mod names;
mod size;
mod words;

use std::path::{Path, PathBuf};

use crate::workspace;

/// A rule: what it is called, why it exists, and what it finds.
struct Rule {
    name: &'static str,
    sentence: &'static str,
    check: fn(&Tree) -> Result<Vec<String>, String>,
}

const RULES: &[Rule] = &[
    Rule { name: "imports", sentence: imports::SENTENCE, check: imports::check },
    Rule { name: "dependencies", sentence: dependencies::SENTENCE, check: dependencies::check },
    Rule { name: "lints", sentence: manifest::LINTS, check: manifest::check_lints },
    Rule { name: "size", sentence: size::SENTENCE, check: size::check },
    Rule { name: "names", sentence: names::SENTENCE, check: names::check },
    Rule { name: "words", sentence: words::SENTENCE, check: words::check },
    Rule { name: "codes", sentence: generated::CODES, check: generated::check_codes },
    Rule { name: "generated", sentence: generated::SENTENCE, check: generated::check },
    Rule { name: "golden", sentence: golden::SENTENCE, check: golden::check },
    Rule { name: "examples", sentence: examples::SENTENCE, check: examples::check },
];

/// The text files of the repository, read once for all rules.
struct Tree {
    root: PathBuf,
    files: Vec<File>,
}

/// A text file, with its path relative to the root.
struct File {
    path: PathBuf,
    text: String,
}

impl Tree {
    fn read(root: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        for path in workspace::files(root)? {
            // What is not UTF-8 is not text: golden files of binary formats, keys.
            if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
                files.push(File { path, text });
            }
        }
        Ok(Self { root: root.to_path_buf(), files })
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File { path: path.into(), text: (*text).into() }).collect();
        Self { root: PathBuf::new(), files }
    }

    fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.extension().is_some_and(|extension| extension == "rs"))
    }
}

impl File {
    fn name(&self) -> std::borrow::Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }
}

/// The names of the crates that have no examples in their documentation.
pub(crate) fn without_examples() -> Result<Vec<String>, String> {
    Ok(examples::without(&Tree::read(&workspace::root())?))
}

pub(crate) fn run() -> Result<(), String> {
    let tree = Tree::read(&workspace::root())?;
    let mut broken = 0;
    for rule in RULES {
        let findings = (rule.check)(&tree).map_err(|error| format!("rule {}: {error}", rule.name))?;
        if findings.is_empty() {
            println!("ok      {}", rule.name);
            continue;
        }
        broken += 1;
        println!("BROKEN  {}: {}", rule.name, rule.sentence);
        for finding in findings {
            println!("        {finding}");
        }
    }
    println!("{} rules kept, {broken} broken", RULES.len() - broken);
    if broken == 0 { Ok(()) } else { Err(format!("{broken} of {} house rules are broken", RULES.len())) }
}
