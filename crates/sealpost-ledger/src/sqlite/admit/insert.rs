//! New jobs as rows: many in each statement.

use std::sync::LazyLock;

use sealpost_core::Result;
use sealpost_core::event::Happening;
use sealpost_core::id::TaskId;
use sealpost_core::job::{JobEvent, JobMove};

use super::super::statement::query;
use super::super::value::{encode, nanos};
use super::super::{Connection, fault, tasks};

/// Most jobs of one statement; below it, the powers of two. Each is a statement of its own, prepared once.
const MOST: usize = 32;

/// The statements by the logarithm of their number of jobs: rows of jobs, of their timelines, of their tasks. Nothing
/// that anybody said is part of them.
static STATEMENTS: LazyLock<Vec<[String; 3]>> =
    LazyLock::new(|| (0..=MOST.ilog2()).map(|power| statements(1 << power)).collect());

fn statements(jobs: usize) -> [String; 3] {
    [
        ("jobs (id, partner, report_type, status, created_at, record)", "(?, ?, ?, ?, ?, ?)"),
        ("timeline (job, sequence, at, what)", "(?, 1, ?, ?)"),
        ("tasks (id, kind, subject, ready_at)", "(?, ?, ?, ?)"),
    ]
    // Where a row is refused, those before it stay (FAIL), until the turn is taken back, as it is after every error. ABORT, which
    // is the rule, keeps a copy of each page to take the rows back by itself.
    .map(|(table, row)| format!("INSERT OR FAIL INTO {table} VALUES {}", vec![row; jobs].join(", ")))
}

/// Inserts new jobs, counted as active, with the first entries of their timelines and their first tasks, which have no lane.
pub(super) fn all(connection: &Connection, made: &[JobMove]) -> Result<()> {
    count(connection, made)?;
    let first = encode("a timeline entry", &Happening::Report(JobEvent::Admitted))?;
    let mut rest = made;
    while !rest.is_empty() {
        let power = rest.len().min(MOST).ilog2();
        let (some, others) = rest.split_at(1 << power);
        rest = others;
        let Some([jobs, timelines, queue]) = usize::try_from(power).ok().and_then(|power| STATEMENTS.get(power)) else {
            break;
        };
        let mut rows = query(jobs);
        for JobMove { job, .. } in some {
            rows = rows
                .bind(job.id.as_str())
                .bind(job.request.partner.as_str())
                .bind(job.request.report_type.as_str())
                .bind(job.status.as_str())
                .bind(nanos(job.created_at))
                .bind(encode("a job", job)?);
        }
        rows.execute(connection).map_err(fault::write)?;
        let mut rows = query(timelines);
        for JobMove { job, .. } in some {
            rows = rows.bind(job.id.as_str()).bind(nanos(job.created_at)).bind(first.as_str());
        }
        rows.execute(connection).map_err(fault::write)?;
        let mut rows = query(queue);
        for task in some.iter().flat_map(|made| &made.tasks) {
            let (kind, subject) = tasks::columns(&task.work);
            rows = rows.bind(TaskId::fresh().as_str().to_owned()).bind(kind).bind(subject).bind(nanos(task.run_at));
        }
        rows.execute(connection).map_err(fault::write)?;
    }
    Ok(())
}

/// Counts new jobs as queued or running. Not by a trigger: for one, SQLite first copies all rows of a statement.
fn count(connection: &Connection, made: &[JobMove]) -> Result<()> {
    let mut new: Vec<(&str, i64)> = Vec::new();
    for JobMove { job, .. } in made {
        let partner = job.request.partner.as_str();
        match new.iter_mut().find(|(known, _)| *known == partner) {
            Some((_, jobs)) => *jobs += 1,
            None => new.push((partner, 1)),
        }
    }
    for (partner, jobs) in new {
        query(
            "INSERT INTO active_jobs (partner, jobs) VALUES (?, ?)
             ON CONFLICT (partner) DO UPDATE SET jobs = jobs + excluded.jobs",
        )
        .bind(partner)
        .bind(jobs)
        .execute(connection)
        .map_err(fault::write)?;
    }
    Ok(())
}
