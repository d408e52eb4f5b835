//! Lists and tenants.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_core::job::{JobEvent, JobStatus};
use sealpost_core::port::{Admission, JobFilter};

use super::{Ports, admission, partner, refused};

/// By no way does one partner see another's job.
pub async fn another_partners_job_is_not_found(ports: Ports) {
    let mine = ports.admit(admission("acme")).await;
    let theirs = ports.admit(admission("other")).await;
    assert_eq!(ports.ledger.job(&partner("acme"), &theirs.id).await.unwrap(), None);
    assert_eq!(ports.ledger.job(&partner("acme"), &JobId::fresh()).await.unwrap(), None);

    let filter = JobFilter { partner: Some(partner("acme")), limit: 100, ..JobFilter::default() };
    assert_eq!(ports.ledger.jobs(&filter).await.unwrap().jobs, [mine]);
    // Their job as a cursor answers as an id that never was.
    for after in [theirs.id.clone(), JobId::fresh()] {
        let filter = JobFilter { after: Some(after), ..filter.clone() };
        refused(ports.ledger.jobs(&filter).await, &codes::request::INVALID);
    }
    let all = JobFilter { limit: 100, ..JobFilter::default() };
    assert_eq!(ports.ledger.jobs(&all).await.unwrap().jobs.len(), 2);
}

/// Someone who pages through while others admit sees each of the first jobs once, newest first.
pub async fn pages_are_stable_under_inserts(ports: Ports) {
    let start = Timestamp::now();
    let mut expected = Vec::new();
    for number in 0..25 {
        // Groups of five at the same instant: the order must be total all the same.
        let now = start + SignedDuration::from_millis(number / 5);
        expected.push(ports.admit(Admission { now, ..admission("acme") }).await);
    }
    expected.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));

    let mut seen = Vec::new();
    let mut filter = JobFilter { partner: Some(partner("acme")), limit: 10, ..JobFilter::default() };
    let mut pages = Vec::new();
    loop {
        let page = ports.ledger.jobs(&filter).await.unwrap();
        pages.push(page.jobs.len());
        filter.after = page.jobs.last().map(|job| job.id.clone());
        seen.extend(page.jobs);
        if !page.more {
            break;
        }
        for later in 1..4 {
            let now = start + SignedDuration::from_secs(later);
            ports.admit(Admission { now, ..admission("acme") }).await;
        }
    }
    assert_eq!(pages, [10, 10, 5]);
    assert_eq!(seen, expected);
}

/// Status, report type and time narrow the list together; the start counts, the end does not.
pub async fn filters_combine(ports: Ports) {
    let start = Timestamp::now();
    let at = |seconds| start + SignedDuration::from_secs(seconds);
    let mut jobs = Vec::new();
    for second in 0..6 {
        let mut asked = Admission { now: at(second), ..admission("acme") };
        if second % 2 == 1 {
            asked.request.report_type = "bikes.v2".parse().unwrap();
        }
        jobs.push(ports.admit(asked).await);
    }
    for index in [1, 2] {
        ports.apply(&jobs[index], &JobEvent::CancelRequested, None).await;
    }
    let listed = async |filter: JobFilter| -> Vec<usize> {
        let page = ports.ledger.jobs(&JobFilter { limit: 100, ..filter }).await.unwrap();
        page.jobs.iter().map(|job| jobs.iter().position(|known| known.id == job.id).unwrap()).collect()
    };
    let any = JobFilter::default;
    assert_eq!(listed(any()).await, [5, 4, 3, 2, 1, 0]);
    assert_eq!(listed(JobFilter { statuses: vec![JobStatus::Cancelled], ..any() }).await, [2, 1]);
    let both = vec![JobStatus::Cancelled, JobStatus::Queued];
    assert_eq!(listed(JobFilter { statuses: both, ..any() }).await.len(), 6);
    let bikes = Some("bikes.v2".parse().unwrap());
    assert_eq!(listed(JobFilter { report_type: bikes.clone(), ..any() }).await, [5, 3, 1]);
    let window = JobFilter { created_from: Some(at(1)), created_to: Some(at(5)), ..any() };
    assert_eq!(listed(window.clone()).await, [4, 3, 2, 1]);
    let narrow = JobFilter { statuses: vec![JobStatus::Cancelled], report_type: bikes, ..window };
    assert_eq!(listed(narrow).await, [1]);
    assert_eq!(listed(JobFilter { partner: Some(partner("nobody")), ..any() }).await, [0usize; 0]);
}
