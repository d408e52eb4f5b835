//! Random operations against the model, with a minimal counterexample when they differ.

use proptest::prelude::*;
use sealpost_testkit::suite::ledger::model::{Step, agrees};

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Admit),
        1 => any::<u8>().prop_map(Step::Cancel),
        3 => any::<(u8, u8, u8)>().prop_map(|(lane, files, limit)| Step::Start { lane, files, limit }),
        8 => (1..8u8, any::<bool>()).prop_map(|(kinds, holds)| Step::Claim { kinds, holds }),
        2 => any::<u8>().prop_map(Step::Extend),
        2 => any::<u8>().prop_map(Step::Complete),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(lease, later)| Step::Release(lease, later)),
        1 => any::<u8>().prop_map(Step::Bury),
        1 => any::<u8>().prop_map(Step::Revive),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_queue_agrees_with_its_model(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { agrees(crate::sqlite().await, &steps).await });
    }
}
