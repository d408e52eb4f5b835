//! What the line itself carries: one raw TCP stream, the limit for everyone.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use sealpost_testkit::far::{FarProxy, Line};

/// How much is sent.
const BYTES: usize = 256 << 20;
const PIECE: usize = 256 << 10;

/// MB/s from the first packet of the handshake until the sender knows that everything is there.
///
/// # Errors
/// When a connection fails.
pub(super) fn raw(line: &Line) -> Result<f64> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("bind a sink")?;
    let sink = listener.local_addr().context("a bound address")?;
    let server = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut piece = vec![0; PIECE];
        let mut left = BYTES;
        while left > 0 {
            let most = left.min(PIECE);
            stream.read_exact(&mut piece[..most])?;
            left -= most;
        }
        stream.write_all(&[1])
    });
    let proxy = FarProxy::start(sink, *line);
    let begun = Instant::now();
    let mut stream = TcpStream::connect(proxy.address()).context("connect")?;
    let piece = vec![7; PIECE];
    for _ in 0..BYTES / PIECE {
        stream.write_all(&piece).context("send")?;
    }
    stream.read_exact(&mut [0]).context("wait for the sink")?;
    let seconds = begun.elapsed().as_secs_f64();
    server.join().map_err(|_| anyhow!("the sink broke"))?.context("the sink")?;
    #[expect(clippy::cast_precision_loss, reason = "256 MiB")]
    let megabytes = BYTES as f64 / 1e6;
    Ok(megabytes / seconds)
}
