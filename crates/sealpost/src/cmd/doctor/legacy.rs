//! Old SSH algorithms that connectors are allowed: each exception with its end, and policies that have some of them.

use std::time::Instant;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use sealpost_core::connector::{LegacyAlgorithm, SshSettings};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::ssh_policy;
use sealpost_pipeline::Pipeline;

use super::Findings;

/// Days before its end at which an exception needs someone: time to talk to a partner.
const SOON: i32 = 14;
/// Connectors of the transfer API that are asked for at once.
const PAGE: u32 = 500;

/// Adds a finding for each exception. No server is asked.
pub(super) async fn check(pipeline: &Pipeline, findings: &mut Findings) {
    let since = Instant::now();
    match connectors(pipeline).await {
        Err(error) => drop(findings.add("old algorithms", since, Err(error))),
        Ok(connectors) => {
            let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
            for (name, ssh) in connectors {
                of_connector(&name, &ssh, today, findings);
            }
        }
    }
}

/// Partners' connectors and those of the transfer API.
async fn connectors(pipeline: &Pipeline) -> Result<Vec<(String, SshSettings)>> {
    let partners = pipeline.parts().records.connectors(None).await?;
    let name = |partner: &dyn std::fmt::Display, name: &str| format!("connector {partner}/{name}");
    let mut all: Vec<(String, SshSettings)> =
        partners.into_iter().map(|one| (name(&one.partner, &one.name), one.settings.ssh)).collect();
    let mut after = None;
    loop {
        let (page, more) = pipeline.transfer_connectors(after.as_ref(), PAGE).await?;
        after = page.last().map(|last| last.id.clone());
        let own = page.into_iter().filter(|one| one.partner.is_none());
        all.extend(own.map(|one| (format!("connector {}", one.id), one.settings.ssh)));
        if !more || after.is_none() {
            return Ok(all);
        }
    }
}

fn of_connector(name: &str, ssh: &SshSettings, today: Date, findings: &mut Findings) {
    let since = Instant::now();
    for exception in &ssh.legacy {
        match days_left(exception, today) {
            Ok(detail) => findings.warn(name, since, detail),
            Err(error) => drop(findings.add(name, since, Err(error))),
        }
    }
    let Some(policy) = ssh_policy::find(ssh.policy.as_deref()) else { return };
    let old: Vec<&str> = policy.old_algorithms().collect();
    if !old.is_empty() {
        findings.warn(name, since, format!("{} has old algorithms: {}", policy.name, old.join(", ")));
    }
}

/// What is left of an exception; an error where someone has to act.
fn days_left(exception: &LegacyAlgorithm, today: Date) -> Result<String> {
    let LegacyAlgorithm { name, until } = exception;
    let left = today.until((Unit::Day, *until)).map_or(0, |span| span.get_days());
    let failed = |detail| Err(Error::new(&codes::deliver::LEGACY, detail));
    if left < 0 {
        failed(format!("the exception for `{name}` ended on {until}"))
    } else if left < SOON {
        failed(format!("the exception for `{name}` ends in {left} days, on {until}"))
    } else {
        Ok(format!("`{name}` is allowed until {until}, {left} days from now"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn an_exception_needs_someone_two_weeks_before_its_end() {
        let said = |until: Date| {
            let exception = LegacyAlgorithm { name: "ssh-rsa".to_owned(), until };
            days_left(&exception, date(2026, 11, 22)).map_err(|error| error.detail().to_owned())
        };
        assert_eq!(said(date(2027, 1, 31)), Ok("`ssh-rsa` is allowed until 2027-01-31, 70 days from now".to_owned()));
        assert!(said(date(2026, 12, 6)).is_ok());
        assert!(said(date(2026, 12, 5)).is_err_and(|why| why.ends_with("ends in 13 days, on 2026-12-05")));
        assert!(said(date(2026, 11, 22)).is_err_and(|why| why.contains("ends in 0 days")));
        assert!(said(date(2026, 11, 21)).is_err_and(|why| why.ends_with("ended on 2026-11-21")));
    }

    #[test]
    fn a_policy_with_old_algorithms_is_told() {
        let mut findings = Findings(Vec::new());
        for policy in ssh_policy::POLICIES {
            let ssh = SshSettings { policy: Some(policy.name.to_owned()), legacy: Vec::new() };
            of_connector(policy.name, &ssh, date(2026, 11, 22), &mut findings);
        }
        let told: Vec<(&str, bool)> = findings.0.iter().map(|one| (one.subject.as_str(), one.warning)).collect();
        assert_eq!(told, [("TransferSFTPConnectorSecurityPolicy-2023-07", true)]);
    }
}
