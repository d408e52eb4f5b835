//! OpenPGP certificates of partners: added, rotated with overlap, retired.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::certificate::{CertificateInfo, IdentifiedCertificate};
use sealpost_core::change::{Change, ChangeAction};
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::partner::{AwaitedProof, Partner, RecipientCertificate};
use sealpost_core::port::Sealer;

use crate::audit::Author;
use crate::{Pipeline, log};

/// Most certificates of a partner, those that are over not counted.
pub const MOST_CERTIFICATES: usize = 10;
/// Longest certificate in octets of its armor. Each is read at every report.
pub const LARGEST_CERTIFICATE: usize = 128 * 1024;
/// The farthest cut-over, in days.
pub const FARTHEST_CUT_OVER_DAYS: i64 = 90;

/// A certificate as its partner sees it.
#[derive(Debug, Clone)]
pub struct KeyState {
    /// Which certificate.
    pub fingerprint: String,
    /// When its primary key was made.
    pub created_at: Option<Timestamp>,
    /// What the recipient policy found, or why it refuses.
    pub state: Result<CertificateInfo>,
    /// Whether files are sealed to it now.
    pub is_used: bool,
    /// How long it is used, and what is known of it.
    pub record: RecipientCertificate,
}

/// A certificate that a partner hands in.
#[derive(Debug, Clone, Default)]
pub struct CertificateWish {
    /// The certificate, armored or binary.
    pub certificate: Vec<u8>,
    /// The fingerprint of the one that it takes the place of.
    pub replaces: Option<String>,
    /// Until when files are sealed to both; no overlap when absent.
    pub cut_over: Option<Timestamp>,
}

impl Pipeline {
    /// The certificates of a partner, in the order in which they were added.
    ///
    /// # Errors
    /// `SP-REQUEST-008` for no such partner.
    pub async fn keys_of(&self, partner: &PartnerId) -> Result<Vec<KeyState>> {
        let partner = self.fresh_partner(partner).await?;
        Ok(self.key_states(partner.certificates, Timestamp::now()))
    }

    /// A certificate of a partner.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such certificate.
    pub async fn key_of(&self, partner: &PartnerId, fingerprint: &str) -> Result<KeyState> {
        let wanted = normal(fingerprint);
        let found = self.keys_of(partner).await?.into_iter().find(|key| key.fingerprint == wanted);
        found.ok_or_else(|| no_key(&wanted))
    }

    /// The certificates of one partner with what is known of them, in their order.
    pub(crate) fn key_states(&self, certificates: Vec<RecipientCertificate>, now: Timestamp) -> Vec<KeyState> {
        let mut keys: Vec<KeyState> = certificates.into_iter().map(|record| self.key_state(record, now)).collect();
        if keys.iter().any(|key| key.is_used && key.state.is_ok()) {
            for key in &mut keys {
                let is_left_out = key.state.as_ref().is_err_and(|error| expired_before_its_end(&key.record, error));
                key.is_used &= !is_left_out;
            }
        }
        keys
    }

    fn key_state(&self, record: RecipientCertificate, now: Timestamp) -> KeyState {
        let known = self.parts.sealer.identify(record.armored.as_bytes()).ok();
        KeyState {
            state: self.parts.sealer.inspect(record.armored.as_bytes(), now),
            created_at: known.as_ref().map(|known| known.created_at),
            fingerprint: known.map(|known| known.fingerprint).unwrap_or_default(),
            is_used: record.is_used(now),
            record,
        }
    }

    /// Asks to seal to a certificate, beside the others or in the place of one.
    ///
    /// # Errors
    /// `SP-SEAL-001` to `-007`, `-012` with the field, where the recipient policy refuses it; `SP-REQUEST-001`, `-037`;
    /// as [`ask_change`](Self::ask_change).
    pub async fn add_certificate(&self, partner: &PartnerId, wish: CertificateWish, author: &Author) -> Result<Change> {
        let known = match self.parts.sealer.identify(&wish.certificate) {
            Err(error) if error.is(&codes::seal::SECRET_GIVEN) => {
                log::private_key_given(partner);
                let detail = "a private key was sent; it was refused, and nothing of it was kept";
                self.note(author, partner, "certificate.refuse", "private key", detail).await?;
                return Err(at_certificate(error));
            }
            known => known.map_err(at_certificate)?,
        };
        let action = ChangeAction::AddCertificate {
            fingerprint: known.fingerprint,
            certificate: known.armored,
            replaces: wish.replaces.as_deref().map(normal),
            cut_over: wish.cut_over,
        };
        check_dates(&action, Timestamp::now())?;
        self.ask_change(partner, action, author).await
    }

    /// Asks to seal to a certificate no longer, from a time on.
    ///
    /// # Errors
    /// `SP-REQUEST-008`; `-040` where none would be left; as [`ask_change`](Self::ask_change).
    pub async fn retire_certificate(
        &self,
        partner: &PartnerId,
        fingerprint: &str,
        at: Option<Timestamp>,
        author: &Author,
    ) -> Result<Change> {
        let fingerprint = normal(fingerprint);
        let action = ChangeAction::RetireCertificate { fingerprint, at: at.unwrap_or_else(Timestamp::now) };
        self.ask_change(partner, action, author).await
    }

    /// Checks a change of certificates against the partner as it is now.
    pub(super) async fn check_certificate(&self, partner: &PartnerId, action: &ChangeAction) -> Result<()> {
        let partner = self.fresh_partner(partner).await?;
        let now = Timestamp::now();
        if let ChangeAction::AddCertificate { fingerprint, certificate, replaces, .. } = action {
            if certificate.len() > LARGEST_CERTIFICATE {
                let detail = format!(
                    "it has more than {LARGEST_CERTIFICATE} octets; export it with `--export-options export-minimal`"
                );
                return Err(at_certificate(Error::new(&codes::seal::UNREADABLE, detail)));
            }
            self.parts.sealer.inspect(certificate.as_bytes(), now).map_err(at_certificate)?;
            let has = |wanted: &str| partner.certificates.iter().any(|one| self.is_it(one, wanted));
            if let Some(old) = replaces
                && (old == fingerprint || !has(old) && !has(fingerprint))
            {
                let field = FieldError::new("/replaces", "expected the fingerprint of another of your certificates");
                return Err(
                    Error::new(&codes::request::INVALID, "there is no certificate to replace").with_fields(vec![field])
                );
            }
        }
        if let ChangeAction::RetireCertificate { fingerprint, .. } = action
            && !partner.certificates.iter().any(|one| self.is_it(one, fingerprint))
        {
            return Err(no_key(fingerprint));
        }
        changed(partner, action, &*self.parts.sealer, self.parts.settings.self_service.require_proof, now).map(drop)
    }

    pub(super) async fn change_certificates(&self, partner: &PartnerId, action: &ChangeAction) -> Result<()> {
        let (sealer, action) = (self.parts.sealer.clone(), action.clone());
        let require_proof = self.parts.settings.self_service.require_proof;
        let now = Timestamp::now();
        self.edit_partner(partner, move |before| changed(before, &action, &*sealer, require_proof, now)).await
    }

    fn is_it(&self, certificate: &RecipientCertificate, fingerprint: &str) -> bool {
        is_it(&*self.parts.sealer, certificate, fingerprint)
    }

    /// A partner as the ledger has it now.
    pub(crate) async fn fresh_partner(&self, id: &PartnerId) -> Result<Partner> {
        let found = self.parts.records.partner(id).await?;
        found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("partner {id}")))
    }

    /// Changes a partner's record in one step.
    pub(crate) async fn edit_partner(
        &self,
        id: &PartnerId,
        edit: impl Fn(Partner) -> Result<Partner> + Send + Sync + 'static,
    ) -> Result<()> {
        let edited = self.parts.records.edit_partner(id, &edit).await?;
        edited.map(drop).ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("partner {id}")))
    }
}

/// A fingerprint as we write it: upper case, no blanks.
pub(crate) fn normal(fingerprint: &str) -> String {
    fingerprint.chars().filter(|character| !character.is_whitespace()).take(128).collect::<String>().to_uppercase()
}

pub(crate) fn is_it(sealer: &dyn Sealer, certificate: &RecipientCertificate, fingerprint: &str) -> bool {
    let known: Result<IdentifiedCertificate> = sealer.identify(certificate.armored.as_bytes());
    known.is_ok_and(|known| known.fingerprint == fingerprint)
}

/// Whether a certificate whose end is set has expired earlier than that. Another one takes its place: where that is there, files
/// go on without this one. Where one of its subkeys has expired and another was refused already, there is no one reason.
pub(crate) fn expired_before_its_end(certificate: &RecipientCertificate, refusal: &Error) -> bool {
    let has_expired = refusal.is(&codes::seal::EXPIRED) || refusal.is(&codes::seal::NO_ENCRYPTION_KEY);
    certificate.use_until.is_some() && has_expired
}

pub(crate) fn no_key(fingerprint: &str) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("certificate {fingerprint}"))
}

fn at_certificate(error: Error) -> Error {
    let field = FieldError::new("/certificate", error.detail());
    error.with_fields(vec![field])
}

fn check_dates(action: &ChangeAction, now: Timestamp) -> Result<()> {
    let ChangeAction::AddCertificate { replaces, cut_over: Some(cut_over), .. } = action else { return Ok(()) };
    let farthest = now + SignedDuration::from_hours(24 * FARTHEST_CUT_OVER_DAYS);
    let problem = if replaces.is_none() {
        "without `replaces` there is nothing to cut over from".to_owned()
    } else if *cut_over <= now || *cut_over > farthest {
        format!("expected a time to come, at most {FARTHEST_CUT_OVER_DAYS} days ahead")
    } else {
        return Ok(());
    };
    let fields = vec![FieldError::new("/cut_over", problem)];
    Err(Error::new(&codes::request::INVALID, "the cut-over date can't be used").with_fields(fields))
}

/// The partner after a change of its certificates. Repeated, it changes nothing.
fn changed(
    mut partner: Partner,
    action: &ChangeAction,
    sealer: &dyn Sealer,
    require_proof: bool,
    now: Timestamp,
) -> Result<Partner> {
    match action {
        ChangeAction::AddCertificate { fingerprint, certificate, replaces, cut_over } => {
            partner.certificates.retain(|one| !one.is_over(now) || is_it(sealer, one, fingerprint));
            let follows = AwaitedProof { replaces: replaces.clone(), cut_over: *cut_over };
            match partner.certificates.iter_mut().find(|one| is_it(sealer, one, fingerprint)) {
                // The same primary key has signed the new text, so its owner made it: no new proof is needed.
                Some(known) => {
                    certificate.clone_into(&mut known.armored);
                    known.use_until = None;
                    if known.awaits_proof.is_some() {
                        known.awaits_proof = Some(follows.clone());
                    } else {
                        take_place(&mut partner, &follows, sealer, now);
                    }
                }
                None => {
                    if partner.certificates.len() >= MOST_CERTIFICATES {
                        let detail = format!("{MOST_CERTIFICATES} certificates");
                        return Err(Error::new(&codes::request::TOO_MANY, detail));
                    }
                    let mut new = RecipientCertificate::from(certificate.clone());
                    new.awaits_proof = require_proof.then(|| follows.clone());
                    partner.certificates.push(new);
                    if !require_proof {
                        take_place(&mut partner, &follows, sealer, now);
                    }
                }
            }
        }
        ChangeAction::RetireCertificate { fingerprint, at } => {
            let was_used = |one: &RecipientCertificate| is_it(sealer, one, fingerprint) && one.is_used(now);
            let counts = partner.certificates.iter().any(was_used);
            if *at <= now {
                partner.certificates.retain(|one| !is_it(sealer, one, fingerprint));
            } else {
                let own = partner.certificates.iter_mut().filter(|one| is_it(sealer, one, fingerprint));
                own.for_each(|one| one.use_until = Some(*at));
            }
            if counts && !partner.certificates.iter().any(|one| is_lasting(one, sealer, now)) {
                let detail = format!("certificate {fingerprint} is the last one in use without an end");
                return Err(Error::new(&codes::request::LAST_CERTIFICATE, detail));
            }
        }
        _ => {}
    }
    Ok(partner)
}

/// Ends the certificate whose place another one takes, at the cut-over.
pub(super) fn take_place(partner: &mut Partner, follows: &AwaitedProof, sealer: &dyn Sealer, now: Timestamp) {
    let Some(old) = &follows.replaces else { return };
    let end = follows.cut_over.map_or(now, |cut_over| cut_over.max(now));
    for one in partner.certificates.iter_mut().filter(|one| is_it(sealer, one, old)) {
        one.use_until = Some(one.use_until.map_or(end, |until| until.min(end)));
    }
}

/// Whether files are sealed to it now, and no end is set.
pub(super) fn is_lasting(certificate: &RecipientCertificate, sealer: &dyn Sealer, now: Timestamp) -> bool {
    certificate.is_used(now)
        && certificate.use_until.is_none()
        && sealer.inspect(certificate.armored.as_bytes(), now).is_ok()
}
