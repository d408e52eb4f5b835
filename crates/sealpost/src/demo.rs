//! `sealpost demo`: the whole way with made-up data, without network and without setting anything up.
//!
//! It writes a folder that is used like any other configuration, starts the same service that `serve` starts, plays
//! the partner (its SFTP site, its HTTP calls, its private key), and shows what happened.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::secret::Secret;
use serde::Serialize;

use crate::cmd::serve;
use crate::config::VariablesOf;
use crate::output::{self, Output};
use crate::wire;

mod company;
mod folder;
mod partner;
mod show;
mod transfer;

/// What the surroundings may say of the demo: how it is reached, and who calls. Ledger, store, secrets and sinks of a real
/// service, whose variables this shell may have, are not for made-up partners.
const ENVIRONMENT: VariablesOf = VariablesOf(&["api", "admin", "identity", "worker", "log"]);

/// Options of `demo`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder to set up. One that the demo made before is made anew.
    #[arg(long, default_value = "sealpost-demo")]
    folder: PathBuf,
    /// End when the file has arrived, instead of going on serving.
    #[arg(long)]
    once: bool,
}

/// What `demo --json` prints when the file has arrived.
#[derive(Serialize)]
struct Arrived {
    report_id: String,
    status: String,
    row_count: u64,
    delivered_file: PathBuf,
    recipient_private_key: PathBuf,
    sha256: String,
    api_url: String,
    admin_url: String,
    api_key: String,
    #[serde(flatten)]
    transfers: transfer::Reachable,
}

pub(crate) async fn run(options: Options, output: Output) -> Result<ExitCode> {
    let began = Instant::now();
    let say = |text: &str| {
        if output == Output::Text {
            output::note(text);
        }
    };
    let folder = std::path::absolute(&options.folder).unwrap_or_else(|_| options.folder.clone());
    let left_out = ENVIRONMENT.left_out();
    if !left_out.is_empty() {
        // For scripts too: their next command reads the variables.
        output::note(&format!("Variables of this shell that the demo does not use: {}.", left_out.join(", ")));
    }
    say(&format!("Setting up {} …", folder.display()));
    let place = folder::prepare(&folder)?;
    let company = company::create(&place.database()).await?;
    say(&format!(
        "  database  {} partner companies, {} employees, {} contracts, {} instalments",
        company.partners, company.employees, company.contracts, company.instalments
    ));
    let site = folder::start_site(&place).await?;
    say(&format!(
        "  site      the partner's SFTP server at {}, host key {}",
        site.address(),
        site.host_key_fingerprint()
    ));
    folder::write_configuration(&place, &site, &left_out)?;

    let mut loaded = crate::config::load(&place.configuration(), &ENVIRONMENT)?;
    // The story is told here; the log tells only what goes wrong.
    "warn".clone_into(&mut loaded.config.log.level);
    crate::logging::start(&loaded.config.log);
    let pipeline = wire::pipeline(&loaded).await?;
    crate::cmd::apply_partners(&pipeline, &place.partners()).await?;
    let (_, api_key) = pipeline.issue_key(&folder::PARTNER.parse()?, "demo", None).await?;
    folder::write_private(&place.api_key(), api_key.expose())?;
    let mut left = 5;
    let mut running = loop {
        match serve::start(&loaded, pipeline.clone(), true).await {
            // Another process, another demo perhaps, took the port between our look and now.
            Err(error) if error.is(&codes::config::ADDRESS_IN_USE) && left > 0 => {
                left -= 1;
                folder::write_configuration(&place, &site, &left_out)?;
                loaded.config = crate::config::load(&place.configuration(), &ENVIRONMENT)?.config;
            }
            started => break started?,
        }
    };
    say(&format!("  service   API at http://{}, operators' API at http://{}", running.api, running.admin));
    say(&format!("  ready after {:.1} s\n", began.elapsed().as_secs_f64()));

    let caller = partner::Caller::new(&format!("http://{}", running.api), api_key.expose_text()?)?;
    let report = caller.ask_and_follow(output).await?;
    let delivered = place.inbox().join(&report.file_name);
    let shown = show::decrypt(&delivered, &place.private_key())?;
    let transfer_url = running.transfer.map(|address| format!("http://{address}")).unwrap_or_default();
    let transfers = transfer::prepare(&pipeline, transfer_url, &site, &report.id).await?;
    let arrived = Arrived {
        report_id: report.id.clone(),
        status: report.status.clone(),
        row_count: report.row_count,
        recipient_private_key: place.private_key(),
        sha256: shown.sha256.clone(),
        api_url: format!("http://{}", running.api),
        admin_url: format!("http://{}", running.admin),
        api_key: api_key.expose_text()?.to_owned(),
        delivered_file: delivered,
        transfers,
    };
    if shown.sha256 != report.sha256 || shown.rows != report.row_count {
        let detail = format!("{}: the delivered file is not the stored one", arrived.delivered_file.display());
        return Err(Error::new(&codes::store::CHANGED, detail));
    }
    output.print(&arrived, |arrived| show::story(&report, &shown, arrived, &place, began.elapsed()));
    let mut outcome = Ok(());
    if !options.once {
        say("\nIt goes on serving. Ctrl-C ends it.");
        outcome = running.until_asked_to_stop().await;
    }
    running.stop().await;
    site.shutdown().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Reads a file of the demo's folder.
fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        Error::new(&codes::config::UNREADABLE, format!("{}: {error}", file.display())).caused_by(error)
    })
}

/// Reads a private key of the demo's folder.
fn read_secret(file: &Path) -> Result<Secret> {
    read(file).map(Secret::new)
}
