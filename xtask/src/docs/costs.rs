//! The costs in docs/deploy-aws.md, calculated again.

use std::collections::BTreeSet;

use crate::workspace::{read, root};

const PAGE: &str = "docs/deploy-aws.md";

/// Prices are per one, or `… per million`.
fn number(cell: &str) -> f64 {
    let (text, scale) = match cell.trim().strip_suffix(" per million") {
        Some(text) => (text, 1e-6),
        None => (cell.trim(), 1.0),
    };
    text.replace(',', "").parse::<f64>().unwrap_or_else(|_| panic!("`{cell}` is no number")) * scale
}

/// The tables below a line that begins like this, as rows of cells, without their heads.
fn tables(page: &str, head: &str) -> Vec<Vec<Vec<String>>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mut tables = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.starts_with(head) {
            tables.push(lines.by_ref().skip(1).take_while(|line| line.starts_with('|')).map(cells).collect());
        }
    }
    tables
}

fn same(found: f64, calculated: f64, digits: i32, what: &str) {
    let half = 0.5 * 10f64.powi(-digits);
    assert!((found - calculated).abs() <= half * 1.02, "{what}: the page has {found}, calculated is {calculated}");
}

/// Checks that each row is quantity × price, and the last one their sum; returns the sums.
fn added(page: &str) -> Vec<f64> {
    let check = |table: &Vec<Vec<String>>| {
        let (last, rows) = table.split_last().unwrap();
        let mut sum = 0.0;
        for row in rows {
            same(number(&row[3]), number(&row[1]) * number(&row[2]), 4, &row[0]);
            sum += number(&row[3]);
        }
        same(number(&last[3]), sum, 4, "together");
        number(&last[3])
    };
    tables(page, "| what | quantity | unit price |").iter().map(check).collect()
}

#[test]
fn the_costs_are_added_up_rightly() {
    let page = read(&root().join(PAGE)).unwrap();
    let [common, own, transfer] = added(&page)[..] else { panic!("three tables of costs per 1,000 reports") };

    let fixed = tables(&page, "| what | unit price | small, quantity |");
    let (last, rows) = fixed[0].split_last().unwrap();
    let months = [3, 5, 7].map(|column| {
        let mut sum = 0.0;
        for row in rows {
            same(number(&row[column]), number(&row[1]) * number(&row[column - 1]), 2, &row[0]);
            sum += number(&row[column]);
        }
        same(number(&last[column]), sum, 2, "together");
        number(&last[column])
    });

    let together = &tables(&page, "| | small | medium | large |")[0];
    for (index, month) in months.iter().enumerate() {
        let cell = |row: usize| number(&together[row][index + 1]);
        let thousands = cell(0) / 1_000.0;
        same(cell(1), month / thousands, 4, "fixed");
        same(cell(2), cell(1) + common + own, 4, "built-in engine");
        same(cell(3), cell(1) + common + transfer, 4, "Transfer Family");
        same(cell(4), cell(2) * thousands, 2, "a month, built-in engine");
        same(cell(5), cell(3) * thousands, 2, "a month, Transfer Family");
    }
}

/// Those that `CloudWatch` makes of our logs, and those that the events function writes.
#[test]
fn every_metric_of_our_own_is_paid_for() {
    let filters = read(&root().join("deploy/terraform/modules/observability/filters.tf")).unwrap();
    let counted = filters.lines().filter_map(|line| {
        let (filter, settings) = line.split_once("= { function = ")?;
        // What two functions say counts once.
        let named = settings.split_once("metric = \"").and_then(|(_, rest)| rest.split('"').next());
        Some(named.unwrap_or_else(|| filter.trim()).to_owned())
    });
    let events = read(&root().join("crates/sealpost/src/cmd/lambda/events.rs")).unwrap();
    let (values, _) = events.split_once("let values = [").unwrap().1.split_once("];").unwrap();
    let written =
        values.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').next().map(str::to_owned));
    let metrics: BTreeSet<String> = counted.chain(written).collect();
    assert!(metrics.contains("tasks_buried") && metrics.contains("QueueDead"), "{metrics:?}");

    let page = read(&root().join(PAGE)).unwrap();
    let fixed = tables(&page, "| what | unit price | small, quantity |").remove(0);
    let row = fixed.iter().find(|row| row[0] == "Metrics of our own").unwrap();
    for quantity in [&row[2], &row[4], &row[6]] {
        assert_eq!(quantity.parse::<usize>().unwrap(), metrics.len(), "{PAGE}: {metrics:?}");
    }
}

/// A price that is changed in a table is changed where its source is told, too.
#[test]
fn every_price_has_its_source() {
    let page = read(&root().join(PAGE)).unwrap();
    let sources = &tables(&page, "| price of | USD |")[0];
    let varying = tables(&page, "| what | quantity | unit price |").concat().into_iter().map(|row| row[2].clone());
    let fixed = tables(&page, "| what | unit price | small, quantity |").concat().into_iter().map(|row| row[1].clone());
    for price in varying.chain(fixed).filter(|price| !price.is_empty()) {
        let told = sources.iter().any(|row| row[1].split(" · ").any(|one| one == price));
        assert!(told, "{PAGE}: the price {price} has no source");
    }
}

#[test]
fn a_wrong_sum_is_noticed() {
    let page = "| what | quantity | unit price | USD |\n| --- | --- | --- | --- |\n| a | 1,000 | 2.00 per million | 0.0020 |\n| **together** | | | 0.0030 |\n";
    assert!(std::panic::catch_unwind(|| added(page)).is_err());
}
