//! One SFTP session: requests in, answers out, strictly in order, one at a time. So memory is one packet, and a write
//! that follows another in the stream follows it on the disk.

use std::path::PathBuf;

use bytes::{Buf, Bytes};
use russh_sftp::protocol::{Packet, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::spawn_blocking;

use super::files::Files;

/// The longest request, as OpenSSH's `SFTP_MAX_MSG_LENGTH`.
pub(super) const MOST_PACKET: u32 = 256 << 10;

/// Serves until the client ends the session or breaks the protocol's framing.
pub(super) async fn run(mut stream: impl AsyncRead + AsyncWrite + Unpin, home: PathBuf) {
    let mut files = Files::new(home);
    loop {
        let request = match read_packet(&mut stream).await {
            Ok(request) => request,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return,
            Err(error) => return tracing::debug!(%error, "SFTP session ended"),
        };
        let answered = spawn_blocking(move || {
            let answer = answer(&mut files, request);
            (files, answer)
        });
        let Ok((back, Some(answer))) = answered.await else { return };
        files = back;
        if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

async fn read_packet(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Bytes> {
    let len = stream.read_u32().await?;
    if !(5..=MOST_PACKET).contains(&len) {
        return Err(std::io::Error::other(format!("a packet of {len} bytes")));
    }
    let mut packet = vec![0; len as usize];
    stream.read_exact(&mut packet).await?;
    Ok(packet.into())
}

/// The encoded answer; `None` when it can't be encoded, which ends the session.
fn answer(files: &mut Files, mut request: Bytes) -> Option<Bytes> {
    // Type and id come first in every request, also in those that can't be read further.
    let id = request.get(1..5).map_or(0, |mut id| id.get_u32());
    let answer = match Packet::try_from(&mut request) {
        Ok(request) => files.handle(request),
        Err(_) => Packet::error(id, StatusCode::BadMessage),
    };
    Bytes::try_from(answer).ok()
}
