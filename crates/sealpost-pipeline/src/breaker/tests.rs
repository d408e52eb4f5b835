//! Time is given, not waited for.

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;

fn unreachable() -> Error {
    Error::new(&codes::deliver::UNREACHABLE, "refused")
}

fn protocol() -> Error {
    Error::new(&codes::deliver::PROTOCOL, "nonsense")
}

/// A partner's connector.
fn of(partner: &str) -> ConnectorId {
    ConnectorId::of(&partner.parse().expect("a partner"), "main")
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
    let wait = breakers.admit("h:22", begin).expect_err("it rests").pause;
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
            breakers.enter(&of("a"), &settings("h")).expect("closed").end(Some(&unreachable()));
        }
        breakers.enter(&of("a"), &settings("H")).expect("closed").end(None);
    }
    assert!(breakers.enter(&of("a"), &settings("h")).is_ok());
}

#[test]
fn what_the_host_is_not_to_blame_for_opens_nothing() {
    let breakers = Arc::new(Breakers::default());
    for code in [&codes::deliver::AUTHENTICATION, &codes::deliver::CONFIG, &codes::store::UNREACHABLE] {
        for _ in 0..20 {
            breakers.enter(&of("a"), &settings("h")).expect("closed").end(Some(&Error::new(code, "")));
        }
    }
    assert!(breakers.hosts.lock().expect("no panic").is_empty());
    // A connection that breaks in the middle of a file: the host was reached.
    for _ in 0..20 {
        let passage = breakers.enter(&of("a"), &settings("h")).expect("closed");
        passage.reached();
        passage.end(Some(&Error::new(&codes::deliver::BROKEN, "")));
    }
}

#[test]
fn one_partner_does_not_take_a_host_away_from_another() {
    let breakers = Arc::new(Breakers::default());
    let enter = |partner: &str| breakers.enter(&of(partner), &settings("h"));
    for code in [&codes::deliver::PROTOCOL, &codes::deliver::BROKEN, &codes::deliver::TIMEOUT] {
        for _ in 0..5 {
            enter(&code.id.to_lowercase()).expect("closed").end(Some(&Error::new(code, "")));
        }
        assert!(enter(&code.id.to_lowercase()).is_err(), "{}: it is left alone for this one", code.id);
        assert!(enter("b").is_ok(), "{}: and not for another", code.id);
    }
    // At another server, the first one begins anew.
    assert!(breakers.enter(&of("a"), &settings("other")).is_ok());
    for partner in ["b", "c", "b", "c", "b"] {
        enter(partner).expect("closed").end(Some(&unreachable()));
    }
    for partner in ["b", "c", "d"] {
        assert!(enter(partner).is_err(), "{partner}: nobody comes to a connection");
    }
}

#[test]
fn a_connector_is_tried_again_and_closed_by_what_works() {
    let breakers = Arc::new(Breakers::new(Duration::ZERO));
    let enter = |partner: &str| breakers.enter(&of(partner), &settings("h"));
    for _ in 0..5 {
        enter("a").expect("closed").end(Some(&protocol()));
    }
    let trial = enter("a").expect("half-open");
    assert!(enter("a").is_err());
    trial.end(Some(&unreachable()));
    let trial = enter("a").expect("half-open again: that said nothing of the connector");
    trial.end(Some(&protocol()));
    enter("a").expect("half-open again").end(None);
    assert!((0..3).all(|_| enter("a").is_ok_and(|passage| !passage.connector.is_trial)), "closed");
    assert_eq!(breakers.hosts.lock().expect("no panic").len(), 0, "nothing is kept of what works");
}

#[test]
fn who_waits_for_the_host_keeps_its_own_turn() {
    let breakers = Arc::new(Breakers::new(Duration::ZERO));
    let enter = |partner: &str| breakers.enter(&of(partner), &settings("h"));
    for _ in 0..5 {
        enter("a").expect("closed").end(Some(&protocol()));
    }
    for _ in 0..5 {
        enter("b").expect("closed").end(Some(&unreachable()));
    }
    let trial = enter("b").expect("half-open");
    assert!(enter("a").is_err(), "another one tries the host");
    trial.reached();
    assert!(enter("a").is_ok_and(|passage| passage.connector.is_trial && !passage.host.is_trial));
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
            breakers.enter(&of("a"), way).expect("closed").end(Some(&unreachable()));
        }
        assert!(breakers.enter(&of("a"), way).is_err());
    }
    assert!(breakers.enter(&of("a"), &settings("h")).is_ok());
    assert!(breakers.enter(&of("a"), &from("192.0.2.2")).is_ok());
}

#[test]
fn one_that_is_let_through_and_learns_nothing_gives_its_place_back() {
    let breakers = Arc::new(Breakers::new(Duration::ZERO));
    for _ in 0..5 {
        breakers.enter(&of("a"), &settings("h")).expect("closed").end(Some(&unreachable()));
    }
    let trial = breakers.enter(&of("a"), &settings("h")).expect("half-open");
    assert!(breakers.enter(&of("a"), &settings("h")).is_err());
    drop(trial);
    let trial = breakers.enter(&of("a"), &settings("h")).expect("half-open again");
    trial.end(Some(&Error::new(&codes::store::MISSING, "")));
    let trial = breakers.enter(&of("a"), &settings("h")).expect("half-open again");
    trial.reached();
    assert!(
        breakers.enter(&of("a"), &settings("h")).is_ok() && breakers.enter(&of("a"), &settings("h")).is_ok(),
        "closed"
    );
}

#[test]
fn those_that_wait_come_back_one_after_the_other() {
    let breakers = Breakers::new(FIRST_REST);
    let now = Instant::now();
    for _ in 0..5 {
        breakers.fail("h:22", false, now);
    }
    let waits: Vec<Duration> = (0..1000).map(|_| breakers.admit("h:22", now).expect_err("rests").pause).collect();
    assert!(waits.windows(2).all(|pair| pair[1] - pair[0] == STEP));
}

#[test]
fn a_rest_counts_from_its_beginning_until_the_host_works() {
    let breakers = Breakers::new(FIRST_REST);
    let begin = Instant::now();
    let lasts = |now| breakers.admit("h:22", now).expect_err("it rests").lasts;
    for _ in 0..5 {
        breakers.fail("h:22", false, begin);
    }
    assert_eq!(lasts(begin), Duration::ZERO);
    let later = begin + PATIENCE;
    assert_eq!(breakers.admit("h:22", later), Ok(true));
    assert_eq!(lasts(later), PATIENCE, "while it is tried as well");
    breakers.fail("h:22", true, later);
    assert_eq!(lasts(later), PATIENCE, "and when that was in vain");
    breakers.close("h:22");
    for _ in 0..5 {
        breakers.fail("h:22", false, later);
    }
    assert_eq!(lasts(later), Duration::ZERO, "it worked in between");
}

#[test]
fn what_nobody_tries_any_more_is_not_told_of_and_then_forgotten() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let breakers = Breakers::new(FIRST_REST);
    let forget = |now: Instant| {
        metrics::with_local_recorder(&recorder, || breakers.forget(now));
        let text = metrics.render();
        text.lines().find_map(|line| line.strip_prefix("sealpost_resting_hosts ")).map(str::to_owned)
    };
    let known = || {
        let hosts = breakers.hosts.lock().expect("no panic");
        let mut names: Vec<String> = hosts.keys().cloned().collect();
        names.sort();
        names
    };
    let begin = Instant::now();
    for host in ["gone:22", "h:22"] {
        for _ in 0..5 {
            breakers.fail(host, false, begin);
        }
    }
    // One failure rests nothing, and is forgotten as well.
    breakers.fail("once:22", false, begin);
    assert_eq!(forget(begin).as_deref(), Some("2"));
    let later = begin + Duration::from_secs(2 * 3600);
    assert_eq!(forget(later).as_deref(), Some("0"), "nobody waits for them");
    assert_eq!(known(), ["gone:22", "h:22", "once:22"]);
    assert_eq!(breakers.admit("h:22", later), Ok(true));
    let lasts = breakers.admit("h:22", later).expect_err("it is tried").lasts;
    assert_eq!(lasts, Duration::from_secs(2 * 3600), "it has rested all the time");
    assert_eq!(forget(later).as_deref(), Some("1"), "it is tried again");

    let over = PATIENCE + Duration::from_secs(1);
    assert_eq!(forget(begin + over).as_deref(), Some("0"));
    assert_eq!(known(), ["h:22"], "somebody has looked at it in between");
    forget(later + over);
    assert!(known().is_empty());
}

#[test]
fn whoever_waits_for_a_connector_learns_how_long_it_has_rested() {
    let breakers = Arc::new(Breakers::new(FIRST_REST));
    for _ in 0..5 {
        breakers.enter(&of("a"), &settings("h")).expect("closed").end(Some(&protocol()));
    }
    let rest = breakers.enter(&of("a"), &settings("h")).err().expect("it rests");
    assert!(rest.pause > Duration::ZERO && rest.lasts < PATIENCE, "{rest:?}");
}

/// A file may have waited in its lane for days when its host fails for a second.
#[test]
fn what_is_only_old_is_not_given_up() {
    let policy = RetryPolicy::default();
    let (short, long) = (PATIENCE / 2, PATIENCE * 2);
    let is_given_up = |lasts: Duration, age: Duration| {
        let rest = Rest { pause: FIRST_REST, lasts };
        rest.is_too_long(SignedDuration::try_from(age).expect("some hours"), &policy)
    };
    assert!(!is_given_up(short, long), "it waited for its turn");
    assert!(!is_given_up(long, short), "it came late");
    assert!(is_given_up(long, long));
}

#[test]
fn patience_is_at_least_that_of_the_connectors_own_retries() {
    assert_eq!(patience(&RetryPolicy::default()), PATIENCE);
    let long = RetryPolicy { max_attempts: 100, first_pause_s: 3600.0, longest_pause_s: 3600.0 };
    assert_eq!(patience(&long), Duration::from_secs(99 * 3600));
}
