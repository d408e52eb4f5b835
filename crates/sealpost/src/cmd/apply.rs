//! `sealpost apply`: partner files to the ledger. Plan first, idempotent; a partner without a file is left alone
//! unless `--prune` is given, and so is what a file does not name of certificates, identities and connectors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::port::Establishing;
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::audit::Author;
use sealpost_pipeline::records::{Action, Change, PartnerDocument};

use super::audit::author;
use crate::config::Loaded;
use crate::output::{self, Output};
use crate::wire;

mod identities;

use identities::Identities;

/// Options of `apply`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder with one `<id>.toml` per partner.
    folder: PathBuf,
    /// Show what would change, and change nothing.
    #[arg(long)]
    plan: bool,
    /// Remove partners that have no file.
    #[arg(long)]
    prune: bool,
}

pub(crate) async fn run(loaded: &Loaded, options: &Options, output: Output) -> Result<ExitCode> {
    let pipeline = wire::pipeline(loaded).await?;
    let Applied { changes, failed } = apply(&pipeline, options, &author()).await?;
    output.print(&changes, |changes| describe(changes, options.plan));
    all_well(&failed)?;
    Ok(ExitCode::SUCCESS)
}

/// What was done, or is to be.
#[derive(Default)]
pub(super) struct Applied {
    changes: Vec<Change>,
    /// The connectors that the engine failed at, and the partners that the ledger did, in words, each with why. None of them
    /// keeps the others from it.
    pub(super) failed: Vec<(String, Error)>,
}

impl Applied {
    /// Keeps what the ledger failed at, with what was done before. Whether the other partners are worth a try: not while the
    /// ledger is away.
    fn goes_on_after(&mut self, partner: &PartnerId, error: Error) -> bool {
        let is_away = error.is_retried();
        self.failed.push((format!("partner {partner}"), error));
        !is_away
    }
}

async fn apply(pipeline: &Pipeline, options: &Options, author: &Author) -> Result<Applied> {
    let documents = read_folder(&options.folder)?;
    let known = pipeline.parts().records.partners().await?;
    let identities = Identities::of(&documents, &known, options.prune);
    // All are planned before any is applied: one bad file changes nothing.
    let changes = plan(pipeline, &documents, identities.conflicts()).await?;
    let mut applied = Applied { changes, ..Applied::default() };
    let is_gone = |id: &&PartnerId| options.prune && !documents.contains_key(*id);
    let gone: Vec<&PartnerId> = known.iter().map(|partner| &partner.id).filter(is_gone).collect();
    if options.plan {
        applied.changes.extend(gone.iter().map(|id| removal(id)));
        warn_of_left_out(pipeline, &documents).await?;
        return Ok(applied);
    }
    // Nobody can be given what another still has.
    for partner in &known {
        let leaving = identities.leaving(partner);
        if !leaving.is_empty() {
            pipeline.release_identities(author, &partner.id, &leaving).await?;
        }
    }
    for (id, (_, document)) in &documents {
        pipeline.apply_by(author, id, document).await?;
    }
    // Nothing is sent to a partner that is disabled.
    for (id, _) in documents.iter().filter(|(_, (_, document))| document.enabled) {
        if let Err(error) = establish(pipeline, id, &mut applied).await
            && !applied.goes_on_after(id, error)
        {
            return Ok(applied);
        }
    }
    // What can't be undone comes last.
    for id in gone {
        // The ledger comes before the engine: what is under way for a partner needs its connectors, and keeps the partner.
        match pipeline.remove_partner(author, id).await {
            Ok(connectors) => {
                applied.changes.push(removal(id));
                // What is left of a partner that is gone, no later `--prune` looks for: there is one such partner at most.
                if !retire(pipeline, connectors.as_deref().unwrap_or_default(), &mut applied).await {
                    break;
                }
            }
            // It may have work under way.
            Err(error) => {
                if !applied.goes_on_after(id, error) {
                    break;
                }
            }
        }
    }
    Ok(applied)
}

fn removal(id: &PartnerId) -> Change {
    Change { action: Action::Remove, subject: format!("partner {id}"), members: Vec::new() }
}

/// What would change, unless something is wrong with a file.
async fn plan(pipeline: &Pipeline, documents: &Documents, mut problems: Vec<FieldError>) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for (id, (file, document)) in documents {
        match pipeline.plan(id, document).await {
            Ok(planned) => {
                changes.extend(planned);
                problems.extend(refused_by_engine(pipeline, file, document));
            }
            Err(error) if error.is(&codes::config::PARTNER_FILE) => {
                problems.extend(error.fields().iter().map(|field| {
                    FieldError::new(format!("{}{}", file.display(), field.pointer), field.detail.clone())
                }));
            }
            Err(error) => return Err(error.context(file.display())),
        }
    }
    refuse(problems)?;
    Ok(changes)
}

/// The connectors of a file that the engine can't do, though they are in the ledger as the file has them: the first delivery
/// would fail. A partner that is disabled receives none, and can be disabled whatever its connectors are.
fn refused_by_engine(pipeline: &Pipeline, file: &Path, document: &PartnerDocument) -> Vec<FieldError> {
    let connectors = document.connectors.iter().flatten().filter(|_| document.enabled);
    let refused = connectors.filter_map(|(name, settings)| {
        let error = pipeline.parts().transport.accepts(settings).err()?;
        Some(FieldError::new(format!("{}/connectors/{name}", file.display()), error.detail()))
    });
    refused.collect()
}

/// Warns of connectors that the engine can't do and that their partner's file says nothing of. They stay in the ledger, where
/// partners may have made them: that is no mistake of the file, but nothing can be delivered by them.
async fn warn_of_left_out(pipeline: &Pipeline, documents: &Documents) -> Result<()> {
    let silent = documents.iter().filter(|(_, (_, document))| document.enabled && document.connectors.is_none());
    for (id, _) in silent {
        for connector in pipeline.parts().records.connectors(Some(id)).await? {
            if let Err(error) = pipeline.parts().transport.accepts(&connector.settings) {
                output::note(&format!("warning: the engine can't do the {}: {}", subject(&connector), error.detail()));
            }
        }
    }
    Ok(())
}

/// Brings what the engine keeps of a partner's connectors elsewhere up to the records, which are applied already: the
/// first delivery would do it too, and would be the first to tell what is wrong with it.
async fn establish(pipeline: &Pipeline, partner: &PartnerId, applied: &mut Applied) -> Result<()> {
    for connector in pipeline.parts().records.connectors(Some(partner)).await? {
        match pipeline.parts().transport.establish(&connector).await {
            Ok(Some(there)) => {
                let action = match there.outcome {
                    Establishing::Made => Action::Create,
                    Establishing::Changed => Action::Update,
                    Establishing::Kept => Action::Keep,
                };
                let subject = format!("{} as {}", subject(&connector), there.name);
                applied.changes.push(Change { action, subject, members: Vec::new() });
            }
            Ok(None) => {}
            Err(error) => applied.failed.push((subject(&connector), error)),
        }
    }
    Ok(())
}

/// Removes what the engine kept of connectors that are gone. `false` where it failed at any.
pub(super) async fn retire(pipeline: &Pipeline, connectors: &[Connector], applied: &mut Applied) -> bool {
    let failed_before = applied.failed.len();
    for connector in connectors {
        match pipeline.parts().transport.retire(connector).await {
            Ok(Some(name)) => {
                let subject = format!("{} as {name}", subject(connector));
                applied.changes.push(Change { action: Action::Remove, subject, members: Vec::new() });
            }
            Ok(None) => {}
            Err(error) => applied.failed.push((subject(connector), error)),
        }
    }
    applied.failed.len() == failed_before
}

/// Refuses to be content where the engine failed at a connector, or the ledger at a partner; the code is the first one's.
pub(super) fn all_well(failed: &[(String, Error)]) -> Result<()> {
    match failed {
        [] => Ok(()),
        [(subject, error)] => Err(error.clone().context(format!("done, but for {subject}"))),
        [(_, first), ..] => {
            let fields = failed.iter().map(|(subject, error)| FieldError::new(subject, error.to_string())).collect();
            let detail = format!("done, but for {} connectors and partners", failed.len());
            Err(Error::new(first.code(), detail).with_fields(fields))
        }
    }
}

fn subject(connector: &Connector) -> String {
    format!("connector {}/{}", connector.partner, connector.name)
}

/// Applies every partner file of a folder.
///
/// # Errors
/// As `sealpost apply`.
pub(crate) async fn apply_folder(pipeline: &Pipeline, folder: &Path) -> Result<()> {
    let options = Options { folder: folder.to_owned(), plan: false, prune: false };
    all_well(&apply(pipeline, &options, &Author::sealpost()).await?.failed)
}

type Documents = BTreeMap<PartnerId, (PathBuf, PartnerDocument)>;

fn read_folder(folder: &Path) -> Result<Documents> {
    let unreadable = |error: std::io::Error| {
        Error::new(&codes::config::UNREADABLE, format!("{}: {error}", folder.display())).caused_by(error)
    };
    let mut documents = Documents::new();
    let mut problems = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        match read_file(&file) {
            Ok((id, document)) => {
                documents.insert(id, (file, document));
            }
            Err(detail) => problems.push(FieldError::new(file.display().to_string(), detail)),
        }
    }
    refuse(problems)?;
    Ok(documents)
}

fn refuse(problems: Vec<FieldError>) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let detail =
        format!("{} problem{}; nothing was changed", problems.len(), if problems.len() == 1 { "" } else { "s" });
    Err(Error::new(&codes::config::PARTNER_FILE, detail).with_fields(problems))
}

fn read_file(file: &Path) -> Result<(PartnerId, PartnerDocument), String> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let id: PartnerId = stem.parse().map_err(|error: Error| error.detail().to_owned())?;
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let reader = toml::Deserializer::parse(&text).map_err(|error| error.to_string().trim().to_owned())?;
    let mut document: PartnerDocument = serde_path_to_error::deserialize(reader).map_err(|error| {
        let path = error.path().to_string();
        format!("{path}: {}", error.into_inner().message())
    })?;
    let folder = file.parent().unwrap_or(Path::new("."));
    for certificate in document.certificates.iter_mut().flatten() {
        // A certificate stands in the file itself, or in one of its own beside it.
        let armored = &mut certificate.armored;
        if !armored.trim_start().starts_with("-----BEGIN") {
            let path = folder.join(&*armored);
            *armored =
                std::fs::read_to_string(&path).map_err(|error| format!("certificates: {}: {error}", path.display()))?;
        }
    }
    Ok((id, document))
}

fn describe(changes: &[Change], is_plan: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for change in changes {
        let sign = match change.action {
            Action::Create => "+",
            Action::Update => "~",
            Action::Remove => "-",
            Action::Keep => continue,
        };
        let members =
            if change.members.is_empty() { String::new() } else { format!(" ({})", change.members.join(", ")) };
        lines.push(format!("{sign} {}{members}", change.subject));
    }
    let changed = lines.len();
    let kept = changes.len() - changed;
    let done = if is_plan { "to change" } else { "changed" };
    lines.push(format!("{changed} {done}, {kept} as they should be"));
    lines.join("\n")
}
