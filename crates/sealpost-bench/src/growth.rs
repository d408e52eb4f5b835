//! How time and memory grow: with the rows of a report, with the reports under way at once, with the partners in the ledger.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::curve::Curve;
use crate::edge::{Mix, one_by_one, prepare};
use crate::jobs::{create, ready};
use crate::ours;
use crate::parts::{Bench, Sheet};
use crate::serving::Serving;
use crate::site::{REPORT, Site};

/// Reports at once, of ten thousand rows each.
const AT_ONCE: &[usize] = &[1, 10, 100];
/// Reports of each point: as many as the most at once, so that each point has the same work.
const REPORTS: usize = 100;
/// Partners in the ledger.
const PARTNERS: &[usize] = &[10, 1_000, 10_000];
/// How long polls and creates are measured with so many partners.
const TIME: Duration = Duration::from_secs(2);

/// Measures.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let site = bench.site()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("a runtime")?;
    let mut curves = vec![rows(site)?];
    curves.extend(runtime.block_on(at_once(site))?);
    curves.extend(runtime.block_on(partners(site))?);
    Ok(Sheet { curves, ..Sheet::default() })
}

fn rows(site: &Site) -> Result<Curve> {
    let mut points = Vec::new();
    for (report, rows) in
        [("ten-thousand", 10_000), ("tenth", site.rows / 10), (REPORT, site.rows), ("tenfold", site.rows * 10)]
    {
        // The first of them finds nothing in any cache.
        let runs = if rows > site.rows { 1 } else { 3 };
        let mut seconds =
            (0..runs).map(|_| Ok(ours::produce(site, report, "csv")?.seconds)).collect::<Result<Vec<_>>>()?;
        seconds.sort_by(f64::total_cmp);
        println!("{rows} rows: {:.2} s", seconds[runs / 2]);
        points.push((number(rows), seconds[runs / 2]));
    }
    Ok(Curve { name: "query, CSV, seal, store", of: "rows", unit: "s", points })
}

async fn at_once(site: &Site) -> Result<Vec<Curve>> {
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for at_once in AT_ONCE {
        let server = Serving { worker: Some(*at_once), ..Serving::default() }.start(site)?;
        let begun = Instant::now();
        let ids = create(&server, "ten-thousand", REPORTS, false).await?;
        ready(&server, &ids).await?;
        let (seconds, peak) = (begun.elapsed().as_secs_f64(), server.peak_mib()?);
        println!("{REPORTS} reports of 10,000 rows, {at_once} at once: {seconds:.2} s, {peak:.1} MiB");
        times.push((number(*at_once as u64), seconds));
        memory.push((number(*at_once as u64), peak));
    }
    Ok(vec![
        Curve { name: "100 reports of 10,000 rows", of: "reports at once", unit: "s", points: times },
        Curve { name: "peak memory of the same", of: "reports at once", unit: "MiB", points: memory },
    ])
}

async fn partners(site: &Site) -> Result<Vec<Curve>> {
    let [mut start, mut polls, mut creates] = [Vec::new(), Vec::new(), Vec::new()];
    for partners in PARTNERS {
        let begun = Instant::now();
        let server = Serving { partners: *partners, ..Serving::default() }.start(site)?;
        let seconds = begun.elapsed().as_secs_f64();
        let (polled, _) = prepare(&server, 20).await?;
        let poll = one_by_one(&server, &Mix::polls(&server, &polled), TIME).await?.percentile_ms(0.5);
        let create = one_by_one(&server, &Mix::creates(&server), TIME).await?.percentile_ms(0.5);
        println!(
            "{partners} partners: applied and started in {seconds:.1} s, a poll {poll:.3} ms, a create {create:.3} ms"
        );
        let size = number(*partners as u64);
        start.push((size, seconds));
        polls.push((size, poll));
        creates.push((size, create));
    }
    Ok(vec![
        Curve { name: "apply all partners and start", of: "partners", unit: "s", points: start },
        Curve { name: "one poll after the other, p50", of: "partners", unit: "ms", points: polls },
        Curve { name: "one create after the other, p50", of: "partners", unit: "ms", points: creates },
    ])
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}
