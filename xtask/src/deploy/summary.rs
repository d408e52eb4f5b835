//! A saved plan as a page that fits into a comment: what would be done to which resource.
//!
//! Names of attributes are shown, values never: a plan has secrets in clear, marked or not.

use super::json::Json;

/// GitHub takes 65,536 characters in a comment.
const LONGEST: usize = 60_000;
/// Attribute names of one resource.
const NAMES: usize = 12;

/// Whoever loses one of these loses data, keys or clients.
const HOLDS_DATA: &[&str] = &[
    "aws_cognito_user_pool",
    "aws_cognito_user_pool_client",
    "aws_db_instance",
    "aws_dynamodb_table",
    "aws_kms_key",
    "aws_rds_cluster",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
    "aws_sqs_queue",
];

/// What is planned for a resource; the order of the page, what hurts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Destroy,
    Replace,
    Change,
    Create,
    Forget,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Destroy, Self::Replace, Self::Change, Self::Create, Self::Forget];

    fn of(actions: &[Json]) -> Option<Self> {
        let words: Vec<&str> = actions.iter().filter_map(Json::text).collect();
        match words.as_slice() {
            ["create"] => Some(Self::Create),
            ["update"] => Some(Self::Change),
            ["delete"] => Some(Self::Destroy),
            ["delete", "create"] | ["create", "delete"] => Some(Self::Replace),
            ["forget"] | ["create", "forget"] => Some(Self::Forget),
            _ => None,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Destroy => "Destroyed",
            Self::Replace => "Replaced (destroyed and made again)",
            Self::Change => "Changed in place",
            Self::Create => "Created",
            Self::Forget => "No longer managed (it stays in the account)",
        }
    }

    fn counted(self) -> &'static str {
        match self {
            Self::Destroy => "to destroy",
            Self::Replace => "to replace",
            Self::Change => "to change",
            Self::Create => "to create",
            Self::Forget => "to forget",
        }
    }
}

/// One planned change.
#[derive(Debug)]
struct Change {
    kind: Kind,
    address: String,
    data: bool,
    /// Top-level attributes that differ, or that force the replacement.
    names: Vec<String>,
}

/// What a plan does.
#[derive(Debug)]
pub(super) struct Summary {
    changes: Vec<Change>,
    outputs: Vec<String>,
    drifted: usize,
    errored: bool,
}

impl Summary {
    /// Reads what `terraform show -json` printed.
    pub(super) fn of(plan: &Json) -> Result<Self, String> {
        let version = plan.get("format_version").text().unwrap_or_default();
        if !version.starts_with("1.") {
            return Err(format!("the plan has format `{version}`, and 1.x is understood"));
        }
        let mut changes: Vec<Change> = plan.get("resource_changes").items().iter().filter_map(change).collect();
        changes.sort_by(|a, b| (a.kind, &a.address).cmp(&(b.kind, &b.address)));
        let outputs = plan.get("output_changes").members().iter();
        let outputs = outputs.filter(|(_, output)| Kind::of(output.get("actions").items()).is_some());
        Ok(Self {
            changes,
            outputs: outputs.map(|(name, _)| name.clone()).collect(),
            drifted: plan.get("resource_drift").items().len(),
            errored: plan.get("errored") == &Json::Bool(true),
        })
    }

    /// One line: `2 to destroy, 1 to replace, 3 to create`, or `no changes`.
    pub(super) fn title(&self) -> String {
        let counted = Kind::ALL.iter().filter_map(|kind| match self.count(*kind) {
            0 => None,
            count => Some(format!("{count} {}", kind.counted())),
        });
        let mut parts: Vec<String> = counted.collect();
        if parts.is_empty() && !self.outputs.is_empty() {
            parts.push(format!("{} outputs to change", self.outputs.len()));
        }
        if parts.is_empty() { "no changes".into() } else { parts.join(", ") }
    }

    /// The page. `digest` names the plan file that it is about.
    pub(super) fn page(&self, environment: &str, digest: &str) -> String {
        let mut page = format!("## Plan for `{environment}`: {}\n\n", self.title());
        if self.errored {
            page.push_str("**The plan ended with an error; it can't be applied.**\n\n");
        }
        let losing: Vec<&Change> = self
            .changes
            .iter()
            .filter(|change| change.data && matches!(change.kind, Kind::Destroy | Kind::Replace))
            .collect();
        if !losing.is_empty() {
            page.push_str("> [!CAUTION]\n> These hold data, keys or clients, and would be destroyed:\n");
            for change in &losing {
                page.push_str(&format!("> - {}\n", code(&change.address)));
            }
            page.push('\n');
        }
        page.push_str("| action | resources |\n| --- | --- |\n");
        for kind in Kind::ALL {
            page.push_str(&format!("| {} | {} |\n", kind.counted(), self.count(kind)));
        }
        for kind in Kind::ALL {
            self.section(kind, &mut page);
        }
        if !self.outputs.is_empty() {
            let names: Vec<String> = self.outputs.iter().map(|name| code(name)).collect();
            page.push_str(&format!("\nOutputs that change: {}\n", names.join(", ")));
        }
        if self.drifted > 0 {
            page.push_str(&format!(
                "\n{} resources were changed outside of Terraform since the last run.\n",
                self.drifted
            ));
        }
        page.push_str(&format!("\nPlan file: SHA-256 `{digest}`. Values are left out on purpose.\n"));
        page
    }

    fn section(&self, kind: Kind, page: &mut String) {
        if self.count(kind) == 0 {
            return;
        }
        let strong = matches!(kind, Kind::Destroy | Kind::Replace);
        page.push_str(&format!("\n### {}\n\n", kind.title()));
        let mut left = self.count(kind);
        for change in self.changes.iter().filter(|change| change.kind == kind) {
            let address = if strong { format!("**{}**", code(&change.address)) } else { code(&change.address) };
            let names: Vec<String> = change.names.iter().take(NAMES).map(|name| code(name)).collect();
            let more = if change.names.len() > NAMES { ", …" } else { "" };
            let line = match (kind, names.is_empty()) {
                (Kind::Replace, false) => format!("- {address} because of {}{more}\n", names.join(", ")),
                (Kind::Change, false) => format!("- {address}: {}{more}\n", names.join(", ")),
                _ => format!("- {address}\n"),
            };
            if page.len() + line.len() > LONGEST {
                page.push_str(&format!("- … and {left} more: what terraform printed has all of them\n"));
                return;
            }
            page.push_str(&line);
            left -= 1;
        }
    }

    fn count(&self, kind: Kind) -> usize {
        self.changes.iter().filter(|change| change.kind == kind).count()
    }
}

fn change(resource: &Json) -> Option<Change> {
    let change = resource.get("change");
    let kind = Kind::of(change.get("actions").items())?;
    let names = match kind {
        Kind::Change => differing(change),
        Kind::Replace => {
            let paths = change.get("replace_paths").items().iter();
            let mut names: Vec<String> =
                paths.filter_map(|path| path.items().first()?.text().map(str::to_owned)).collect();
            names.sort();
            names.dedup();
            names
        }
        Kind::Create | Kind::Destroy | Kind::Forget => Vec::new(),
    };
    let data = resource.get("type").text().is_some_and(|name| HOLDS_DATA.contains(&name));
    Some(Change { kind, address: resource.get("address").text().unwrap_or("?").to_owned(), data, names })
}

/// The top-level attributes whose value differs or is not known yet.
fn differing(change: &Json) -> Vec<String> {
    let (before, after) = (change.get("before"), change.get("after"));
    let sensitive = |name: &str| {
        change.get("before_sensitive").get(name).has_true() || change.get("after_sensitive").get(name).has_true()
    };
    let mut names: Vec<&String> = before.members().iter().chain(after.members()).map(|(name, _)| name).collect();
    names.extend(
        change.get("after_unknown").members().iter().filter(|(_, value)| value.has_true()).map(|(name, _)| name),
    );
    names.sort();
    names.dedup();
    let differs =
        |name: &&String| before.get(name) != after.get(name) || change.get("after_unknown").get(name).has_true();
    let shown = |name: &String| if sensitive(name) { format!("{name} (sensitive)") } else { name.clone() };
    names.into_iter().filter(differs).map(shown).collect()
}

/// As code of Markdown; a key of `for_each` may have any character in it.
fn code(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c == '`' || c.is_control() { '?' } else { c }).collect();
    format!("`{plain}`")
}

#[cfg(test)]
mod tests;
