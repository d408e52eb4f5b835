//! Admission: idempotency, limit, sequence number, job, timeline and task in one transaction.
//!
//! Those that come at the same time share one, see [`together`]: each is decided by itself, in the order in which they
//! came, and all of them wait for the disk once. What is read and written is read and written for all of them at once,
//! because fewer and larger statements cost less.

use std::collections::HashMap;

use sealpost_core::error::codes;
use sealpost_core::id::{JobId, PartnerId, ReportTypeId};
use sealpost_core::job::{Job, JobMove};
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::{Error, Result};

use super::idempotency::{self, Done};
use super::statement::{query, query_as};
use super::value::{encode, unsigned};
use super::{Connection, fault, jobs};

mod insert;
pub(super) mod together;

/// Admits each, in their order. An error of its own refuses one of them; that of a statement, all.
fn admit(connection: &Connection, asked: &[Box<Admission>]) -> Result<Vec<Result<Admitted>>> {
    let mut batch = Batch {
        done: idempotency::find_all(connection, asked.iter().filter_map(|admission| keyed(admission)))?,
        standings: standings(connection, asked)?,
        ..Batch::default()
    };
    let mut outcomes = Vec::with_capacity(asked.len());
    for admission in asked {
        outcomes.push(match batch.before(admission) {
            Some(Ok(before)) => batch.job(connection, &before).map(Admitted::Replayed),
            Some(Err(error)) => Err(error),
            None => batch.decide(admission).map(Admitted::New),
        });
    }
    batch.store(connection)?;
    Ok(outcomes)
}

/// How partners and their report types stand, and what becomes of them in this transaction.
#[derive(Default)]
struct Batch<'a> {
    /// What was done under idempotency keys.
    done: HashMap<(&'a str, &'a str), Done>,
    standings: Standings<'a>,
    made: Vec<JobMove>,
    /// Keys to keep, with the admission that each came with.
    kept: Vec<&'a Admission>,
}

#[derive(Default)]
struct Standings<'a> {
    /// The last number that was given out, and whether it was in this transaction.
    sequences: HashMap<(&'a PartnerId, &'a ReportTypeId), (u64, bool)>,
    /// Reports that are queued or running.
    active: HashMap<&'a PartnerId, u64>,
}

impl<'a> Batch<'a> {
    /// The job that this key and request made before, if any did.
    fn before(&self, admission: &'a Admission) -> Option<Result<JobId>> {
        let (key, sha256) = admission.idempotency.as_ref()?;
        Some(match self.done.get(&(partner(admission).as_str(), key.as_str()))? {
            Done { sha256: known, job, deliveries: None } if known == sha256 => Ok(job.clone()),
            _ => Err(idempotency::mismatch()),
        })
    }

    fn job(&self, connection: &Connection, id: &JobId) -> Result<Job> {
        match self.made.iter().find(|made| made.job.id == *id) {
            Some(made) => Ok(made.job.clone()),
            None => jobs::existing(connection, id),
        }
    }

    /// A new job. A refusal leaves everything as it was; it gives its number back.
    fn decide(&mut self, admission: &'a Admission) -> Result<Job> {
        let active = self.standings.active.entry(partner(admission)).or_default();
        if *active >= u64::from(admission.active_limit) {
            return Err(Error::new(
                &codes::request::TOO_MANY_ACTIVE,
                format!("{active} reports are queued or running; the limit is {}", admission.active_limit),
            ));
        }
        let counted = (partner(admission), &admission.request.report_type);
        let sequence = self.standings.sequences.get(&counted).map_or(0, |(last, _)| *last) + 1;
        let file_name = (admission.file_name)(admission, sequence)?;
        let request = admission.request.clone();
        let made = Job::admitted(admission.id.clone(), request, file_name, admission.retention_days, admission.now);
        let job = made.job.clone();
        *active += 1;
        self.standings.sequences.insert(counted, (sequence, true));
        if let Some((key, sha256)) = &admission.idempotency {
            let done = Done { sha256: sha256.clone(), job: job.id.clone(), deliveries: None };
            self.done.insert((partner(admission).as_str(), key.as_str()), done);
            self.kept.push(admission);
        }
        self.made.push(made);
        Ok(job)
    }

    fn store(&self, connection: &Connection) -> Result<()> {
        let given = self.standings.sequences.iter().filter(|(_, (_, is_new))| *is_new);
        let given: Vec<_> = given.map(|((partner, of), (last, _))| (partner, of, last)).collect();
        if given.is_empty() {
            return Ok(());
        }
        query(
            "INSERT INTO sequences (partner, report_type, last)
             SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE 1
             ON CONFLICT DO UPDATE SET last = excluded.last",
        )
        .bind(encode("sequence numbers", &given)?)
        .execute(connection)
        .map_err(fault::write)?;
        insert::all(connection, &self.made)?;
        let kept = self.kept.iter().filter_map(|admission| {
            let (key, sha256) = admission.idempotency.as_ref()?;
            Some((partner(admission).as_str(), key.as_str(), sha256.as_str(), admission.id.as_str(), admission.now))
        });
        idempotency::remember_all(connection, kept.collect())
    }
}

/// Reads how all of them stand, in one statement.
fn standings<'a>(connection: &Connection, asked: &'a [Box<Admission>]) -> Result<Standings<'a>> {
    let mut standings = Standings::default();
    let mut names = Vec::new();
    for admission in asked {
        let name = (partner(admission), &admission.request.report_type);
        if standings.sequences.insert(name, (0, false)).is_none() {
            names.push(name);
        }
    }
    let found: Vec<(i64, i64, i64)> = query_as(
        "SELECT asked.key, COALESCE(sequences.last, 0), COALESCE(active_jobs.jobs, 0) FROM json_each(?) AS asked
         LEFT JOIN sequences ON sequences.partner = asked.value ->> 0 AND sequences.report_type = asked.value ->> 1
         LEFT JOIN active_jobs ON active_jobs.partner = asked.value ->> 0",
    )
    .bind(encode("report types", &names)?)
    .fetch_all(connection)
    .map_err(fault::read)?;
    for (index, last, active) in found {
        let Some(name) = usize::try_from(index).ok().and_then(|index| names.get(index)) else { continue };
        standings.sequences.insert(*name, (unsigned(last), false));
        standings.active.insert(name.0, unsigned(active));
    }
    Ok(standings)
}

fn partner(admission: &Admission) -> &PartnerId {
    &admission.request.partner
}

/// Partner, key and time, of one that has a key.
fn keyed(admission: &Admission) -> Option<(&str, &str, jiff::Timestamp)> {
    let (key, _) = admission.idempotency.as_ref()?;
    Some((partner(admission).as_str(), key.as_str(), admission.now))
}
