//! Requests counted across processes.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::port::Reserved;
use sealpost_core::usage::{Period, UsageWindow};

use super::{Ports, partner};

/// The day that the cases count in.
#[must_use]
pub fn today() -> UsageWindow {
    Period::Day.window("2026-11-22T18:00:00Z".parse().expect("an instant"))
}

/// As much as is asked for, as long as the limit leaves it; then what is left; then nothing. Each partner and each
/// window has a counter of its own.
pub async fn no_more_than_the_limit_is_granted(ports: Ports) {
    let acme = partner("acme");
    let reserve = async |amount, limit| ports.usage.reserve(&acme, &today(), amount, limit).await.unwrap();
    assert_eq!(ports.usage.reserved(&acme, &today()).await.unwrap(), 0);
    assert_eq!(reserve(10, 25).await, Reserved { granted: 10, total: 10 });
    assert_eq!(reserve(10, 25).await, Reserved { granted: 10, total: 20 });
    assert_eq!(reserve(10, 25).await, Reserved { granted: 5, total: 25 });
    assert_eq!(reserve(10, 25).await, Reserved { granted: 0, total: 25 });
    // A limit that was lowered meanwhile takes nothing back; one that was raised has room again.
    assert_eq!(reserve(1, 7).await, Reserved { granted: 0, total: 25 });
    assert_eq!(reserve(10, 26).await, Reserved { granted: 1, total: 26 });
    assert_eq!(reserve(0, 100).await, Reserved { granted: 0, total: 26 });
    assert_eq!(ports.usage.reserved(&acme, &today()).await.unwrap(), 26);

    let tomorrow = Period::Day.window(today().end);
    let week = Period::Week.window(today().start);
    for window in [tomorrow, week] {
        let fresh = ports.usage.reserve(&acme, &window, 10, 25).await.unwrap();
        assert_eq!(fresh, Reserved { granted: 10, total: 10 }, "{window:?}");
    }
    let theirs = ports.usage.reserve(&partner("other"), &today(), 3, 25).await.unwrap();
    assert_eq!(theirs, Reserved { granted: 3, total: 3 });
    assert_eq!(ports.usage.reserved(&acme, &today()).await.unwrap(), 26);
}

/// What is given back can be reserved again; never more than there was.
pub async fn what_is_given_back_is_free_again(ports: Ports) {
    let acme = partner("acme");
    // Of a window that nobody has counted in: nothing to give back to.
    ports.usage.give_back(&acme, &today(), 5).await.unwrap();
    assert_eq!(ports.usage.reserved(&acme, &today()).await.unwrap(), 0);
    ports.usage.reserve(&acme, &today(), 20, 20).await.unwrap();
    ports.usage.give_back(&acme, &today(), 8).await.unwrap();
    let again = ports.usage.reserve(&acme, &today(), 100, 20).await.unwrap();
    assert_eq!(again, Reserved { granted: 8, total: 20 });
    ports.usage.give_back(&acme, &today(), 1000).await.unwrap();
    assert_eq!(ports.usage.reserved(&acme, &today()).await.unwrap(), 0);
    // Limits without end, and amounts that no ledger can hold.
    let all = ports.usage.reserve(&acme, &today(), 5, u64::MAX).await.unwrap();
    assert_eq!(all, Reserved { granted: 5, total: 5 });
}

/// Windows that have ended are forgotten, the others are not.
pub async fn windows_that_ended_are_forgotten(ports: Ports) {
    let acme = partner("acme");
    let (day, month) = (today(), Period::Month.window(today().start));
    for window in [day, month] {
        ports.usage.reserve(&acme, &window, 5, 100).await.unwrap();
    }
    ports.usage.forget_before(day.end - SignedDuration::from_nanos(1)).await.unwrap();
    assert_eq!(ports.usage.reserved(&acme, &day).await.unwrap(), 5, "it had not ended");
    ports.usage.forget_before(day.end).await.unwrap();
    assert_eq!(ports.usage.reserved(&acme, &day).await.unwrap(), 0);
    assert_eq!(ports.usage.reserved(&acme, &month).await.unwrap(), 5);
    ports.usage.forget_before(Timestamp::MAX).await.unwrap();
    assert_eq!(ports.usage.reserved(&acme, &month).await.unwrap(), 0);
}

/// See [`exact_across`], with one opening.
pub async fn the_limit_is_exact_under_concurrency(ports: Ports) {
    exact_across(&[ports]).await;
}

/// Many who reserve and give back at once, through any of these openings of one ledger: together they get exactly the
/// limit, and no reservation is lost.
pub async fn exact_across(openings: &[Ports]) {
    const LIMIT: u64 = 200;
    let callers = openings.iter().cycle().take(12).enumerate().map(|(number, ports)| {
        let (usage, acme) = (ports.usage.clone(), partner("acme"));
        tokio::spawn(async move {
            let mut kept = 0;
            for round in 0..15 {
                let amount = 1 + (number as u64 + round) % 4;
                let reserved = usage.reserve(&acme, &today(), amount, LIMIT).await.unwrap();
                assert!(reserved.granted <= amount && reserved.total <= LIMIT, "{reserved:?}");
                kept += reserved.granted;
                if round % 5 == 4 && kept > 0 {
                    usage.give_back(&acme, &today(), 1).await.unwrap();
                    kept -= 1;
                }
            }
            kept
        })
    });
    let mut kept = 0;
    for caller in join_all(callers).await {
        kept += caller.unwrap();
    }
    for ports in openings {
        assert_eq!(ports.usage.reserved(&partner("acme"), &today()).await.unwrap(), kept);
    }
    let rest = openings[0].usage.reserve(&partner("acme"), &today(), u64::MAX, LIMIT).await.unwrap();
    assert_eq!((kept + rest.granted, rest.total), (LIMIT, LIMIT));
}
