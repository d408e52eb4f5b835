//! How long a file may be.

use super::{File, Tree};

pub(super) const SENTENCE: &str = "One verb, one file: what a person has to hold in the head at once stays short. Split it, or \
    give it a row with a reason in xtask/src/tidy/size.rs.";

/// Lines of a file without its tests.
const CODE: usize = 400;
/// Lines of a file of tests, and of a file with its tests.
const TESTS: usize = 600;

/// Files that may be longer: path, lines, why.
const EXCEPTIONS: &[(&str, usize, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>, String> {
    Ok(tree.rust().filter_map(finding).collect())
}

fn finding(file: &File) -> Option<String> {
    let all = file.text.lines().count();
    let (what, lines, limit) = if is_test(file) {
        ("tests", all, TESTS)
    } else if code_lines(&file.text) > CODE {
        ("code", code_lines(&file.text), CODE)
    } else {
        ("code and tests", all, TESTS)
    };
    let path = file.path.to_string_lossy();
    let limit = EXCEPTIONS.iter().find(|(excepted, ..)| *excepted == path).map_or(limit, |(_, lines, _)| *lines);
    (lines > limit).then(|| format!("{path}: {lines} lines of {what}, at most {limit}"))
}

fn is_test(file: &File) -> bool {
    // A behaviour suite is tests, even where it is a library for the adapters' crates.
    file.name() == "tests.rs"
        || file.path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "suite")
}

/// The lines before the test module at the bottom of the file.
fn code_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests {"));
    tests.unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::{CODE, TESTS, Tree, check};

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).unwrap()
    }

    #[test]
    fn code_is_counted_without_its_tests() {
        let code = "x\n".repeat(CODE);
        assert!(findings("src/a.rs", &format!("{code}#[cfg(test)]\nmod tests {{\n{}", "y\n".repeat(100))).is_empty());
        assert_eq!(findings("src/a.rs", &format!("{code}x\n")), ["src/a.rs: 401 lines of code, at most 400"]);
    }

    #[test]
    fn tests_may_be_longer_but_not_endless() {
        assert!(findings("tests/it/a.rs", &"x\n".repeat(TESTS)).is_empty());
        assert_eq!(
            findings("src/a/tests.rs", &"x\n".repeat(TESTS + 1)),
            ["src/a/tests.rs: 601 lines of tests, at most 600"]
        );
        let long = format!("x\n#[cfg(test)]\nmod tests {{\n{}", "y\n".repeat(TESTS));
        assert_eq!(findings("src/a.rs", &long), ["src/a.rs: 603 lines of code and tests, at most 600"]);
    }
}
