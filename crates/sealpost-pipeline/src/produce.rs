//! Produce: rows → format → compression → seal → store, in constant memory.
//!
//! Three parties run at once: the source on the async side, format and seal on a blocking thread, the store on the
//! async side again. Each hands on through a bounded channel, so a slow store slows the query. Whichever fails, the
//! others see a channel that ended without its explicit end, and stop. The blocking thread takes the rows from the source
//! itself, and writes a local store itself: each hand-over in between is a thread to be woken, and it may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::{Job, JobEvent, Progress};
use sealpost_core::partner::{Partner, SealSettings};
use sealpost_core::port::{CompressionEntry, Format, SealPlan, Sealer};
use sealpost_core::report::ReportType;
use sealpost_core::sealed::{SealedFile, SealedKey};
use sealpost_core::secret::Secret;
use sealpost_core::sink::ByteSink;
use sealpost_core::task::Lease;
use sealpost_store::Upload;
use tokio::sync::oneshot;

use crate::pipe::{PipeReader, pipe};
use crate::submit::{Recipients, check_grant};
use crate::telemetry::Stopwatch;
use crate::worker::{Beat, Outcome, waits_unread};
use crate::{Pipeline, log};

mod counted;
mod ending;
mod rows;
mod unknown;

use counted::Counted;
use rows::Rows;

/// Attempts that may be cut short by a dying process before the job is given up.
pub(crate) const MOST_INTERRUPTIONS: u32 = 1000;

/// Earlier attempts that are tidied up after. Each tidies up after those before it, so that only attempts that were all cut off at once,
/// or that the store did not let tidy up, leave more.
const MOST_TIDIED: usize = 64;

/// How far an attempt is, shared with its heartbeat.
#[derive(Default)]
pub(crate) struct Counters {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn progress(&self) -> Progress {
        Progress { rows: self.rows.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

/// What an attempt made.
struct Produced {
    file: SealedFile,
    row_count: u64,
    recipients: Vec<String>,
}

/// What the blocking thread needs.
struct Writing {
    report: Arc<ReportType>,
    format: Arc<dyn Format>,
    compression: &'static CompressionEntry,
    sealer: Arc<dyn Sealer>,
    recipients: Recipients,
    seal: SealSettings,
    signer: Option<(Secret, Option<Secret>)>,
    file_name: String,
}

impl Pipeline {
    /// Works on a produce task until it is done, to be tried again, or lost.
    pub(crate) async fn produce(&self, id: &JobId, lease: &mut Lease) -> Result<Outcome> {
        let mut has_begun = false;
        let error = match self.produce_leased(id, lease, &mut has_begun).await {
            Err(error) if !error.is_retried() && (has_begun || !waits_unread(&error, lease)) => error,
            outcome => return outcome,
        };
        // Somebody may cancel it between our look and our event: then there is nothing left to do.
        if error.is(&codes::ledger::ILLEGAL_MOVE) {
            let job = self.parts.ledger.job_of_any_partner(id).await?;
            if job.is_none_or(|job| job.status.is_terminal()) {
                return Ok(Outcome::Done);
            }
        }
        self.end_refused(id, error, lease).await
    }

    async fn produce_leased(&self, id: &JobId, lease: &mut Lease, has_begun: &mut bool) -> Result<Outcome> {
        let Some(job) = self.parts.ledger.job_of_any_partner(id).await? else { return Ok(Outcome::Done) };
        if job.status.is_terminal() {
            return Ok(Outcome::Done);
        }
        if job.cancel_requested {
            return self.cancelled(&job, lease).await;
        }
        if let Some(pause) = self.pause_for_another(&job) {
            log::left_to_another(&job, pause);
            return Ok(Outcome::Again(pause));
        }
        // Before anything is begun: a record that can't be read here uses up no attempt. The webhooks are told of its end.
        drop(self.parts.records.partner(&job.request.partner).await?);
        drop(self.parts.outbox.webhooks(&job.request.partner).await?);
        let attempt = job.attempts + 1;
        if attempt - job.failed_attempts > MOST_INTERRUPTIONS {
            let error = Error::new(&codes::ledger::INTERRUPTED, format!("report {id}, {} attempts", job.attempts));
            return self.give_up(&job, &error, lease).await;
        }
        let started = JobEvent::Started { attempt, worker: self.parts.settings.worker.clone() };
        let job = self.parts.ledger.apply(id, &started, Some(lease), Timestamp::now()).await?;
        *has_begun = true;
        log::started(&job);
        let stopwatch = Stopwatch::start();
        let counters = Arc::new(Counters::default());
        let work = async {
            // What a crashed attempt left behind is nobody's: each attempt has a place of its own.
            for earlier in (1..attempt).rev().take(places_to_tidy(attempt, job.waits)) {
                self.discard(&job, earlier).await;
            }
            self.made(&job, attempt, &counters).await
        };
        match self.while_leased(lease, Beat::Report(id, &counters), work).await {
            Ok(produced) => self.stored(&job, attempt, produced, lease, stopwatch).await,
            Err(error) if error.is(&codes::ledger::LEASE_LOST) => {
                self.discard(&job, attempt).await;
                Err(error)
            }
            Err(error) => {
                // A store that does not answer takes its time: the lease must not run out meanwhile, or the failure would not be
                // recorded, nor counted.
                let tidied = async {
                    self.discard(&job, attempt).await;
                    Ok(())
                };
                self.while_leased(lease, Beat::LeaseOnly, tidied).await?;
                self.not_produced(&job, &error, lease).await
            }
        }
    }

    /// Removes what an attempt has left in the store. Where that can't be done, the end of the report does it.
    async fn discard(&self, job: &Job, attempt: u32) {
        if let Err(error) = self.parts.store.discard_attempt(&job.request.partner, &job.id, attempt).await {
            log::leftover(job, attempt, &error);
        }
    }

    /// An attempt; once more where what it failed by can be cleared away. Nothing of the first one was stored.
    async fn made(&self, job: &Job, attempt: u32, counters: &Arc<Counters>) -> Result<Produced> {
        let error = match self.attempt(job, attempt, counters).await {
            Err(error) => error,
            made => return made,
        };
        match &self.parts.signing_key {
            // What its secrets say by now: key and passphrase are changed one after the other.
            Some(key) if error.is(&codes::seal::SIGNING_KEY) => {
                for reference in [Some(&key.key), key.passphrase.as_ref()].into_iter().flatten() {
                    self.parts.secrets.stale(reference).await;
                }
            }
            // The ledger has just begun this attempt and knows of no object of it: it was restored to a time before, and the
            // object is rubbish (docs/adr/0003).
            _ if error.is(&codes::store::EXISTS) => log::forgotten(job, attempt),
            _ => return Err(error),
        }
        self.parts.store.discard_attempt(&job.request.partner, &job.id, attempt).await?;
        counters.rows.store(0, Ordering::Relaxed);
        counters.bytes.store(0, Ordering::Relaxed);
        self.attempt(job, attempt, counters).await
    }

    async fn attempt(&self, job: &Job, attempt: u32, counters: &Arc<Counters>) -> Result<Produced> {
        let request = &job.request;
        let missing = |what: String| Error::new(&codes::config::INVALID, what);
        let partner = self.parts.records.partner(&request.partner).await?;
        let partner = partner.ok_or_else(|| missing(format!("partner {} is gone", request.partner)))?;
        let report = self.parts.catalogue.get(request.report_type.as_str());
        let report = report
            .ok_or_else(|| missing(format!("report type {} is no longer in the catalogue", request.report_type)))?;
        if !partner.enabled {
            return Err(Error::new(&codes::request::PARTNER_DISABLED, format!("partner {}", partner.id)));
        }
        check_grant(&partner, &report, &request.format)?;
        let report = self.parts.catalogue.described(report.clone(), self.source(&report)?.as_ref()).await?;
        let recipients = self.usable_recipients(&partner, Timestamp::now())?;
        let fingerprints = recipients.fingerprints.clone();
        let writing = self.writing(job, &partner, &report, recipients).await?;

        let query = self.query(&partner, &report, &request.parameters, None)?;
        let rows = self.source(&report)?.open(&query).await?;
        let key =
            SealedKey { partner: partner.id.clone(), job: job.id.clone(), attempt, file_name: job.file_name.clone() };
        let mut upload = self.parts.store.create(key).await?;

        let (attended, unattended) = oneshot::channel();
        let rows = Rows::new(rows, unattended, counters.clone());
        let (sink, reader): (Box<dyn ByteSink>, _) = match upload.sink() {
            Some(sink) => (sink, None),
            None => {
                let (sink, reader) = pipe();
                (Box::new(sink), Some(reader))
            }
        };
        let sink = Box::new(Counted { sink, counters: counters.clone() });
        let writer = tokio::task::spawn_blocking(move || write(&writing, rows, sink));
        let (written, stored) = tokio::join!(writer, store(upload, reader));
        drop(attended);
        let written = written
            .unwrap_or_else(|panic| Err(Error::new(&codes::format::WRITE, format!("the writer stopped: {panic}"))));
        let file = first_cause(written, stored)?;
        Ok(Produced { file, row_count: counters.rows.load(Ordering::Relaxed), recipients: fingerprints })
    }

    async fn writing(
        &self,
        job: &Job,
        partner: &Partner,
        report: &Arc<ReportType>,
        recipients: Recipients,
    ) -> Result<Writing> {
        let request = &job.request;
        let entry = self.parts.formats.iter().find(|entry| entry.name == request.format);
        let entry = entry.ok_or_else(|| Error::new(&codes::request::UNKNOWN_FORMAT, request.format.clone()))?;
        let signer = match (&self.parts.signing_key, partner.seal.sign) {
            (_, false) => None,
            (None, true) => {
                return Err(Error::new(
                    &codes::seal::SIGNING_KEY,
                    format!("partner {} wants signatures, but there is no signing key", partner.id),
                ));
            }
            (Some(key), true) => {
                let secret = self.parts.secrets.resolve(&key.key).await?;
                let passphrase = match &key.passphrase {
                    Some(reference) => Some(self.parts.secrets.resolve(reference).await?),
                    None => None,
                };
                Some((secret, passphrase))
            }
        };
        // The name inside the message is the file's own, without the extension of sealing.
        let sealed_name = job.file_name.as_str();
        let file_name =
            sealed_name.strip_suffix(".pgp").or_else(|| sealed_name.strip_suffix(".asc")).unwrap_or(sealed_name);
        let (compression, armor) = self.wrapping(partner, entry, &job.file_name)?;
        Ok(Writing {
            report: report.clone(),
            format: (entry.build)(&request.format_options)?,
            compression,
            sealer: self.parts.sealer.clone(),
            recipients,
            seal: SealSettings { armor, ..partner.seal.clone() },
            signer,
            file_name: file_name.to_owned(),
        })
    }
}

/// How many earlier attempts this one tidies up after. Where all of them found the database or the secret store away, they have
/// stored no complete file, and may be hundreds: asking for all their places anew is work for the store each time. One that was cut
/// off, or failed by anything else, may have, and the store may have let none since tidy up.
fn places_to_tidy(attempt: u32, waits: u32) -> usize {
    if attempt > waits.saturating_add(1) { MOST_TIDIED } else { 1 }
}

/// Source to sink, on a blocking thread.
fn write(writing: &Writing, mut rows: Rows, sink: Box<dyn ByteSink>) -> Result<()> {
    let plan = SealPlan {
        recipients: &writing.recipients.certificates,
        message: writing.seal.message,
        armor: writing.seal.armor,
        signer: writing.signer.as_ref().map(|(key, passphrase)| (key, passphrase.as_ref())),
        file_name: &writing.file_name,
        now: writing.recipients.at,
    };
    let sealed: Box<dyn ByteSink> = writing.sealer.seal(&plan, sink)?;
    let inner_name = match writing.compression.extension {
        "" => writing.file_name.as_str(),
        extension => writing
            .file_name
            .strip_suffix(extension)
            .map_or(writing.file_name.as_str(), |name| name.trim_end_matches('.')),
    };
    let compressed = (writing.compression.wrap)(inner_name, sealed)?;
    let mut writer = writing.format.begin(&writing.report.columns, compressed)?;
    while let Some(batch) = rows.next()? {
        writer.write(&batch)?;
    }
    writer.finish()
}

/// Pipe to store; where there is none, the store has a sink, and what is left to do is its end.
async fn store(mut upload: Upload, reader: Option<PipeReader>) -> Result<SealedFile> {
    let Some(mut reader) = reader else { return upload.finish_sunk().await };
    upload.expect_sha256();
    while let Some(bytes) = reader.next().await? {
        upload.write(bytes).await?;
    }
    upload.finish_with(reader.sha256()?).await
}

/// One failure makes both fail; the one that isn't a consequence of the other is what people need.
fn first_cause(written: Result<()>, stored: Result<SealedFile>) -> Result<SealedFile> {
    let is_cause = |error: &Error| !error.is(&codes::store::ABORTED) && !error.is(&codes::seal::UNFINISHED);
    match (written, stored) {
        (Ok(()), Ok(file)) => Ok(file),
        (_, Err(error)) if is_cause(&error) => Err(error),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_that_only_waited_are_not_looked_for_again() {
        // The third, after two that failed for the store's sake: neither could tidy up, and the first one's file may be complete.
        for (attempt, waits, looked_for) in [(2, 1, 1), (181, 180, 1), (3, 0, MOST_TIDIED), (181, 179, MOST_TIDIED)] {
            assert_eq!(places_to_tidy(attempt, waits), looked_for, "{attempt} {waits}");
        }
    }

    #[test]
    fn the_cause_is_reported_not_its_consequences() {
        let error = |code| Error::new(code, "");
        let (aborted, unfinished) = (&codes::store::ABORTED, &codes::seal::UNFINISHED);
        for (written, stored, cause) in [
            (&codes::source::BROKEN, aborted, &codes::source::BROKEN),
            (&codes::format::CHARACTER, aborted, &codes::format::CHARACTER),
            (&codes::format::WRITE, &codes::store::FULL, &codes::store::FULL),
            (unfinished, &codes::store::FULL, &codes::store::FULL),
            (unfinished, aborted, unfinished),
        ] {
            assert!(first_cause(Err(error(written)), Err(error(stored))).expect_err("fails").is(cause));
        }
    }
}
