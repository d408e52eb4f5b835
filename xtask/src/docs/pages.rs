//! What the pages of the cloud shape claim, held against what there is.

use crate::test::known;
use crate::workspace::{read, root};

const PAGES: &[&str] = &["docs/deploy-aws.md", "docs/operate.md", "deploy/jenkins/README.md"];

/// What stands in the page as code: in blocks and in lines, from `begin` on.
fn code<'a>(page: &'a str, begin: &str) -> Vec<&'a str> {
    let ends = |text: &'a str| text.split(['`', '\n']).next().unwrap_or_default().trim();
    page.match_indices(begin)
        .filter(|(at, _)| matches!(page[..*at].chars().next_back(), Some('`' | '\n')))
        .map(|(at, _)| ends(&page[at..]))
        .collect()
}

#[test]
fn every_command_of_ours_on_the_pages_exists() {
    let mut seen = 0;
    for name in PAGES {
        let page = read(&root().join(name)).unwrap();
        for line in code(&page, "cargo xtask ") {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            // Without options it names a command in a sentence.
            if line.contains(" --") {
                known(&words).unwrap_or_else(|error| panic!("{name}: `{line}`: {error}"));
                seen += 1;
            }
        }
    }
    assert!(seen >= 15, "only {seen} commands were found");
}

#[test]
fn every_alarm_is_explained() {
    let modules = root().join("deploy/terraform/modules");
    if !modules.is_dir() {
        // Somebody's checkout with their own Terraform elsewhere: no alarms of ours.
        return;
    }
    let alarms = read(&modules.join("observability/alarms.tf")).unwrap();
    let page = read(&root().join("docs/operate.md")).unwrap();
    // `alarm_name = "${var.name}-no-sweep"`, and the keys of the map whose alarms are named after them.
    let named = alarms.lines().filter_map(|line| {
        let (_, value) = line.split_once("alarm_name ")?;
        value.split_once("${var.name}-")?.1.split('"').next().map(str::to_owned)
    });
    let counted = alarms
        .lines()
        .filter(|line| line.contains("= { threshold ="))
        .filter_map(|line| line.split_once('=').map(|(key, _)| key.trim().replace('_', "-")));
    let mut seen = 0;
    for alarm in named.chain(counted).filter(|alarm| !alarm.contains("${")) {
        assert!(page.contains(&format!("`{alarm}`")), "docs/operate.md does not explain the alarm {alarm}");
        seen += 1;
    }
    assert!(seen >= 12, "only {seen} alarms were found");
}
