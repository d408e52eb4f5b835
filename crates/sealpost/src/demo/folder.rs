//! The demo's folder: what is where, and the partner's site.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::{Error, Result, codes};
use sealpost_inbound::{RunningSite, SftpSite, SiteSettings, SiteUser};
use sealpost_seal::{KeyKind, KeyRequest};
use serde_json::json;

use super::read_secret;

/// The partner that the demo plays.
pub(super) const PARTNER: &str = "nordwind";
/// Its user on its own SFTP server.
const SITE_USER: &str = "bikeleasing";
/// Made by us, so it may be made anew by us.
const MARK: &str = ".sealpost-demo";

/// The demo's folder.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn database(&self) -> PathBuf {
        self.0.join("company.sqlite")
    }

    pub(super) fn configuration(&self) -> PathBuf {
        self.0.join("sealpost.toml")
    }

    pub(super) fn partners(&self) -> PathBuf {
        self.0.join("partners")
    }

    pub(super) fn private_key(&self) -> PathBuf {
        self.0.join("partner-side/private-key.asc")
    }

    pub(super) fn api_key(&self) -> PathBuf {
        self.0.join("partner-side/api-key")
    }

    pub(super) fn inbox(&self) -> PathBuf {
        self.0.join("partner-side/site").join(SITE_USER).join("inbox")
    }

    /// User name and key of the partner's site in one secret, as connectors of the transfer API read it.
    pub(super) fn user_secret(&self) -> PathBuf {
        self.0.join("secrets/nordwind-user.json")
    }

    fn ssh_key(&self) -> PathBuf {
        self.0.join("secrets/nordwind-ssh-key")
    }
}

/// Makes the folder, empty but for keys and the catalogue.
///
/// # Errors
/// `SP-CONFIG-002` where it can't be written, or is a folder that the demo did not make.
pub(super) fn prepare(folder: &Path) -> Result<Place> {
    let unwritable = |error: std::io::Error| {
        Error::new(&codes::config::UNREADABLE, format!("{}: {error}", folder.display())).caused_by(error)
    };
    if folder.exists() {
        let is_empty = std::fs::read_dir(folder).map_err(unwritable)?.next().is_none();
        if !is_empty && !folder.join(MARK).exists() {
            let detail =
                format!("{} exists and was not made by the demo; choose another with --folder", folder.display());
            return Err(Error::new(&codes::config::UNREADABLE, detail));
        }
        std::fs::remove_dir_all(folder).map_err(unwritable)?;
    }
    for part in ["catalogue", "partners", "secrets", "partner-side/site"] {
        std::fs::create_dir_all(folder.join(part)).map_err(unwritable)?;
    }
    std::fs::write(folder.join(MARK), "Made by `sealpost demo`, which makes it anew each time.\n")
        .map_err(unwritable)?;
    for (name, text) in CATALOGUE {
        std::fs::write(folder.join("catalogue").join(name), text).map_err(unwritable)?;
    }
    let place = Place(folder.to_owned());
    let key = sealpost_seal::generate(&KeyRequest {
        user_id: "Nordwind Logistik <reports@nordwind.example>",
        kind: KeyKind::Ed25519,
        now: Timestamp::now(),
        valid_for: Some(SignedDuration::from_hours(24 * 365)),
        passphrase: None,
    })?;
    write_private(&place.private_key(), key.secret.expose())?;
    std::fs::write(place.partners().join("nordwind.asc"), key.public).map_err(unwritable)?;
    write_private(&place.ssh_key(), sealpost_inbound::generate_host_key()?.expose())?;
    let user = json!({ "Username": SITE_USER, "PrivateKey": read_secret(&place.ssh_key())?.expose_text()? });
    write_private(&place.user_secret(), user.to_string().as_bytes())?;
    write_private(&folder.join("secrets/admin-token"), random_token().as_bytes())?;
    write_private(&folder.join("secrets/transfer-secret"), hex::encode(rand::random::<[u8; 32]>()).as_bytes())?;
    write_private(&folder.join("secrets/webhook-secret"), hex::encode(rand::random::<[u8; 32]>()).as_bytes())?;
    Ok(place)
}

/// Starts the partner's own SFTP server: one user, one key, one inbox.
pub(super) async fn start_site(place: &Place) -> Result<RunningSite> {
    std::fs::create_dir_all(place.inbox())
        .map_err(|error| Error::new(&codes::config::UNREADABLE, error.to_string()))?;
    let login = sealpost_inbound::public_key_of(&read_secret(&place.ssh_key())?)?;
    let user = SiteUser { authorized_keys: vec![login.public_key], password: None };
    SftpSite::start(SiteSettings {
        root: place.0.join("partner-side/site"),
        host_keys: Vec::new(),
        users: BTreeMap::from([(SITE_USER.to_owned(), user)]),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
    })
    .await
}

/// Writes `sealpost.toml` and the partner files. The host key is approved here because the demo is both sides.
pub(super) fn write_configuration(place: &Place, site: &RunningSite, left_out: &[String]) -> Result<()> {
    let unset = match left_out {
        [] => String::new(),
        names => format!(
            "# {} of this shell are not used by the demo; unset them before `sealpost --config …`.\n",
            names.join(", ")
        ),
    };
    let configuration = format!(
        r#"# The demo's configuration: `sealpost --config {file} …` works with it while the demo serves.
{unset}[api]
listen = "127.0.0.1:{api}"
[admin]
listen = "127.0.0.1:{admin}"
token = "file:secrets/admin-token"
# Receivers on this machine may be tried out.
[webhooks]
signing_secret = "file:secrets/webhook-secret"
allow_private = true
allow_http = true
# The partner decides for itself here. Without these lines an operator approves each change.
[self_service]
certificates = "allowed"
destinations = "allowed"
host_keys = "allowed"
vault = "file:data/secrets"
allow_private_destinations = true
# Stock AWS clients may drive the engine: `aws transfer … --endpoint-url`.
[transfer]
listen = "127.0.0.1:{transfer}"
master_secret = "file:secrets/transfer-secret"
# Which secrets connectors may name: any file at all is fit for a demo only.
user_secrets = ["file:secrets/", "file:/"]
[sources.main]
kind = "sqlite"
path = "company.sqlite"
[ledger]
kind = "sqlite"
path = "data/ledger.sqlite"
[store]
kind = "local"
path = "data/store"
"#,
        file = place.configuration().display(),
        api = port(8080)?,
        admin = port(8081)?,
        transfer = port(8082)?,
    );
    let nordwind = format!(
        r#"name = "Nordwind Logistik GmbH"
scope = "nordwind"
certificates = ["nordwind.asc"]
grants = [{{ report = "contracts.v1" }}, {{ report = "instalments.v1" }}, {{ report = "employees.v1" }}]
[connectors.main]
host = "127.0.0.1"
port = {port}
user = "{SITE_USER}"
directory = "inbox"
host_keys = ["{fingerprint}"]
[[connectors.main.login]]
method = "private_key"
key = "file:secrets/nordwind-ssh-key"
"#,
        port = site.address().port(),
        fingerprint = site.host_key_fingerprint(),
    );
    let other = |name: &str, scope: &str| {
        format!(
            "# No certificate yet: a report is refused before any work.\nname = \"{name}\"\nscope = \"{scope}\"\ngrants = [{{ report = \"contracts.v1\" }}]\n"
        )
    };
    for (file, text) in [
        (place.configuration(), configuration),
        (place.partners().join("nordwind.toml"), nordwind),
        (place.partners().join("alpenrad.toml"), other("Alpenrad Küchen AG", "alpenrad")),
        (place.partners().join("hafenwerk.toml"), other("Hafenwerk Süd SE", "hafenwerk")),
    ] {
        std::fs::write(&file, text)
            .map_err(|error| Error::new(&codes::config::UNREADABLE, format!("{}: {error}", file.display())))?;
    }
    Ok(())
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(file: &Path, bytes: &[u8]) -> Result<()> {
    crate::cmd::write_private(file, bytes)
}

/// The usual port when it is free, else any free one.
fn port(usual: u16) -> Result<u16> {
    let bound = TcpListener::bind(("127.0.0.1", usual)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)));
    let address = bound.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| Error::new(&codes::config::ADDRESS_IN_USE, error.to_string()))
}

fn random_token() -> String {
    hex::encode(rand::random::<[u8; 24]>())
}

const CATALOGUE: [(&str, &str); 6] = [
    ("contracts.v1.toml", include_str!("../../demo/contracts.v1.toml")),
    ("contracts.v1.sql", include_str!("../../demo/contracts.v1.sql")),
    ("instalments.v1.toml", include_str!("../../demo/instalments.v1.toml")),
    ("instalments.v1.sql", include_str!("../../demo/instalments.v1.sql")),
    ("employees.v1.toml", include_str!("../../demo/employees.v1.toml")),
    ("employees.v1.sql", include_str!("../../demo/employees.v1.sql")),
];
