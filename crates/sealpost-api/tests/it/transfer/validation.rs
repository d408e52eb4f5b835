//! What no client sends: the validation that clients leave to the server, and what is not offered.

use serde_json::json;

use super::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_do_not_check_is_checked_here() {
    let rig = Rig::start().await;
    rig.run("validation.py", json!({})).await;
}
