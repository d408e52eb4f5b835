//! What a connector of the service that the settings name trusts, held against what was approved: somebody else made it, and what is
//! approved or not trusted any more is not written there.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use sealpost_core::connector::{Connector, ConnectorSettings};
use sealpost_core::error::{Error, Result, codes};

use super::AwsTransfer;
use super::failure::plain;
use super::find::{Found, find_anew};
use super::shapes::Facts;
use super::wanted::config;

/// How long what the service said of a connector is relied on. By the clock on the wall: a function's own stands still between
/// two calls.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// Where a connector of the service leads, and whom it trusts there.
#[derive(Debug, PartialEq)]
pub(super) struct Trust {
    url: Option<String>,
    keys: Vec<String>,
    /// When the service said so.
    pub(super) since: Timestamp,
}

impl Trust {
    pub(super) fn of(facts: &Facts) -> Self {
        let keys = facts.sftp_config.as_ref().and_then(|config| config.trusted_host_keys.clone());
        // One through a network of Amazon's own (VPC Lattice) has no address.
        let url = facts.url.clone().filter(|url| !url.is_empty());
        Self { url, keys: keys.unwrap_or_default(), since: Timestamp::now() }
    }

    pub(super) fn is_fresh(&self) -> bool {
        (SignedDuration::ZERO..FRESH).contains(&Timestamp::now().duration_since(self.since))
    }

    /// Refuses another server, and any key that is trusted there and not approved here; where a key is needed, also that there is
    /// none.
    fn hold(&self, id: &str, settings: &ConnectorSettings, needs_key: bool) -> Result<()> {
        let server = settings.server();
        if let Some(url) = self.url.as_deref().filter(|url| !leads_to(url, &server)) {
            let url = plain(url);
            return Err(config(&format!(
                "the connector {id} of AWS Transfer Family leads to `{url}`, not to `{server}`"
            )));
        }
        let approved: Vec<String> = settings.host_keys.iter().filter_map(|entry| approval(entry)).collect();
        let is_other = |key: &&String| approval(key).is_none_or(|key| !approved.contains(&key));
        let others: Vec<String> =
            self.keys.iter().filter(is_other).map(|key| approval(key).unwrap_or_else(|| plain(key))).collect();
        // No test logs in through it, so none shows a key that could be approved by a command.
        let way_out = "take those that are not the partner's out of its `TrustedHostKeys`, and put those that are into \
                       `host_keys` of the partner's file: `sealpost connector test` shows none of them";
        if needs_key && settings.host_keys.is_empty() {
            let mut detail = format!("no key is approved for `{server}`");
            if !others.is_empty() {
                let others = others.join(", ");
                detail = format!("{detail}, and the connector {id} of AWS Transfer Family trusts {others}; {way_out}");
            }
            return Err(Error::new(&codes::deliver::NO_HOST_KEY, detail));
        }
        if !others.is_empty() {
            return Err(config(&format!(
                "the connector {id} of AWS Transfer Family trusts host keys that are not approved for `{server}`: {}; {way_out}",
                others.join(", ")
            )));
        }
        if needs_key && self.keys.is_empty() {
            let detail = format!("the connector {id} of AWS Transfer Family trusts no host key of `{server}` yet");
            return Err(Error::new(&codes::deliver::NO_HOST_KEY, detail));
        }
        Ok(())
    }
}

/// Refuses a connector that the settings name unless it trusts approved keys alone. What is not trusted any more here counts at
/// once; what is changed there, within a minute, and at once where that makes good what was refused.
///
/// # Errors
/// `SP-DELIVER-014` and `-021`; `-029` where the service can't be asked.
pub(super) async fn hold(engine: &AwsTransfer, connector: &Connector, found: &Found, needs_key: bool) -> Result<()> {
    // One that was made by us was brought up to the settings when it was found.
    if found.is_made_by_us() {
        return Ok(());
    }
    if found.trust.is_fresh() && found.trust.hold(&found.id, &connector.settings, needs_key).is_ok() {
        return Ok(());
    }
    let found = find_anew(engine, connector, found).await?;
    found.trust.hold(&found.id, &connector.settings, needs_key)
}

/// Whether a key that the server showed to the service is approved, in words either way. `let_in` where the server let it log in.
///
/// # Errors
/// `SP-DELIVER-014` where no key is approved, else `-003`.
pub(super) fn judge(settings: &ConnectorSettings, shown: &str, let_in: bool) -> Result<String> {
    let server = settings.server();
    let Some(print) = approval(shown) else {
        return Err(Error::new(&codes::deliver::PROTOCOL, format!("`{server}` shows no host key: `{}`", plain(shown))));
    };
    let kind = plain(shown.split_whitespace().next().unwrap_or_default());
    let approved: Vec<String> = settings.host_keys.iter().filter_map(|entry| approval(entry)).collect();
    // The service shows no certificate: that an approved authority vouches for the key is known by the login.
    let is_vouched_for = let_in && approved.iter().any(|entry| entry.starts_with('@'));
    if approved.contains(&print) || is_vouched_for {
        return Ok(format!("{kind} {print}, approved"));
    }
    let (code, told) = if approved.is_empty() {
        (&codes::deliver::NO_HOST_KEY, "no key is approved for it".to_owned())
    } else {
        (&codes::deliver::HOST_KEY_MISMATCH, format!("approved: {}", approved.join(", ")))
    };
    let line = shown.replace(char::is_control, " ");
    Err(Error::new(code, format!("`{server}` shows {kind} {print}; {told}; to approve: `{line}`")))
}

/// What an entry approves, however it is written: a key by its fingerprint as OpenSSH prints it, an authority by its line.
fn approval(entry: &str) -> Option<String> {
    let entry = entry.trim();
    if let Some(print) = entry.strip_prefix("SHA256:") {
        return Some(format!("SHA256:{}", print.trim_end_matches('=')));
    }
    let words: Vec<&str> = entry.split_whitespace().collect();
    let at = words.iter().position(|word| word.starts_with("AAAA"))?;
    if entry.starts_with('@') {
        return Some(words.get(..=at)?.join(" "));
    }
    let blob = STANDARD.decode(words.get(at)?).ok()?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(digest(&SHA256, &blob))))
}

/// Whether a URL of the service, `sftp://host` or `sftp://host:port`, is of this server, `host:port`.
fn leads_to(url: &str, server: &str) -> bool {
    let there = url.strip_prefix("sftp://").unwrap_or(url).trim_end_matches('/');
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // An IPv6 address stands in brackets (RFC 3986 section 3.2.2), so what follows its last colon is no number.
    let has_port = there.rsplit_once(':').is_some_and(|(_, port)| is_port(port));
    let there = if has_port { there.to_owned() } else { format!("{there}:22") };
    there.eq_ignore_ascii_case(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const PRINT: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJGlhJPBcSVsTJpjtGSQjSR/Bo2v0UnbIRfBgGsnJX3O";
    const OTHER_PRINT: &str = "SHA256:JM9dCWUAn1Teks2Emk0IVcKglF87TFvL+yYXWWOXTIA";

    fn settings(host_keys: &[&str]) -> ConnectorSettings {
        ConnectorSettings {
            host_keys: host_keys.iter().map(|&key| key.to_owned()).collect(),
            ..ConnectorSettings::new("sftp.acme.example", 22, "acme")
        }
    }

    fn trust(keys: &[&str]) -> Trust {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        Trust { url: Some("sftp://sftp.acme.example".to_owned()), keys, since: Timestamp::now() }
    }

    fn refusal(trust: &Trust, host_keys: &[&str], needs_key: bool) -> Option<&'static str> {
        trust.hold("c-0123456789abcdef0", &settings(host_keys), needs_key).err().map(|error| error.code().id)
    }

    #[test]
    fn one_key_is_approved_however_it_is_written() {
        let scanned = format!("sftp.acme.example {KEY}");
        for there in [KEY, scanned.as_str()] {
            for here in [&[KEY][..], &[PRINT], &[scanned.as_str()], &[OTHER, PRINT]] {
                assert_eq!(refusal(&trust(&[there]), here, true), None, "{there} {here:?}");
            }
        }
        let authority = format!("@cert-authority *.acme.example {KEY}");
        assert_eq!(refusal(&trust(&[&authority]), &[&authority], true), None);
    }

    #[test]
    fn what_nobody_approved_is_refused_and_named() {
        let authority = format!("@cert-authority * {OTHER}");
        for here in [&[KEY][..], &[PRINT], &[KEY, &authority]] {
            let error = trust(&[KEY, OTHER]).hold("c-1", &settings(here), false).unwrap_err();
            assert!(error.is(&codes::deliver::CONFIG) && !error.is_retried(), "{error}");
            assert!(error.detail().contains(OTHER_PRINT) && !error.detail().contains(PRINT), "{error}");
        }
        // A test shows no key here, so the way out is the partner's file.
        for (here, needs_key) in [(&[OTHER][..], true), (&[], true), (&[], false)] {
            let error = trust(&[KEY]).hold("c-1", &settings(here), needs_key).unwrap_err();
            assert!(error.detail().contains(PRINT) && error.detail().contains("the partner's file"), "{error}");
        }
        assert_eq!(refusal(&trust(&["what is this"]), &[KEY], true), Some("SP-DELIVER-021"));
        // Nothing is sent without a key on both sides, and a test may show one only where nothing is trusted there.
        assert_eq!(refusal(&trust(&[KEY]), &[], true), Some("SP-DELIVER-014"));
        assert_eq!(refusal(&trust(&[]), &[KEY], true), Some("SP-DELIVER-014"));
        assert_eq!(refusal(&trust(&[KEY]), &[], false), Some("SP-DELIVER-021"));
        assert_eq!(refusal(&trust(&[]), &[], false), None);
    }

    #[test]
    fn another_server_is_another() {
        for (url, host, port, is_it) in [
            ("sftp://sftp.acme.example", "SFTP.acme.example", 22, true),
            ("sftp://sftp.acme.example:22/", "sftp.acme.example", 22, true),
            ("sftp://sftp.acme.example:2222", "sftp.acme.example", 2222, true),
            ("sftp://[2001:db8::22]", "2001:db8::22", 22, true),
            ("sftp://[2001:db8::22]:2222", "[2001:db8::22]", 2222, true),
            ("sftp://sftp.acme.example", "sftp.acme.example", 2222, false),
            ("sftp://sftp.acme.example", "acme.example", 22, false),
        ] {
            assert_eq!(leads_to(url, &ConnectorSettings::new(host, port, "").server()), is_it, "{url} {host} {port}");
        }
        let elsewhere = Trust { url: Some("sftp://other.example".to_owned()), ..trust(&[KEY]) };
        assert_eq!(refusal(&elsewhere, &[KEY], false), Some("SP-DELIVER-021"));
        let private = Trust { url: None, ..trust(&[KEY]) };
        assert_eq!(refusal(&private, &[KEY], true), None);
    }

    #[test]
    fn what_was_said_is_relied_on_for_a_minute() {
        let aged = |seconds| Trust { since: Timestamp::now() - SignedDuration::from_secs(seconds), ..trust(&[KEY]) };
        // Also where the clock was set back.
        assert_eq!([0, 60, 3600, -3600].map(|seconds| aged(seconds).is_fresh()), [true, false, false, false]);
    }

    #[test]
    fn a_shown_key_is_told_by_its_fingerprint() {
        assert_eq!(judge(&settings(&[PRINT]), KEY, false).unwrap(), format!("ssh-ed25519 {PRINT}, approved"));
        for (here, code) in [(&[OTHER][..], "SP-DELIVER-003"), (&[], "SP-DELIVER-014")] {
            let error = judge(&settings(here), KEY, true).unwrap_err();
            assert!(error.code().id == code && error.detail().contains(PRINT), "{error}");
            assert!(error.detail().ends_with(&format!("to approve: `{KEY}`")), "{error}");
        }
        let authority = format!("@cert-authority * {OTHER}");
        assert!(judge(&settings(&[&authority]), KEY, true).is_ok());
        assert!(judge(&settings(&[&authority]), KEY, false).is_err());
    }
}
