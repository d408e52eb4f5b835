//! `UserSecretId`: an ARN of AWS Secrets Manager, or one of our references where the configuration allows its prefix.

use sealpost_core::secret::SecretRef;

/// Our scheme for Secrets Manager.
const SECRETS_MANAGER: &str = "aws-sm";

/// The reference that an id stands for. What is wrong with it otherwise; the id itself is not repeated, since it may be a
/// secret in the wrong place.
pub(super) fn parse(id: &str, allowed: &[String]) -> Result<SecretRef, String> {
    if is_arn(id) {
        return format!("{SECRETS_MANAGER}:{id}").parse().map_err(|_| "expected the ARN of a secret".to_owned());
    }
    let is_allowed = allowed.iter().any(|prefix| !prefix.is_empty() && id.starts_with(prefix.as_str()));
    // A prefix of a folder means what lies in it.
    let leaves = id.split(['/', ':', '\\']).any(|part| part == "..") || id.chars().any(char::is_control);
    match id.parse() {
        Ok(reference) if is_allowed && !leaves => Ok(reference),
        _ if allowed.is_empty() => {
            Err("expected the ARN of a secret of AWS Secrets Manager; the operator allows other \
                                        references by `[transfer] user_secrets`"
                .to_owned())
        }
        _ => Err(format!(
            "expected the ARN of a secret of AWS Secrets Manager, or a reference that begins with {}",
            allowed.iter().map(|prefix| format!("`{prefix}`")).collect::<Vec<_>>().join(" or ")
        )),
    }
}

/// `arn:aws:secretsmanager:eu-central-1:123456789012:secret:name`, in any partition.
fn is_arn(id: &str) -> bool {
    let parts: Vec<&str> = id.splitn(7, ':').collect();
    matches!(parts[..], ["arn", partition, "secretsmanager", region, account, "secret", name]
        if partition.starts_with("aws") && !region.is_empty() && !name.is_empty()
            && account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
        && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_and_references_only_below_what_is_allowed() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sftp/acme-AbCdEf";
        let allowed = ["file:secrets/".to_owned(), "env:SFTP_".to_owned()];
        assert_eq!(parse(arn, &[]).map(|one| one.to_string()), Ok(format!("aws-sm:{arn}")));
        assert_eq!(parse("file:secrets/acme", &allowed).map(|one| one.to_string()), Ok("file:secrets/acme".to_owned()));
        assert!(parse("env:SFTP_ACME", &allowed).is_ok());
        for wrong in [
            "file:/etc/shadow",
            "file:secrets/../signing-key",
            "file:secrets",
            "env:HOME",
            "aws-sm:anything",
            "hunter2",
            "arn:aws:s3:::bucket",
            "arn:aws:secretsmanager:eu-central-1:1:secret:x",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:",
        ] {
            let said = parse(wrong, &allowed).expect_err(wrong);
            assert!(said.contains("`file:secrets/` or `env:SFTP_`"), "{said}");
            assert!(parse(wrong, &[]).is_err_and(|said| !said.contains(wrong)), "{wrong}");
        }
    }
}
