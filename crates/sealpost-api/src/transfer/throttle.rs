//! How often an access key may call, how often connections may be tested, and how often an address may guess.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sealpost_core::id::AccessKeyId;
use sealpost_core::usage::RateLimit;

use super::refusal::{Refusal, Result};
use super::state::TransferLimits;
use crate::throttle::{Bucket, Guesses};

/// Access keys kept before those that called nothing lately are forgotten.
const ROOM: usize = 1024;

/// What this process has counted.
pub(super) struct Throttle {
    rate: RateLimit,
    keys: Mutex<HashMap<AccessKeyId, Bucket>>,
    tests: Mutex<Bucket>,
    guesses: Guesses,
}

impl Throttle {
    pub(super) fn new(limits: &TransferLimits) -> Self {
        Self {
            rate: limits.rate,
            keys: Mutex::default(),
            tests: Mutex::new(Bucket::full(limits.tests, Instant::now())),
            guesses: Guesses::new(limits.failed_attempts),
        }
    }

    /// A call of an access key, which was proved to be the caller's.
    pub(super) fn call(&self, key: &AccessKeyId) -> Result<()> {
        let now = Instant::now();
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= ROOM && !keys.contains_key(key) {
            // A full bucket is the same as none.
            keys.retain(|_, bucket| !bucket.debt(now).is_zero());
        }
        let bucket = keys.entry(key.clone()).or_insert_with(|| Bucket::full(self.rate, now));
        let message = format!("Rate exceeded: {} calls a second of one access key.", self.rate.per_second);
        take(bucket, now, "rate", &message)
    }

    /// A test of a connection: each one is a login on somebody's server.
    pub(super) fn test(&self) -> Result<()> {
        let mut bucket = self.tests.lock().unwrap_or_else(PoisonError::into_inner);
        let message = format!("Rate exceeded: {} calls of TestConnection a second.", bucket.limit().per_second);
        take(&mut bucket, Instant::now(), "tests", &message)
    }

    /// Refuses an address whose attempts to authenticate failed too often.
    pub(super) fn may_try(&self, address: Option<IpAddr>) -> Result<()> {
        let wait = address.map(|address| self.guesses.wait(address, Instant::now())).unwrap_or_default();
        if wait.is_zero() {
            return Ok(());
        }
        refused("failed_attempts");
        Err(Refusal::throttled("Too many failed attempts to authenticate from your address.", wait))
    }

    /// An attempt of this address has failed.
    pub(super) fn failed(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.guesses.failed(address, Instant::now());
        }
    }
}

fn take(bucket: &mut Bucket, now: Instant, reason: &'static str, message: &str) -> Result<()> {
    let wait = bucket.wait(now);
    if wait.is_zero() {
        bucket.take(now, std::time::Duration::ZERO);
        return Ok(());
    }
    refused(reason);
    Err(Refusal::throttled(message, wait))
}

fn refused(reason: &'static str) {
    metrics::counter!("sealpost_throttled_total", "plane" => "transfer", "reason" => reason).increment(1);
}
