//! A process ends when it is asked to, whatever hangs.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{Caller, PATIENCE, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_nobody_reads_keeps_no_process_from_ending() {
    let world = World::with_sqlite(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner TEXT NOT NULL); INSERT INTO rides VALUES (1, 'acme');",
    );
    world.report_type("rides.v1", "title = \"Rides\"\n", "SELECT id FROM rides WHERE partner = :partner_scope");
    world.partner("acme", "acme");
    world.rewrite("sealpost.toml", |text| format!("{text}\n[[transfer.events]]\nkind = \"stdout\"\n"));
    world.apply();
    let caller = Caller::new(&world, &world.api_key("acme"));

    // Somebody else's lines fill it.
    let (unread, mut pipe) = std::io::pipe().expect("a pipe");
    let output = pipe.try_clone().expect("its end for the process");
    std::thread::spawn(move || while pipe.write_all(&[b'\n'; 4096]).is_ok() {});
    let mut serving = world.start_printing_to(output);
    world.answers().await;
    // The event of the first one hangs, that of the second one waits for its turn in vain.
    for key in ["first", "second"] {
        let (status, asked) = caller.create(json!({"report_type": "rides.v1"}), key).await.expect("an answer");
        assert_eq!(status, 202, "{asked}");
        caller.ended(asked["id"].as_str().expect("an id")).await;
    }
    let started = Instant::now();
    while !world.log().contains("what was written before is not taken") {
        assert!(started.elapsed() < PATIENCE, "no event hangs: {}", world.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let ended = serving.stop().await;
    assert!(ended.is_some_and(|status| status.success()), "{ended:?} {}", world.log());
    drop(unread);
}
