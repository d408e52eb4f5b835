//! The sealer: policy, then session key, then the message as a sink.

use std::sync::Arc;

use jiff::Timestamp;
use sealpost_core::certificate::{CertificateInfo, IdentifiedCertificate};
use sealpost_core::error::{Error, Result, codes::seal};
use sealpost_core::port::{SealPlan, Sealer};
use sealpost_core::sink::ByteSink;

use crate::certificate;
use crate::message::{LiteralHeader, Message};
use crate::policy::{self, Recipient};
use crate::session::{Container, Session};
use crate::signer::Signing;

/// OpenPGP by `rPGP`'s keys and signatures and our own containers. Holds no secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenPgp;

impl Sealer for OpenPgp {
    fn identify(&self, certificate: &[u8]) -> Result<IdentifiedCertificate> {
        certificate::identify(certificate)
    }

    fn inspect(&self, certificate: &[u8], now: Timestamp) -> Result<CertificateInfo> {
        Ok(policy::recipient(certificate, now)?.info.clone())
    }

    fn seal(&self, plan: &SealPlan<'_>, out: Box<dyn ByteSink>) -> Result<Box<dyn ByteSink>> {
        if plan.recipients.is_empty() {
            return Err(Error::new(&seal::NO_RECIPIENT, "there is no certificate to encrypt to"));
        }
        let recipients: Vec<Arc<Recipient>> =
            plan.recipients.iter().map(|text| policy::recipient(text.as_bytes(), plan.now)).collect::<Result<_>>()?;
        let signing = plan.signer.map(|(key, passphrase)| Signing::begin(key, passphrase, plan.now)).transpose()?;
        let session = Session::begin(Container::choose(plan.message, &recipients), &recipients)?;
        let literal =
            LiteralHeader { file_name: plan.file_name, date: u32::try_from(plan.now.as_second()).unwrap_or(u32::MAX) };
        let message = Message::begin(&session, plan.armor, signing, &literal, out)
            .map_err(|error| Error::from_io(error, &seal::WRITE))?;
        Ok(Box::new(message))
    }
}
