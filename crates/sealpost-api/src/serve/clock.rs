//! The time limit of heads of requests, for hyper, without an entry in the runtime's timer for each request.
//!
//! hyper begins to wait anew for each head, nearly always in vain. All waits of a connection share one entry, which is set
//! for the first of them: when it goes off, mostly nobody waits any more, or somebody until later, for whom it is set again.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// A connection's timer.
#[derive(Clone, Default)]
pub(super) struct Clock(Arc<Mutex<Option<Entry>>>);

/// An entry in the runtime's timer.
type Entry = Pin<Box<tokio::time::Sleep>>;

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting { clock: self.clone(), until: deadline.into() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// A wait until a time.
struct Waiting {
    clock: Clock,
    until: tokio::time::Instant,
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let until = self.until;
        if until <= tokio::time::Instant::now() {
            return Poll::Ready(());
        }
        let mut entry = self.clock.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entry.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if entry.deadline() > until {
            entry.as_mut().reset(until);
        }
        while entry.as_mut().poll(context).is_ready() {
            if entry.deadline() >= until {
                return Poll::Ready(());
            }
            entry.as_mut().reset(until);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_ends_when_it_should_however_many_came_before() {
        let (clock, limit) = (Clock::default(), Duration::from_secs(30));
        let begun = tokio::time::Instant::now();
        for _ in 0..7 {
            // Given up after ten seconds, as for a head that comes then.
            let wait = clock.sleep_until(clock.now() + limit);
            assert!(tokio::time::timeout(Duration::from_secs(10), wait).await.is_err());
        }
        assert_eq!(begun.elapsed().as_secs(), 70);
        clock.sleep(limit).await;
        assert_eq!(begun.elapsed().as_secs(), 100);
        // An earlier one than the one before.
        let long = clock.sleep(Duration::from_secs(60));
        assert!(tokio::time::timeout(Duration::from_secs(1), long).await.is_err());
        clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(begun.elapsed().as_secs(), 106);
        // One that is over already.
        clock.sleep_until(clock.now()).await;
        assert_eq!(begun.elapsed().as_secs(), 106);
    }
}
