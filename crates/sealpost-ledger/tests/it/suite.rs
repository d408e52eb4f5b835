//! The behaviour suite, over each ledger.

mod sqlite {
    sealpost_testkit::ledger_suite!(crate::sqlite);
}
