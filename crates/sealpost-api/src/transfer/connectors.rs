//! Connectors: made, changed, removed, shown, tested.

use super::members::Members;
use super::refusal::{Refusal, Result};

pub(super) mod create;
pub(super) mod delete;
pub(super) mod describe;
mod host_key;
pub(super) mod list;
mod sftp_config;
pub(super) mod test;
pub(super) mod update;
mod url;
mod user_secret;
mod wanted;

/// Members of the model that this service has nothing for.
fn refuse_unoffered(input: &Members<'_>) -> Result<()> {
    if input.has("As2Config") {
        return Err(Refusal::invalid("As2Config is not offered: connectors of this service are SFTP connectors."));
    }
    if input.has("EgressConfig") {
        return Err(Refusal::invalid(
            "EgressConfig is not offered: there is no VPC Lattice here. Connections start from this service's own network; \
             the tag `sealpost:proxy` sends them through a proxy.",
        ));
    }
    Ok(())
}
