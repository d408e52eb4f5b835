//! What lies in front of the API: certificates of listeners, issuers of access tokens.

use std::time::Instant;

use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::TokenVerifier;

use super::Findings;
use crate::config::Loaded;
use crate::wire::{self, edge};

/// Days before its end at which a certificate should long have been renewed.
const SOON: i64 = 14;

pub(super) async fn check(loaded: &Loaded, findings: &mut Findings) {
    let secrets = wire::secrets(loaded);
    let since = Instant::now();
    let api = edge::api_tls(loaded, secrets.clone()).await;
    let admin = edge::admin_tls(loaded, secrets.clone()).await;
    // Whether or not it listens: `serve` reads the files, too.
    let transfer = edge::transfer_tls(loaded, secrets).await;
    for (name, outcome) in [("api", api), ("admin", admin), ("transfer", transfer)] {
        let outcome = outcome.and_then(|tls| tls.map(|tls| days(tls.ends())).transpose());
        if let Some(outcome) = outcome.transpose() {
            findings.add(format!("TLS of {name}"), since, outcome);
        }
    }
    let since = Instant::now();
    match edge::issuers(loaded) {
        Err(error) => drop(findings.add("issuers", since, Err(error))),
        Ok(None) => {}
        Ok(Some(issuers)) => {
            for (name, outcome) in issuers.check().await {
                findings.add(format!("issuer {name}"), since, outcome);
            }
        }
    }
}

fn days(ends: Option<Timestamp>) -> Result<String> {
    let Some(ends) = ends else { return Ok("the certificate's end can't be read".to_owned()) };
    let left = ends.duration_since(Timestamp::now()).as_hours() / 24;
    if ends <= Timestamp::now() {
        Err(Error::new(&codes::config::TLS, format!("the certificate ended at {ends}")))
    } else if left < SOON {
        Ok(format!("the certificate ends in {left} days: renew it"))
    } else {
        Ok(format!("the certificate ends in {left} days"))
    }
}
