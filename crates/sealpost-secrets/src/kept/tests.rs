//! How often a store is asked, and what serves while it does not answer. The clock is the test's.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use tokio::time::advance;

use super::*;

const TTL: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(3600);

fn kept() -> Kept {
    Kept::new(Limits { ttl: TTL, stale: LIMIT })
}

fn key(id: &str) -> Key {
    Key { id: id.to_owned(), stage: "AWSCURRENT".to_owned() }
}

/// A store that counts its questions.
#[derive(Default)]
struct Store {
    asked: AtomicUsize,
    down: std::sync::atomic::AtomicBool,
}

impl Store {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    async fn answer(&self) -> Result<Given> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::new(&codes::secrets::SEALED, "sealed"));
        }
        Ok(Given::value(Secret::new(number.to_string().into_bytes())))
    }

    async fn ask(&self, kept: &Kept, id: &str) -> Result<String> {
        let secret = kept.get(&key(id), |_| self.answer()).await?;
        Ok(secret.expose_text()?.to_owned())
    }

    async fn value(&self, kept: &Kept, id: &str) -> String {
        self.ask(kept, id).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn one_question_serves_all_until_the_value_is_old() {
    let (kept, store) = (kept(), Store::default());
    let all = join_all((0..50).map(|_| store.value(&kept, "a"))).await;
    assert!(all.iter().all(|value| value == "1"), "{all:?}");
    advance(TTL - Duration::from_secs(1)).await;
    assert_eq!(store.value(&kept, "a").await, "1");
    advance(Duration::from_secs(1)).await;
    assert_eq!(store.value(&kept, "a").await, "2");
    kept.stale("b");
    assert_eq!(store.value(&kept, "a").await, "2");
    kept.stale("a");
    assert_eq!(store.value(&kept, "a").await, "3");
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_when_it_was_refused_is_not_kept() {
    let (kept, store) = (kept(), Store::default());
    let (early, ()) = tokio::join!(store.value(&kept, "a"), async { kept.stale("a") });
    assert_eq!(early, "1");
    assert_eq!(store.value(&kept, "a").await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_refusals_is_a_question_a_second() {
    let (kept, store) = (kept(), Store::default());
    store.value(&kept, "a").await;
    let begun = Instant::now();
    join_all((0..200_u64).map(|number| {
        let (kept, store) = (&kept, &store);
        async move {
            tokio::time::sleep(Duration::from_millis(number * 10)).await;
            kept.stale("a");
            store.value(kept, "a").await
        }
    }))
    .await;
    let most = begun.elapsed().as_secs() as usize + 1;
    assert!(store.asked() > 1 && store.asked() <= 1 + most, "{} questions in {most} s", store.asked());
}

#[tokio::test(start_paused = true)]
async fn a_kept_value_serves_while_the_store_is_sealed_until_its_limit() {
    let (kept, store) = (kept(), Store::default());
    assert_eq!(store.value(&kept, "a").await, "1");
    store.set_down(true);
    advance(TTL).await;
    for _ in 0..100 {
        assert_eq!(store.value(&kept, "a").await, "1");
    }
    assert_eq!(store.asked(), 2, "a failure is remembered");
    advance(LIMIT - TTL - Duration::from_secs(2)).await;
    assert_eq!(store.value(&kept, "a").await, "1");
    advance(FAILURE).await;
    let error = store.ask(&kept, "a").await.unwrap_err();
    assert!(error.is(&codes::secrets::SEALED) && error.is_retried(), "{error}");
    assert!(error.detail().contains("past its limit"), "{error}");
    store.set_down(false);
    advance(FAILURE).await;
    let asked = store.asked();
    assert_eq!(store.value(&kept, "a").await, (asked + 1).to_string());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_refused_does_not_serve_before_the_store_has_confirmed_it() {
    let (kept, store) = (kept(), Store::default());
    store.value(&kept, "a").await;
    store.set_down(true);
    kept.stale("a");
    for _ in 0..3 {
        assert!(store.ask(&kept, "a").await.unwrap_err().is(&codes::secrets::SEALED));
    }
    assert_eq!(store.asked(), 2);
    store.set_down(false);
    advance(FAILURE).await;
    assert_eq!(store.value(&kept, "a").await, "3");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_holds_nobody_up_whose_value_is_kept() {
    let (kept, store) = (kept(), Store::default());
    store.value(&kept, "a").await;
    advance(TTL).await;
    let begun = Instant::now();
    let value = kept.get(&key("a"), |_| std::future::pending()).await.unwrap();
    assert_eq!((value.expose_text().unwrap(), begun.elapsed()), ("1", PATIENCE));
}

#[tokio::test(start_paused = true)]
async fn that_there_is_none_is_known_for_a_while() {
    let kept = kept();
    let asked = AtomicUsize::new(0);
    let missing = |_| async {
        asked.fetch_add(1, Ordering::SeqCst);
        Err(Error::new(&codes::secrets::MISSING, "no"))
    };
    for _ in 0..10 {
        assert!(kept.get(&key("a"), missing).await.unwrap_err().is(&codes::secrets::MISSING));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    kept.stale("a");
    assert!(kept.get(&key("a"), missing).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 2, "who says that it is stale is heard");
    // A secret that was deleted does not live on here.
    let store = Store::default();
    store.value(&kept, "b").await;
    advance(TTL).await;
    assert!(kept.get(&key("b"), missing).await.is_err());
    store.set_down(true);
    advance(FAILURE).await;
    assert!(store.ask(&kept, "b").await.unwrap_err().is(&codes::secrets::SEALED));
}

/// Whoever takes our access away means it.
#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_us_is_not_away() {
    let (kept, store) = (kept(), Store::default());
    assert_eq!(store.value(&kept, "a").await, "1");
    advance(TTL).await;
    let denied = |_| async { Err(Error::new(&codes::secrets::DENIED, "no")) };
    for _ in 0..3 {
        let error = kept.get(&key("a"), denied).await.unwrap_err();
        assert!(error.is(&codes::secrets::DENIED) && error.detail() == "no", "{error}");
    }
    // Nor does it come back when the store is away after that.
    store.set_down(true);
    advance(FAILURE).await;
    assert!(store.ask(&kept, "a").await.unwrap_err().is(&codes::secrets::SEALED));
    store.set_down(false);
    advance(FAILURE).await;
    assert_eq!(store.value(&kept, "a").await, "3");
}

#[tokio::test(start_paused = true)]
async fn places_of_failures_are_cleared() {
    let (kept, store) = (kept(), Store::default());
    let fails = |_| async { Err(Error::new(&codes::secrets::MISSING, "no")) };
    for number in 0..MANY {
        assert!(kept.get(&key(&number.to_string()), fails).await.is_err());
    }
    advance(FAILURE).await;
    assert_eq!(store.value(&kept, "new").await, "1");
    assert!(kept.places().len() <= 1);
}

/// A store whose leases can be renewed `renewals` times.
async fn leased(renewals: &AtomicUsize, reads: &AtomicUsize, old: Option<Lease>) -> Result<Given> {
    let hour = Duration::from_secs(3600);
    if let Some(lease) = old
        && renewals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    {
        return Ok(Given { value: None, lease: Some(Lease { left: hour, counted: hour, ..lease }), soon: None });
    }
    let number = reads.fetch_add(1, Ordering::SeqCst) + 1;
    let lease = Lease { id: number.to_string(), whole: hour, left: hour, counted: hour, login: 0, renewable: true };
    Ok(Given { value: Some(Secret::new(number.to_string().into_bytes())), lease: Some(lease), soon: None })
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_at_half_of_its_time_and_replaced_where_it_is_not() {
    let (kept, renewals, reads) = (kept(), AtomicUsize::new(1), AtomicUsize::new(0));
    let half = Duration::from_secs(1800);
    let get = async || {
        let secret = kept.get(&key("a"), |old| leased(&renewals, &reads, old)).await.unwrap();
        secret.expose_text().unwrap().to_owned()
    };
    assert_eq!(get().await, "1");
    advance(half - Duration::from_secs(1)).await;
    assert_eq!(get().await, "1");
    assert_eq!(renewals.load(Ordering::SeqCst), 1, "not before half of it");
    advance(Duration::from_secs(1)).await;
    assert_eq!(get().await, "1");
    assert_eq!(renewals.load(Ordering::SeqCst), 0);
    advance(half).await;
    assert_eq!(get().await, "2", "its renewal was refused");
    // One that ran out is not renewed.
    renewals.store(5, Ordering::SeqCst);
    advance(half * 2).await;
    assert_eq!((get().await.as_str(), renewals.load(Ordering::SeqCst)), ("3", 5));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_tended_as_long_as_it_is_wanted() {
    let (kept, renewals, reads) = (kept(), AtomicUsize::new(100), AtomicUsize::new(0));
    let day = Duration::from_secs(24 * 3600);
    kept.get(&key("a"), |old| leased(&renewals, &reads, old)).await.unwrap();
    assert!(kept.claim(&key("a"), "1"));
    assert!(!kept.claim(&key("a"), "1"), "once");
    let begun = Instant::now();
    let (mut pause, mut lease) = (Duration::from_secs(1800), "1".to_owned());
    while let Some(next) = {
        tokio::time::sleep(pause).await;
        kept.tend(&key("a"), &mut lease, day, |old| leased(&renewals, &reads, old)).await
    } {
        pause = next;
    }
    assert_eq!(reads.load(Ordering::SeqCst), 1);
    assert!(begun.elapsed() > day && begun.elapsed() < day + Duration::from_secs(3600), "{:?}", begun.elapsed());
    kept.get(&key("a"), |old| leased(&renewals, &reads, old)).await.unwrap();
    let mut other = "other".to_owned();
    assert_eq!(kept.tend(&key("a"), &mut other, day, |old| leased(&renewals, &reads, old)).await, None);
    // One that can't be renewed any more is replaced, and the new one tended.
    let mut lease = reads.load(Ordering::SeqCst).to_string();
    assert!(kept.claim(&key("a"), &lease), "it was left as unwanted, and is wanted again");
    renewals.store(0, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1800)).await;
    assert!(kept.tend(&key("a"), &mut lease, day, |old| leased(&renewals, &reads, old)).await.is_some());
    assert_eq!(lease, reads.load(Ordering::SeqCst).to_string());
    assert!(!kept.claim(&key("a"), &lease), "whoever tended the old one tends it");
}

#[tokio::test(start_paused = true)]
async fn a_lease_serves_no_longer_than_it_lasts() {
    let (kept, renewals, reads) = (kept(), AtomicUsize::new(0), AtomicUsize::new(0));
    kept.get(&key("a"), |old| leased(&renewals, &reads, old)).await.unwrap();
    let down = |_| async { Err(Error::new(&codes::secrets::UNREACHABLE, "down")) };
    advance(Duration::from_secs(3599)).await;
    assert_eq!(kept.get(&key("a"), down).await.unwrap().expose(), b"1");
    advance(Duration::from_secs(1)).await;
    assert!(kept.get(&key("a"), down).await.unwrap_err().is(&codes::secrets::UNREACHABLE));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_its_login_ends_serves_until_then_and_may_go_on_after() {
    let (kept, hour) = (kept(), Duration::from_secs(3600));
    let minutes = |count: u64| Duration::from_secs(count * 60);
    let lease = Lease { id: "1".to_owned(), whole: hour, left: hour, counted: minutes(20), login: 0, renewable: false };
    let given = |lease: &Lease, value: Option<Secret>| Given { value, lease: Some(lease.clone()), soon: None };
    let first = async |old: Option<Lease>| {
        assert_eq!(old, None);
        Ok(given(&lease, Some(Secret::new(b"1".to_vec()))))
    };
    kept.get(&key("a"), first).await.unwrap();
    // An error that would be passed on at once.
    let nobody = |_| async { Err(Error::new(&codes::secrets::DENIED, "it is fresh, and was asked for")) };
    advance(minutes(9)).await;
    kept.get(&key("a"), nobody).await.unwrap();
    let down = |_| async { Err(Error::new(&codes::secrets::UNREACHABLE, "down")) };
    advance(minutes(10)).await;
    assert_eq!(kept.get(&key("a"), down).await.unwrap().expose(), b"1");
    advance(minutes(1)).await;
    assert!(kept.get(&key("a"), down).await.unwrap_err().is(&codes::secrets::UNREACHABLE));
    // The login was renewed after all.
    advance(minutes(1)).await;
    let goes_on = async |old: Option<Lease>| {
        let old = old.unwrap();
        assert_eq!((old.left, old.counted), (minutes(39), Duration::ZERO));
        Ok(given(&Lease { counted: minutes(39), ..old }, None))
    };
    assert_eq!(kept.get(&key("a"), goes_on).await.unwrap().expose(), b"1");
    advance(minutes(19)).await;
    kept.get(&key("a"), nobody).await.unwrap();
}
