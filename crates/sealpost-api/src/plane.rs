//! The two planes, and what may be seen on each.

use std::time::Duration;

use sealpost_core::error::{Failure, Side, Stage, codes};
use sealpost_core::port::transport::CAN_NOT_DO;

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
    pub(crate) fn detail(self, code: &str, stage: Stage, side: Side, detail: &str) -> String {
        let ours = matches!(side, Side::Operator | Side::Sealpost);
        // The settings that are in the way may be the partner's own.
        let is_named = code == codes::deliver::CONFIG.id && detail.starts_with(CAN_NOT_DO);
        if self == Self::Partner && is_inside(code, stage) && ours && !is_named {
            "The operator of this service can see the details under the id of this request or report.".to_owned()
        } else {
            detail.to_owned()
        }
    }

    /// What to do, in words that fit who reads them.
    pub(crate) fn advice(self, code: &str, stage: Stage, side: Side, advice: &str) -> String {
        let inside = is_inside(code, stage) || stage == Stage::Notify;
        if self == Self::Partner && inside && side == Side::Operator {
            "If it stays, tell the operator of this service the id.".to_owned()
        } else {
            advice.to_owned()
        }
    }

    /// A kept failure as this plane may see it.
    pub(crate) fn failure(self, failure: &Failure) -> Failure {
        Failure {
            detail: self.detail(&failure.code, failure.stage, failure.side, &failure.detail),
            advice: self.advice(&failure.code, failure.stage, failure.side, &failure.advice),
            ..failure.clone()
        }
    }
}

/// Whether a failure is about what lies behind us. Tokens' issuers do too: their addresses come from our configuration,
/// and what a fetch of their keys says is about our network. So does a service that delivers for us: what it says names our
/// account and roles there. And a connector's settings have networks and proxies of ours.
fn is_inside(code: &str, stage: Stage) -> bool {
    let others = [&codes::request::ISSUER_UNAVAILABLE, &codes::deliver::REMOTE_ENGINE, &codes::deliver::CONFIG];
    matches!(stage, Stage::Source | Stage::Store | Stage::Ledger | Stage::Secrets | Stage::Config)
        || others.iter().any(|other| other.id == code)
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
        let detail = "issuer `id`: http://id.internal.example:8443/keys: connection refused";
        let issuer = Failure::from(&Error::new(&codes::request::ISSUER_UNAVAILABLE, detail));
        let shown = Plane::Partner.failure(&issuer);
        assert!(!shown.detail.contains("internal") && !shown.advice.contains("discovery"), "{shown:?}");
        assert_eq!(Plane::Operator.failure(&issuer).detail, detail);
        // Others of its stage are about what the partner asked for.
        let missing = Failure::from(&Error::new(&codes::request::NO_DESTINATION, "partner acme"));
        assert_eq!(Plane::Partner.failure(&missing).detail, "partner acme");
        let theirs = Failure::from(&Error::new(&codes::deliver::AUTHENTICATION, "user acme at sftp.acme.example"));
        assert!(Plane::Partner.failure(&theirs).detail.contains("acme"));
    }

    #[test]
    fn partners_do_not_see_what_the_transfer_service_said_of_us() {
        let words =
            "AWS Transfer Family: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/sealpost/1";
        for code in [&codes::deliver::REMOTE_ENGINE, &codes::deliver::CONFIG] {
            let failure = Failure::from(&Error::new(code, words));
            let shown = Plane::Partner.failure(&failure);
            assert!(!shown.detail.contains("123456789012") && shown.advice.contains("tell the operator"), "{shown:?}");
            assert_eq!(Plane::Operator.failure(&failure), failure);
        }
        // What the engine can't do may be the partner's own wish.
        let wish = Failure::from(&Error::new(&codes::deliver::CONFIG, format!("{CAN_NOT_DO}`checksum_file`")));
        assert_eq!(Plane::Partner.failure(&wish).detail, wish.detail);
        // What the service said of the partner's server.
        let theirs = Error::new(&codes::deliver::AUTHENTICATION, "AWS Transfer Family: CONNECTION_ERROR: refused");
        assert!(Plane::Partner.failure(&Failure::from(&theirs)).detail.ends_with("refused"));
    }
}
