//! The two planes, and what may be seen on each.

use std::time::Duration;

use sealpost_core::error::{Failure, Side, Stage};

/// A listener's audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    /// Partners' developers.
    Partner,
    /// Whoever runs Sealpost.
    Operator,
}

impl Plane {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Operator => "operator",
        }
    }

    /// How long an endpoint may take until its answer begins. A partner's answer comes within the 29 seconds that API
    /// Gateway waits; an operator's connector test goes through all time limits of a far server.
    pub(crate) fn time_limit(self) -> Duration {
        match self {
            Self::Partner => Duration::from_secs(29),
            Self::Operator => Duration::from_secs(180),
        }
    }

    /// The detail of a failure as this plane may see it. What our database, store or configuration said (host names,
    /// SQL, paths) is for operators; partners get code, title and a sentence.
    pub(crate) fn detail(self, stage: Stage, side: Side, detail: &str) -> String {
        let inside = matches!(stage, Stage::Source | Stage::Store | Stage::Ledger | Stage::Secrets | Stage::Config);
        let ours = matches!(side, Side::Operator | Side::Sealpost);
        if self == Self::Partner && inside && ours {
            "The operator of this service can see the details under the id of this request or report.".to_owned()
        } else {
            detail.to_owned()
        }
    }

    /// What to do, in words that fit who reads them.
    pub(crate) fn advice(self, side: Side, stage: Stage, advice: &str) -> String {
        let inside = matches!(
            stage,
            Stage::Source | Stage::Store | Stage::Notify | Stage::Ledger | Stage::Secrets | Stage::Config
        );
        if self == Self::Partner && inside && side == Side::Operator {
            "If it stays, tell the operator of this service the id.".to_owned()
        } else {
            advice.to_owned()
        }
    }

    /// A kept failure as this plane may see it.
    pub(crate) fn failure(self, failure: &Failure) -> Failure {
        Failure {
            detail: self.detail(failure.stage, failure.side, &failure.detail),
            advice: self.advice(failure.side, failure.stage, &failure.advice),
            ..failure.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use sealpost_core::error::{Error, codes};

    use super::*;

    #[test]
    fn partners_do_not_see_what_our_database_said() {
        let inside = Failure::from(&Error::new(&codes::source::QUERY, "table hr.salaries: access denied"));
        assert!(!Plane::Partner.failure(&inside).detail.contains("salaries"));
        assert!(Plane::Operator.failure(&inside).detail.contains("salaries"));
        let theirs = Failure::from(&Error::new(&codes::deliver::AUTHENTICATION, "user acme at sftp.acme.example"));
        assert!(Plane::Partner.failure(&theirs).detail.contains("acme"));
    }
}
