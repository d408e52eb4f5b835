//! Time is given, not waited for.

use super::*;

fn unreachable() -> Error {
    Error::new(&codes::deliver::UNREACHABLE, "refused")
}

fn settings(host: &str) -> ConnectorSettings {
    ConnectorSettings::new(host, 22, "u")
}

#[test]
fn five_failures_in_a_row_open_it_and_rests_grow() {
    let breakers = Breakers::new(FIRST_REST);
    let begin = Instant::now();
    for _ in 0..4 {
        assert_eq!(breakers.fail("h:22", false, begin), None);
    }
    assert_eq!(breakers.fail("h:22", false, begin), Some(Duration::from_secs(15)));
    assert_eq!(breakers.admit("other:22", begin), Ok(false), "another host is another matter");
    let wait = breakers.admit("h:22", begin).expect_err("it rests");
    assert!(wait > Duration::from_secs(15) && wait < Duration::from_secs(16), "{wait:?}");
    // What began before does not prolong the rest.
    assert_eq!(breakers.fail("h:22", false, begin), None);

    let mut now = begin;
    for seconds in [30, 60, 120, 240, 480, 600, 600] {
        now += Duration::from_secs(601);
        assert_eq!(breakers.admit("h:22", now), Ok(true), "one is let through");
        assert!(breakers.admit("h:22", now).is_err(), "and nobody else meanwhile");
        assert_eq!(breakers.fail("h:22", true, now), Some(Duration::from_secs(seconds)));
    }
    now += Duration::from_secs(601);
    assert_eq!(breakers.admit("h:22", now), Ok(true));
    assert_eq!(breakers.admit("h:22", now + TRIAL), Ok(true), "one that hangs is not waited for");
    breakers.close("h:22");
    assert_eq!(breakers.admit("h:22", now), Ok(false));
    assert_eq!(breakers.fail("h:22", false, now), None, "it begins anew");
}

#[test]
fn success_in_between_begins_the_count_anew() {
    let breakers = Arc::new(Breakers::default());
    for _ in 0..20 {
        for _ in 0..4 {
            breakers.enter(&settings("h")).expect("closed").end(Some(&unreachable()));
        }
        breakers.enter(&settings("H")).expect("closed").end(None);
    }
    assert!(breakers.enter(&settings("h")).is_ok());
}

#[test]
fn what_the_host_is_not_to_blame_for_opens_nothing() {
    let breakers = Arc::new(Breakers::default());
    for code in [&codes::deliver::AUTHENTICATION, &codes::deliver::CONFIG, &codes::store::UNREACHABLE] {
        for _ in 0..20 {
            breakers.enter(&settings("h")).expect("closed").end(Some(&Error::new(code, "")));
        }
    }
    // A connection that breaks in the middle of a file: the host was reached.
    for _ in 0..20 {
        let passage = breakers.enter(&settings("h")).expect("closed");
        passage.reached();
        passage.end(Some(&Error::new(&codes::deliver::BROKEN, "")));
    }
}

#[test]
fn one_way_to_a_host_says_nothing_of_another() {
    let breakers = Arc::new(Breakers::default());
    let from = |source: &str| {
        let mut settings = settings("h");
        settings.network.source_address = Some(source.parse().expect("an address"));
        settings
    };
    let mut ipv6 = settings("h");
    ipv6.network.family = AddressFamily::Ipv6;
    for way in [&from("192.0.2.1"), &ipv6] {
        for _ in 0..5 {
            breakers.enter(way).expect("closed").end(Some(&unreachable()));
        }
        assert!(breakers.enter(way).is_err());
    }
    assert!(breakers.enter(&settings("h")).is_ok());
    assert!(breakers.enter(&from("192.0.2.2")).is_ok());
}

#[test]
fn one_that_is_let_through_and_learns_nothing_gives_its_place_back() {
    let breakers = Arc::new(Breakers::new(Duration::ZERO));
    for _ in 0..5 {
        breakers.enter(&settings("h")).expect("closed").end(Some(&unreachable()));
    }
    let trial = breakers.enter(&settings("h")).expect("half-open");
    assert!(breakers.enter(&settings("h")).is_err());
    drop(trial);
    let trial = breakers.enter(&settings("h")).expect("half-open again");
    trial.end(Some(&Error::new(&codes::store::MISSING, "")));
    let trial = breakers.enter(&settings("h")).expect("half-open again");
    trial.reached();
    assert!(breakers.enter(&settings("h")).is_ok() && breakers.enter(&settings("h")).is_ok(), "closed");
}

#[test]
fn those_that_wait_come_back_one_after_the_other() {
    let breakers = Breakers::new(FIRST_REST);
    let now = Instant::now();
    for _ in 0..5 {
        breakers.fail("h:22", false, now);
    }
    let waits: Vec<Duration> = (0..1000).map(|_| breakers.admit("h:22", now).expect_err("rests")).collect();
    assert!(waits.windows(2).all(|pair| pair[1] - pair[0] == STEP));
}

#[test]
fn patience_is_at_least_that_of_the_connectors_own_retries() {
    assert_eq!(patience(&RetryPolicy::default()), PATIENCE);
    let long = RetryPolicy { max_attempts: 100, first_pause_s: 3600.0, longest_pause_s: 3600.0 };
    assert_eq!(patience(&long), Duration::from_secs(99 * 3600));
}
