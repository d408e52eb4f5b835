//! A TCP proxy that cuts, stalls, resets or slows a connection on purpose.
//!
//! It runs on a thread of its own, so it serves synchronous and asynchronous tests alike.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::server::wait_until;

/// What the proxy does with connections, old and new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Chaos {
    /// Forwards everything.
    #[default]
    Pass,
    /// Closes a connection in order (FIN) when this many bytes have gone from the client to the server, counted from
    /// the connection's first byte.
    CutUpload(u64),
    /// The same for bytes from the server to the client.
    CutDownload(u64),
    /// Accepts, and forwards nothing more, either way; the connection stays open.
    Stall,
    /// Forwards until this many bytes have gone from the client to the server, then stalls.
    StallUpload(u64),
    /// The same for bytes from the server to the client.
    StallDownload(u64),
    /// Ends connections at once with a reset (RST).
    Reset,
    /// Resets a connection when this many bytes have gone from the client to the server.
    ResetUpload(u64),
    /// The same for bytes from the server to the client.
    ResetDownload(u64),
    /// Forwards this many bytes per second, each way.
    Slow(u64),
    /// Closes the listener: new connections are refused, old ones reset.
    Refuse,
}

/// What has gone through the proxy so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Connections accepted.
    pub connections: u64,
    /// Bytes forwarded from clients to the server.
    pub uploaded: u64,
    /// Bytes forwarded from the server to clients.
    pub downloaded: u64,
    /// How often a connection was ended, reset or stalled on purpose.
    pub faults: u64,
}

#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    uploaded: AtomicU64,
    downloaded: AtomicU64,
    faults: AtomicU64,
    /// Connections that are there.
    open: AtomicU64,
}

/// A connection that is there, for as long as this is.
struct Open(Arc<Counters>);

impl Open {
    fn new(counters: &Arc<Counters>) -> Self {
        counters.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counters))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A running proxy; it ends when dropped.
pub struct ChaosProxy {
    address: SocketAddr,
    mode: watch::Sender<Chaos>,
    counters: Arc<Counters>,
    thread: Option<(std::thread::JoinHandle<()>, tokio::sync::oneshot::Sender<()>)>,
}

impl ChaosProxy {
    /// Starts a proxy in front of a server, on a free port of loopback, forwarding everything.
    ///
    /// # Panics
    /// When no port can be bound.
    #[must_use]
    pub fn start(upstream: SocketAddr) -> Self {
        let (mode, modes) = watch::channel(Chaos::Pass);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let counters = Arc::new(Counters::default());
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("bind the proxy");
        let address = listener.local_addr().expect("a bound address");
        let counted = Arc::clone(&counters);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, upstream, modes, counted) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, mode, counters, thread: Some((thread, stop)) }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens, for open connections too.
    pub fn set(&self, chaos: Chaos) {
        self.mode.send_replace(chaos);
    }

    /// Forwards everything again. Connections that stalled go on; those that were cut stay cut.
    pub fn heal(&self) {
        self.set(Chaos::Pass);
    }

    /// Resets the connections that are there, and forwards everything once they are gone. With [`Chaos::Reset`] and
    /// [`Self::heal`] right after it, they may see the second only.
    ///
    /// # Panics
    /// When one stays.
    pub fn reset_all(&self) {
        self.set(Chaos::Reset);
        wait_until("the end of every connection", Duration::from_secs(60), || {
            self.counters.open.load(Ordering::Relaxed) == 0
        });
        self.heal();
    }

    /// What has gone through so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.counters.connections.load(Ordering::Relaxed),
            uploaded: self.counters.uploaded.load(Ordering::Relaxed),
            downloaded: self.counters.downloaded.load(Ordering::Relaxed),
            faults: self.counters.faults.load(Ordering::Relaxed),
        }
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        if let Some((thread, stop)) = self.thread.take() {
            // Either is gone only when the thread has ended already.
            let _ended = stop.send(());
            drop(thread.join());
        }
    }
}

/// Accepts connections; while refusing, there is no listener.
async fn serve(
    listener: std::net::TcpListener,
    upstream: SocketAddr,
    mut modes: watch::Receiver<Chaos>,
    counters: Arc<Counters>,
) {
    let address = listener.local_addr().expect("a bound address");
    listener.set_nonblocking(true).expect("a non-blocking listener");
    let mut listener = Some(TcpListener::from_std(listener).expect("a listener of the runtime"));
    let mut connections = JoinSet::new();
    loop {
        let refuse = *modes.borrow_and_update() == Chaos::Refuse;
        if refuse {
            listener = None;
        } else if listener.is_none() {
            listener = Some(bind_again(address).await);
        }
        tokio::select! {
            changed = modes.changed() => if changed.is_err() { return },
            accepted = accept(listener.as_ref()) => {
                counters.connections.fetch_add(1, Ordering::Relaxed);
                let open = Open::new(&counters);
                let carried = carry(accepted, upstream, modes.clone(), Arc::clone(&counters));
                connections.spawn(async move {
                    carried.await;
                    drop(open);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => loop {
            if let Ok((stream, _)) = listener.accept().await {
                return stream;
            }
        },
        None => std::future::pending().await,
    }
}

/// The same port, with `SO_REUSEADDR`: connections of before may linger in `TIME_WAIT`.
async fn bind_again(address: SocketAddr) -> TcpListener {
    loop {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("reuse the address");
        if socket.bind(address).is_ok() {
            return socket.listen(128).expect("listen again");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How a connection ends.
enum End {
    Cut,
    Reset,
}

async fn carry(mut client: TcpStream, upstream: SocketAddr, modes: watch::Receiver<Chaos>, counters: Arc<Counters>) {
    if *modes.borrow() == Chaos::Reset {
        counters.faults.fetch_add(1, Ordering::Relaxed);
        drop(client.set_zero_linger());
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        drop(client.set_zero_linger());
        return;
    };
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let end = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let up = pump(&mut from_client, &mut to_server, modes.clone(), Direction::Up, &counters);
        let down = pump(&mut from_server, &mut to_client, modes, Direction::Down, &counters);
        tokio::pin!(up, down);
        // One side's orderly end leaves the other direction open, as TCP does.
        tokio::select! {
            ended = &mut up => if let Some(end) = ended { Some(end) } else { down.await },
            ended = &mut down => if let Some(end) = ended { Some(end) } else { up.await },
        }
    };
    if matches!(end, Some(End::Reset)) {
        drop((client.set_zero_linger(), server.set_zero_linger()));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Chaos {
    /// After how many bytes in this direction something happens, and what: `None` for a stall.
    fn limit(self, direction: Direction) -> Option<(u64, Option<End>)> {
        use Direction::{Down, Up};
        match (self, direction) {
            (Self::CutUpload(limit), Up) | (Self::CutDownload(limit), Down) => Some((limit, Some(End::Cut))),
            (Self::ResetUpload(limit), Up) | (Self::ResetDownload(limit), Down) => Some((limit, Some(End::Reset))),
            (Self::StallUpload(limit), Up) | (Self::StallDownload(limit), Down) => Some((limit, None)),
            (Self::Stall, _) => Some((0, None)),
            (Self::Reset | Self::Refuse, _) => Some((0, Some(End::Reset))),
            _ => None,
        }
    }
}

/// Forwards one direction until its end (`None`) or until chaos ends the connection.
async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut modes: watch::Receiver<Chaos>,
    direction: Direction,
    counters: &Counters,
) -> Option<End> {
    let counter = match direction {
        Direction::Up => &counters.uploaded,
        Direction::Down => &counters.downloaded,
    };
    let mut buffer = vec![0; 64 << 10];
    let mut carried = 0_u64;
    loop {
        let mode = *modes.borrow_and_update();
        let mut most = buffer.len();
        if let Some((limit, end)) = mode.limit(direction) {
            let left = limit.saturating_sub(carried);
            if left == 0 {
                counters.faults.fetch_add(1, Ordering::Relaxed);
                if end.is_some() {
                    return end;
                }
                modes.changed().await.ok()?;
                continue;
            }
            most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        if let Chaos::Slow(rate) = mode {
            // Twenty steps a second are smooth enough.
            most = most.min(usize::try_from(rate / 20).unwrap_or(usize::MAX).max(1));
        }
        let read = tokio::select! {
            read = from.read(&mut buffer[..most]) => read,
            changed = modes.changed() => { changed.ok()?; continue }
        };
        let len = match read {
            Ok(0) => {
                drop(to.shutdown().await);
                return None;
            }
            Ok(len) => len,
            Err(_) => return Some(End::Reset),
        };
        if to.write_all(&buffer[..len]).await.is_err() {
            return Some(End::Reset);
        }
        carried += len as u64;
        counter.fetch_add(len as u64, Ordering::Relaxed);
        if let Chaos::Slow(rate) = mode {
            tokio::time::sleep(Duration::from_secs_f64(len as f64 / rate.max(1) as f64)).await;
        }
    }
}

#[cfg(test)]
mod tests;
