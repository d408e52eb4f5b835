//! `TestConnection`: as far as the login; nothing is written on the server. The answer is always a success of the call.

use sealpost_core::port::CheckStep;
use serde_json::json;

use crate::transfer::call::Call;
use crate::transfer::operations::Reply;

/// The service's words.
const SUCCEEDED: &str = "Connection succeeded";

pub(in crate::transfer) async fn test(call: &Call) -> Reply {
    let connector = call.connector().await?;
    call.state.throttle.test()?;
    let steps = call.state.pipeline.probe_transfer_connector(&connector).await?;
    let failure = steps.iter().find_map(|step| step.failure.as_ref());
    let mut answer = json!({
        "ConnectorId": connector.id,
        "Status": if failure.is_none() { "OK" } else { "ERROR" },
        "StatusMessage": failure.map_or_else(
            || SUCCEEDED.to_owned(),
            |failure| format!("{}: {}: {}. {}", failure.code, failure.title, failure.detail, failure.advice),
        ),
        // An extension: how far it came, step by step.
        "Steps": steps.iter().map(shown).collect::<Vec<_>>(),
    });
    // Also where none is approved yet, or another one: for whoever compares it with the server's owner.
    if let Some(key) = steps.iter().find_map(|step| step.host_key.as_deref()) {
        answer["SftpConnectionDetails"] = json!({"HostKey": key});
    }
    Ok(Some(answer))
}

fn shown(step: &CheckStep) -> serde_json::Value {
    json!({"Step": step.step, "Detail": step.detail, "ElapsedMs": step.elapsed_ms, "Succeeded": step.failure.is_none()})
}
