//! From a caller's ask to an admitted job. Everything that can be refused is refused here, before any work.

use jiff::Timestamp;
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::ReportRequest;
use sealpost_core::partner::{Grant, Partner};
use sealpost_core::port::{Admission, Admitted, CompressionEntry, FormatEntry};
use sealpost_core::report::ReportType;
use sealpost_core::sealed::FileName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::self_service::certificate::expired_before_its_end;
use crate::{Pipeline, naming};

/// What a caller asks for: the body of `POST /v1/reports`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// A report type of the catalogue.
    pub report_type: String,
    /// Its parameters.
    #[serde(default)]
    pub parameters: Map<String, Json>,
    /// A format; the report type's default when absent.
    #[serde(default)]
    pub format: Option<String>,
    /// Options of the format.
    #[serde(default)]
    pub format_options: Map<String, Json>,
    /// Whether it is delivered; `true` when absent and the partner has a destination.
    #[serde(default)]
    pub deliver: Option<bool>,
}

/// An ask that passed every check.
pub(crate) struct Checked {
    pub(crate) report: std::sync::Arc<ReportType>,
    pub(crate) format: &'static FormatEntry,
    pub(crate) request: ReportRequest,
}

/// Whom a file is sealed to, as the recipient policy found at one time.
pub(crate) struct Recipients {
    /// Their certificates.
    pub(crate) certificates: Vec<String>,
    /// Which ones these are, in the same order.
    pub(crate) fingerprints: Vec<String>,
    /// When. Sealing applies the policy as of this time too, so that a file is sealed to those that its record names.
    pub(crate) at: Timestamp,
}

impl Pipeline {
    /// Admits a report: checks everything, then creates the job in one atomic step. Durable when it returns.
    ///
    /// The same idempotency key with the same ask gives the first report again, also where it would be refused by now:
    /// a certificate may have expired, a grant or a destination may be gone.
    ///
    /// # Errors
    /// `SP-REQUEST-001` to `-007`, `-013`, `-014`; `SP-SEAL-…` where a certificate can't be used; `SP-LEDGER-001`.
    pub async fn submit(&self, partner: &Partner, ask: &Ask, idempotency_key: Option<&str>) -> Result<Admitted> {
        let admission = match self.admission(partner, ask, idempotency_key).await {
            Ok(admission) => admission,
            Err(refusal) => return self.admitted_before(partner, ask, idempotency_key, refusal).await,
        };
        let admitted = self.parts.ledger.admit(admission).await?;
        if let Admitted::New(job) = &admitted {
            crate::log::admitted(job);
        }
        Ok(admitted)
    }

    /// The report that was admitted under this key, or why it is not admitted now.
    async fn admitted_before(
        &self,
        partner: &Partner,
        ask: &Ask,
        idempotency_key: Option<&str>,
        refusal: Error,
    ) -> Result<Admitted> {
        // Who is shut out is shown nothing.
        let Some(key) = idempotency_key.filter(|_| partner.enabled) else { return Err(refusal) };
        match self.parts.ledger.admitted_before(&partner.id, key, &digest_of(ask), Timestamp::now()).await {
            Ok(Some(job)) => Ok(Admitted::Replayed(job)),
            // It may have been admitted: nobody knows before the ledger can be asked.
            Err(error) if error.is_retried() => Err(error),
            Ok(None) | Err(_) => Err(refusal),
        }
    }

    /// Everything that is checked before the ledger decides.
    async fn admission(&self, partner: &Partner, ask: &Ask, idempotency_key: Option<&str>) -> Result<Admission> {
        let checked = self.check(partner, ask)?;
        let now = Timestamp::now();
        self.check_receiving(partner, &checked, now).await?;
        let compression = self.compression(partner)?;
        let settings = &checked.report.settings;
        Ok(Admission {
            id: JobId::fresh(),
            idempotency: idempotency_key.map(|key| (key.to_owned(), digest_of(ask))),
            active_limit: partner.limits.active_reports,
            file_name: naming::file_name,
            name_template: partner.files.name.clone(),
            extension: naming::extension(checked.format, compression, partner.seal.armor),
            time_zone: partner.files.time_zone.clone(),
            retention_days: settings.retention_days,
            now,
            request: checked.request,
        })
    }

    /// That the partner could receive the file: it can be sealed, and where it is to be sent there is a connector.
    ///
    /// # Errors
    /// `SP-REQUEST-006`, `-007`; `SP-LEDGER-001`.
    pub(crate) async fn check_receiving(&self, partner: &Partner, checked: &Checked, now: Timestamp) -> Result<()> {
        self.usable_recipients(partner, now)?;
        for connector in &checked.request.deliver_to {
            if self.parts.records.connector(connector).await?.is_none() {
                return Err(Error::new(
                    &codes::request::NO_DESTINATION,
                    format!("connector {connector} of partner {} does not exist", partner.id),
                ));
            }
        }
        Ok(())
    }

    /// Every check that needs no I/O.
    pub(crate) fn check(&self, partner: &Partner, ask: &Ask) -> Result<Checked> {
        if !partner.enabled {
            return Err(Error::new(&codes::request::PARTNER_DISABLED, format!("partner {}", partner.id)));
        }
        let unknown = || {
            let known: Vec<String> = self.granted(partner).map(|report| report.id.to_string()).collect();
            let field =
                FieldError::new("/report_type", format!("not in your catalogue; known are {}", known.join(", ")));
            Error::new(&codes::request::UNKNOWN_REPORT_TYPE, "no such report type").with_fields(vec![field])
        };
        let report = self.parts.catalogue.get(&ask.report_type).ok_or_else(unknown)?;
        // A report type that is not granted answers like one that does not exist, so nobody can probe the catalogue.
        let grant = grant_of(partner, &report).ok_or_else(unknown)?;
        let format = self.format_of(&report, ask)?;
        covers(grant, format.name)?;
        self.parts.catalogue.check_format(&report, format, &ask.format_options)?;
        let parameters =
            sealpost_core::param::check(&report.settings.parameters, &ask.parameters).map_err(|fields| {
                let detail = format!(
                    "{} of the parameters of {} {} not valid",
                    fields.len(),
                    report.id,
                    if fields.len() == 1 { "is" } else { "are" }
                );
                Error::new(&codes::request::INVALID, detail).with_fields(fields)
            })?;
        report
            .settings
            .scope
            .kind
            .value(&partner.scope)
            .map_err(|detail| Error::new(&codes::config::PARTNER_FILE, format!("partner {}: {detail}", partner.id)))?;
        let deliver = ask.deliver.unwrap_or(!partner.deliver_to.is_empty());
        if deliver && partner.deliver_to.is_empty() {
            let field = FieldError::new("/deliver", "the partner has no destination");
            return Err(
                Error::new(&codes::request::NO_DESTINATION, format!("partner {}", partner.id)).with_fields(vec![field])
            );
        }
        let request = ReportRequest {
            partner: partner.id.clone(),
            report_type: report.id.clone(),
            format: format.name.to_owned(),
            format_options: ask.format_options.clone(),
            parameters,
            deliver_to: if deliver { partner.deliver_to.clone() } else { Vec::new() },
        };
        Ok(Checked { report, format, request })
    }

    fn format_of(&self, report: &ReportType, ask: &Ask) -> Result<&'static FormatEntry> {
        let name = ask.format.as_deref().unwrap_or(&report.settings.default_format);
        self.offered_by(report).find(|entry| entry.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.offered_by(report).map(|entry| entry.name).collect();
            let field = FieldError::new("/format", format!("{} offers {}", report.id, names.join(", ")));
            Error::new(&codes::request::UNKNOWN_FORMAT, "no such format").with_fields(vec![field])
        })
    }

    /// The formats that a report type offers, in the table's order.
    #[must_use]
    pub fn formats_of(&self, report: &ReportType) -> Vec<&'static FormatEntry> {
        self.offered_by(report).collect()
    }

    fn offered_by(&self, report: &ReportType) -> impl Iterator<Item = &'static FormatEntry> {
        let allowed = &report.settings.formats;
        self.parts
            .formats
            .iter()
            .filter(move |entry| allowed.is_empty() || allowed.iter().any(|name| name == entry.name))
    }

    /// The report types that a partner may ask for, by id.
    pub fn granted<'a>(&'a self, partner: &'a Partner) -> impl Iterator<Item = std::sync::Arc<ReportType>> + 'a {
        self.parts.catalogue.iter().filter(|report| partner.grants.iter().any(|grant| grant.report == report.id))
    }

    /// Applies the recipient policy: every certificate in use must be usable, and there must be one. One that is being
    /// replaced and expires before its end is left out, as long as there is another.
    pub(crate) fn usable_recipients(&self, partner: &Partner, now: Timestamp) -> Result<Recipients> {
        let unusable = |error: Error| {
            Error::new(&codes::request::NO_CERTIFICATE, format!("{}: {}", error.code().title, error.detail()))
                .caused_by(error)
        };
        let mut recipients = Recipients { certificates: Vec::new(), fingerprints: Vec::new(), at: now };
        let mut left_out = None;
        for certificate in partner.recipients(now) {
            match self.parts.sealer.inspect(certificate.armored.as_bytes(), now) {
                Ok(info) => {
                    recipients.certificates.push(certificate.armored.clone());
                    recipients.fingerprints.push(info.fingerprint);
                }
                Err(error) if expired_before_its_end(certificate, &error) => left_out = Some(error),
                Err(error) => return Err(unusable(error)),
            }
        }
        if !recipients.certificates.is_empty() {
            return Ok(recipients);
        }
        let none = || Error::new(&codes::request::NO_CERTIFICATE, format!("partner {} has none in use", partner.id));
        Err(left_out.map_or_else(none, unusable))
    }

    /// How the file of an admitted report is compressed, and whether it is armored: as its name says, which was given when the
    /// settings may have been others. Where names say nothing of it, as the partner's settings are now.
    pub(crate) fn wrapping(
        &self,
        partner: &Partner,
        format: &FormatEntry,
        name: &FileName,
    ) -> Result<(&'static CompressionEntry, bool)> {
        let wanted = (self.compression(partner)?, partner.seal.armor);
        if !partner.files.name.contains("{extension}") {
            return Ok(wanted);
        }
        let known = self.parts.compressions.iter().flat_map(|entry| [(entry, false), (entry, true)]);
        let named = std::iter::once(wanted)
            .chain(known)
            .find(|(entry, armor)| name.as_str().ends_with(&naming::extension(format, entry, *armor)));
        Ok(named.unwrap_or(wanted))
    }

    fn compression(&self, partner: &Partner) -> Result<&'static CompressionEntry> {
        let name = partner.seal.compression.as_deref().unwrap_or("none");
        self.parts.compressions.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.parts.compressions.iter().map(|entry| entry.name).collect();
            Error::new(
                &codes::config::PARTNER_FILE,
                format!("partner {}: unknown compression `{name}`; known are {}", partner.id, names.join(", ")),
            )
        })
    }
}

fn grant_of<'a>(partner: &'a Partner, report: &ReportType) -> Option<&'a Grant> {
    partner.grants.iter().find(|grant| grant.report == report.id)
}

fn covers(grant: &Grant, format: &str) -> Result<()> {
    if grant.formats.is_empty() || grant.formats.iter().any(|name| name == format) {
        return Ok(());
    }
    let field = FieldError::new("/format", format!("granted are {}", grant.formats.join(", ")));
    Err(Error::new(&codes::request::NOT_GRANTED, format!("format {format} of {}", grant.report))
        .with_fields(vec![field]))
}

/// That a partner still has what it was granted when it asked: a grant may be withdrawn while its reports wait.
///
/// # Errors
/// `SP-REQUEST-003`.
pub(crate) fn check_grant(partner: &Partner, report: &ReportType, format: &str) -> Result<()> {
    let withdrawn = || Error::new(&codes::request::NOT_GRANTED, format!("report type {}", report.id));
    covers(grant_of(partner, report).ok_or_else(withdrawn)?, format)
}

/// The identity of a request for idempotency: its content, whatever the order of its members.
fn digest_of(ask: &Ask) -> String {
    fn sorted(value: &Json) -> Json {
        match value {
            Json::Object(map) => {
                let ordered: std::collections::BTreeMap<&String, Json> =
                    map.iter().map(|(key, value)| (key, sorted(value))).collect();
                ordered.into_iter().map(|(key, value)| (key.clone(), value)).collect::<Map<_, _>>().into()
            }
            Json::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    let canonical = serde_json::to_value(ask).map(|value| sorted(&value).to_string()).unwrap_or_default();
    hex::encode(Sha256::digest(canonical))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_digest_ignores_the_order_of_members_and_nothing_else() {
        let ask = |text: Json| serde_json::from_value::<Ask>(text).expect("an ask");
        let one = ask(json!({"report_type": "a", "parameters": {"x": 1, "y": 2}}));
        let same = ask(json!({"parameters": {"y": 2, "x": 1}, "report_type": "a"}));
        let other = ask(json!({"report_type": "a", "parameters": {"x": 1, "y": 3}}));
        assert_eq!(digest_of(&one), digest_of(&same));
        assert_ne!(digest_of(&one), digest_of(&other));
    }

    #[test]
    fn unknown_members_are_refused() {
        assert!(serde_json::from_value::<Ask>(json!({"report_type": "a", "colour": "red"})).is_err());
    }
}
