//! New jobs as rows: many in one statement.

use std::fmt::Write as _;
use std::sync::LazyLock;

use sealpost_core::Result;
use sealpost_core::event::Happening;
use sealpost_core::id::TaskId;
use sealpost_core::job::{JobEvent, JobMove};

use super::super::value::{encode, nanos};
use super::super::{Connection, fault, tasks};

/// Most jobs of one statement; below it, the powers of two. Each is a statement of its own, prepared once.
const MOST: usize = 32;

/// The statements by the logarithm of their number of jobs: rows of jobs, of their timelines, of their tasks. Nothing
/// that anybody said is part of them.
static STATEMENTS: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..=MOST.ilog2()).map(|power| statement(1 << power)).collect());

fn statement(jobs: usize) -> String {
    let mut sql = String::new();
    for (table, row) in [
        ("jobs (id, partner, report_type, status, created_at, record)", "(?, ?, ?, ?, ?, ?)"),
        ("timeline (job, sequence, at, what)", "(?, 1, ?, ?)"),
        ("tasks (id, kind, subject, ready_at)", "(?, ?, ?, ?)"),
    ] {
        let rows = vec![row; jobs].join(", ");
        // Writing to a string does not fail.
        write!(sql, "INSERT INTO {table} VALUES {rows}; ").unwrap_or_default();
    }
    sql
}

/// Inserts new jobs with the first entries of their timelines and their first tasks, which have no lane.
pub(super) async fn all(connection: &mut Connection, made: &[JobMove]) -> Result<()> {
    let first = encode("a timeline entry", &Happening::Report(JobEvent::Admitted))?;
    let mut rest = made;
    while !rest.is_empty() {
        let power = rest.len().min(MOST).ilog2();
        let (some, others) = rest.split_at(1 << power);
        rest = others;
        let Some(sql) = usize::try_from(power).ok().and_then(|power| STATEMENTS.get(power)) else { break };
        let mut query = sqlx::query(sql.as_str());
        for JobMove { job, .. } in some {
            query = query
                .bind(job.id.as_str())
                .bind(job.request.partner.as_str())
                .bind(job.request.report_type.as_str())
                .bind(job.status.as_str())
                .bind(nanos(job.created_at))
                .bind(encode("a job", job)?);
        }
        for JobMove { job, .. } in some {
            query = query.bind(job.id.as_str()).bind(nanos(job.created_at)).bind(first.as_str());
        }
        for task in some.iter().flat_map(|made| &made.tasks) {
            let (kind, subject) = tasks::columns(&task.work);
            query = query.bind(TaskId::fresh().as_str().to_owned()).bind(kind).bind(subject).bind(nanos(task.run_at));
        }
        query.execute(&mut *connection).await.map_err(fault::write)?;
    }
    Ok(())
}
