//! Small files beside the delivered one: checksum and done-marker. Each appears complete, and replaces what an
//! earlier attempt left, so that writing it again does no harm.

use sealpost_core::Result;
use sealpost_core::port::Shipment;

use super::client::Client;
use super::names::{CHECKSUM, DONE, Names, file_name};
use super::packet::{CREATE, FOR_WRITE, TRUNCATE};
use super::status::Fault;

/// The checksum's path beside the file at `path`.
pub(super) fn beside(path: &str) -> String {
    format!("{path}{CHECKSUM}")
}

/// The checksum that stands beside the file, where the connector wants one, and it is known.
pub(super) fn digest<'a>(shipment: &Shipment<'a>) -> Option<&'a str> {
    shipment.sha256.filter(|_| shipment.connector.settings.checksum_file)
}

/// Writes `<name>.sha256`, as `sha256sum -c` reads it. It comes before the file, so that the file never stands there
/// without it.
pub(super) async fn checksum(client: &Client, names: &Names, path: &str, digest: &str) -> Result<()> {
    let line = format!("{digest}  {}\n", file_name(path));
    place(client, names, CHECKSUM, path, line.as_bytes()).await
}

/// Writes the empty `<name>.done`. It comes last: it says that everything else is there.
pub(super) async fn done(client: &Client, names: &Names, path: &str) -> Result<()> {
    place(client, names, DONE, path, b"").await
}

async fn place(client: &Client, names: &Names, suffix: &str, path: &str, content: &[u8]) -> Result<()> {
    let (hidden, aside) = (names.hidden(suffix, names.attempt), names.aside(suffix, names.attempt));
    let visible = format!("{path}{suffix}");
    let doing = format!("write `{visible}`");
    let steps = async {
        let handle = client.open(&hidden, FOR_WRITE | CREATE | TRUNCATE).await?;
        if !content.is_empty() {
            client.write_start(&handle, content).await?;
        }
        client.close(&handle).await?;
        client.replace(&hidden, &visible, &aside).await
    };
    let result: Result<(), Fault> = steps.await;
    match result {
        Ok(()) => Ok(()),
        Err(Fault::Refused(refusal)) => Err(client.explain(refusal, &doing, &names.folder).await),
        Err(Fault::Failed(error)) => Err(error),
    }
}
