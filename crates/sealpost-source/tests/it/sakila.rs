//! Real data that was not made for this project, value by value against the stock client.

use sealpost_core::batch::Value;
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::suite::source::described;
use serde_json::json;

use crate::{build, settings};

#[tokio::test(flavor = "multi_thread")]
async fn rentals_of_a_store_are_what_the_stock_client_prints() {
    let server = MariaDb::shared();
    let database = server.load_sakila();
    let sql = "SELECT r.rental_id, r.rental_date, r.return_date, c.first_name, c.last_name, c.email, c.active, f.title,
            f.rating, f.special_features, f.rental_rate, f.release_year, p.amount, i.store_id
        FROM rental r JOIN inventory i USING (inventory_id) JOIN film f USING (film_id)
        JOIN customer c USING (customer_id) LEFT JOIN payment p ON p.rental_id = r.rental_id
        WHERE i.store_id = :partner_scope ORDER BY r.rental_id, p.payment_id";
    let source = build("mysql", settings(server, &database));
    let scope = json!({"scope": {"type": "integer", "column": "store_id"}});
    for store in ["1", "2"] {
        let query = described(&*source, sql, scope.clone(), store).await;
        let mut stream = source.open(&query).await.unwrap();
        let mut ours = String::new();
        while let Some(batch) = stream.next().await.unwrap() {
            for row in batch.iter() {
                let line: Vec<String> = row.values().map(print).collect();
                ours += &(line.join("\t") + "\n");
            }
        }
        let theirs = server.rows(&database, &sql.replace(":partner_scope", store));
        assert!(theirs.lines().count() > 7_000);
        for (ours, theirs) in ours.lines().zip(theirs.lines()) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(ours.len(), theirs.len());
    }
}

/// As the stock client prints it.
fn print(value: Value<'_>) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Text(text) | Value::Decimal(text) => text.to_owned(),
        Value::DateTime(at) => {
            format!("{} {:02}:{:02}:{:02}", at.date, at.clock.hour, at.clock.minute, at.clock.second)
        }
        other => panic!("{other:?}"),
    }
}
