//! `TestConnection`: as far as the login; nothing is written on the server. The answer is always a success of the call.

use sealpost_core::error::Failure;
use sealpost_core::id::ConnectorId;
use sealpost_core::port::CheckStep;
use serde_json::{Value as Json, json};

use crate::transfer::call::Call;
use crate::transfer::operations::Reply;

/// The service's words.
const SUCCEEDED: &str = "Connection succeeded";

pub(in crate::transfer) async fn test(call: &Call) -> Reply {
    let connector = call.connector().await?;
    call.state.throttle.test()?;
    let steps = call.state.pipeline.probe_transfer_connector(&connector).await?;
    Ok(Some(answer(&connector.id, &steps)))
}

fn answer(connector: &ConnectorId, steps: &[CheckStep]) -> Json {
    let failure = steps.iter().find_map(|step| step.failure.as_ref());
    let mut answer = json!({
        "ConnectorId": connector,
        "Status": if failure.is_none() { "OK" } else { "ERROR" },
        "StatusMessage": failure.map_or_else(|| SUCCEEDED.to_owned(), message),
        // An extension: how far it came, step by step.
        "Steps": steps.iter().map(shown).collect::<Vec<_>>(),
    });
    // Also where none is approved yet, or another one: for whoever compares it with the server's owner.
    if let Some(key) = steps.iter().find_map(|step| step.host_key.as_deref()) {
        answer["SftpConnectionDetails"] = json!({"HostKey": key});
    }
    answer
}

/// As in results and events: what our own secrets said is in the log only.
fn message(failure: &Failure) -> String {
    let Failure { code, title, detail, advice, .. } = failure;
    if failure.is_inside() {
        return format!("{code}: {title}. {advice}");
    }
    format!("{code}: {title}: {detail}. {advice}")
}

fn shown(step: &CheckStep) -> Json {
    let inside = step.failure.as_ref().filter(|failure| failure.is_inside());
    let detail = inside.map_or(&step.detail, |failure| &failure.title);
    json!({"Step": step.step, "Detail": detail, "ElapsedMs": step.elapsed_ms, "Succeeded": step.failure.is_none()})
}

#[cfg(test)]
mod tests {
    use sealpost_core::error::{Code, Error, codes};

    use super::*;

    fn failed(code: &'static Code, detail: &str) -> Json {
        let failure = Failure::from(&Error::new(code, detail));
        let (step, detail) = ("login".to_owned(), detail.to_owned());
        answer(
            &ConnectorId::fresh(),
            &[CheckStep { step, detail, elapsed_ms: 1, failure: Some(failure), host_key: None }],
        )
    }

    #[test]
    fn callers_are_not_told_what_our_own_secrets_said() {
        let answer =
            failed(&codes::secrets::DENIED, "vault.internal:8200 refused arn:aws:sts::123456789012:assumed-role/us");
        let told = answer.to_string();
        assert!(!told.contains("vault.internal") && !told.contains("assumed-role"), "{told}");
        let message = answer["StatusMessage"].as_str().expect("words");
        assert!(message.starts_with("SP-SECRETS-006: the secret store refused access. "), "{message}");
        assert_eq!(answer["Steps"][0]["Detail"], "the secret store refused access");
        assert_eq!(answer["Steps"][0]["Succeeded"], false);
    }

    #[test]
    fn what_the_server_said_is_for_the_caller() {
        let answer = failed(&codes::deliver::AUTHENTICATION, "acme@sftp.example");
        let message = answer["StatusMessage"].as_str().expect("words");
        assert!(message.contains(": acme@sftp.example. "), "{message}");
        assert_eq!(answer["Steps"][0]["Detail"], "acme@sftp.example");
    }
}
