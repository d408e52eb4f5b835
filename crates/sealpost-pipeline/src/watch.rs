//! Following a report: whoever waits for a change of it is woken, without asking the ledger over and over.
//!
//! There is one watcher for each report that somebody follows, however many follow it. It reads the report when this
//! process has changed it (`Observed` rings), and once a second for what other processes did.

mod observed;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealpost_core::delivery::Delivery;
use sealpost_core::error::Result;
use sealpost_core::id::JobId;
use sealpost_core::job::Job;
use sealpost_core::port::{Ledger, Mark};
use tokio::sync::{Notify, watch};

use crate::Pipeline;

pub(crate) use observed::Observed;

/// How often a watcher looks for what other processes did.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A report and its deliveries, as read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The report.
    pub job: Job,
    /// Its deliveries, oldest first.
    pub deliveries: Vec<Delivery>,
}

impl Snapshot {
    /// How many events there have been of the report and its deliveries. It only grows; progress does not count.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.job.version + self.deliveries.iter().map(|delivery| delivery.version).sum::<u64>()
    }

    /// Whether nothing more happens: neither to the report nor to its deliveries.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.job.status.is_terminal() && self.deliveries.iter().all(|delivery| delivery.status.is_terminal())
    }

    async fn load(ledger: &dyn Ledger, id: &JobId) -> Result<Option<Self>> {
        let Some(job) = ledger.job_of_any_partner(id).await? else { return Ok(None) };
        Ok(Some(Self::of(ledger, job).await?))
    }

    async fn of(ledger: &dyn Ledger, job: Job) -> Result<Self> {
        // Deliveries come into being with the file, never before.
        let deliveries = if job.file.is_some() { ledger.deliveries(&job.id).await? } else { Vec::new() };
        Ok(Self { job, deliveries })
    }
}

/// A report that is followed. Dropped, it is no longer.
pub struct Following(watch::Receiver<Option<Arc<Snapshot>>>);

impl Following {
    /// Waits until `wanted` holds for what is known of the report. It is asked about the present state first.
    pub async fn until(&mut self, mut wanted: impl FnMut(&Snapshot) -> bool) -> Arc<Snapshot> {
        let found = self.0.wait_for(|known| known.as_deref().is_some_and(&mut wanted)).await;
        match found.ok().and_then(|found| found.clone()) {
            Some(found) => found,
            // The watcher is gone, which happens when its runtime ends: so nothing more will be known.
            None => std::future::pending().await,
        }
    }
}

/// Who is followed.
#[derive(Default)]
pub(crate) struct Hub {
    watchers: Mutex<HashMap<JobId, Watcher>>,
}

struct Watcher {
    bell: Arc<Notify>,
    known: watch::Sender<Option<Arc<Snapshot>>>,
}

impl Hub {
    /// This process has changed the report.
    fn ring(&self, id: &JobId) {
        if let Some(watcher) = self.lock().get(id) {
            watcher.bell.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Watcher>> {
        // Every critical section leaves the map whole.
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(self: &Arc<Self>, ledger: &Arc<dyn Ledger>, id: &JobId) -> Following {
        let mut watchers = self.lock();
        if let Some(watcher) = watchers.get(id) {
            return Following(watcher.known.subscribe());
        }
        let (known, first) = watch::channel(None);
        let bell = Arc::new(Notify::new());
        watchers.insert(id.clone(), Watcher { bell: bell.clone(), known: known.clone() });
        tokio::spawn(self.clone().watch(ledger.clone(), id.clone(), bell, known));
        Following(first)
    }

    async fn watch(
        self: Arc<Self>,
        ledger: Arc<dyn Ledger>,
        id: JobId,
        bell: Arc<Notify>,
        known: watch::Sender<Option<Arc<Snapshot>>>,
    ) {
        loop {
            match Snapshot::load(&*ledger, &id).await {
                Ok(Some(snapshot)) => {
                    known.send_if_modified(|known| {
                        let is_new = known.as_deref() != Some(&snapshot);
                        if is_new {
                            *known = Some(Arc::new(snapshot));
                        }
                        is_new
                    });
                }
                Ok(None) => {}
                // Who waits is answered by its own reading of the ledger in the end, which says what is wrong.
                Err(error) => tracing::debug!(target: "sealpost::watch", report = %id, %error, "not read"),
            }
            tokio::select! {
                () = bell.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = known.closed() => {
                    // Under the lock nobody can begin to follow; someone may have just before.
                    let mut watchers = self.lock();
                    if known.receiver_count() == 0 {
                        watchers.remove(&id);
                        return;
                    }
                }
            }
        }
    }
}

impl Pipeline {
    /// A report of a partner with its deliveries, read now.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such report.
    pub async fn snapshot(&self, partner: &sealpost_core::partner::Partner, id: &JobId) -> Result<Snapshot> {
        let job = self.report(partner, id).await?;
        Snapshot::of(&*self.parts.ledger, job).await
    }

    /// See [`Ledger::mark`].
    #[must_use]
    pub fn mark(&self, id: &JobId) -> Option<Mark> {
        self.parts.ledger.mark(id)
    }

    /// Follows a report. Whose it is was checked before.
    #[must_use]
    pub fn follow(&self, id: &JobId) -> Following {
        self.hub.follow(&self.parts.ledger, id)
    }

    /// How many reports are followed.
    #[must_use]
    pub fn followed(&self) -> usize {
        self.hub.lock().len()
    }
}
