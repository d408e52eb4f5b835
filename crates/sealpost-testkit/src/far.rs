//! A TCP proxy that makes a server far away: every byte arrives a fixed time after it was sent, on a line that all
//! connections share.
//!
//! Only distance and rate are imitated: nothing is lost, and TCP's slow start is left out, so what is measured through
//! it are the windows of the protocol above. Threads with plain sleeps keep time to a tenth of a millisecond, where
//! timers of the runtime would round to whole ones.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

mod lane;

use lane::Lane;

/// Most bytes that one read takes.
const PIECE: usize = 256 << 10;
/// Threads that wait and copy need little.
const STACK: usize = 64 << 10;

/// The line to the server.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// How long a byte takes, each way: half of the round trip.
    pub one_way: Duration,
    /// Bytes per second that the line carries, each way, all connections together; no limit when absent.
    pub bytes_per_second: Option<u64>,
}

/// A running proxy; it ends when dropped. Connections that are open then go on until one of their ends closes.
pub struct FarProxy {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl FarProxy {
    /// Starts a proxy in front of a server, on a free port of loopback.
    ///
    /// # Panics
    /// When no port can be bound.
    #[must_use]
    pub fn start(upstream: SocketAddr, line: Line) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind the proxy");
        let address = listener.local_addr().expect("a bound address");
        let ended = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let (up, down) = (Arc::new(Road::new(line)), Arc::new(Road::new(line)));
            for client in listener.incoming().flatten() {
                if ending.load(Ordering::Acquire) {
                    return;
                }
                let (up, down) = (Arc::clone(&up), Arc::clone(&down));
                thread(move || carry(&client, upstream, &up, &down));
            }
        });
        Self { address, ended, thread: Some(thread) }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for FarProxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// One direction of the line.
struct Road {
    line: Line,
    /// When all that was sent so far has left.
    free: Mutex<Instant>,
}

impl Road {
    fn new(line: Line) -> Self {
        Self { line, free: Mutex::new(Instant::now()) }
    }

    /// When bytes that are handed in now, and may leave at `earliest`, arrive.
    fn arrival(&self, bytes: usize, earliest: Instant) -> Instant {
        let now = Instant::now();
        let left = match self.line.bytes_per_second {
            None => now,
            Some(rate) => {
                let mut free = self.free.lock().unwrap();
                *free = now.max(*free) + Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
                *free
            }
        };
        left.max(earliest) + self.line.one_way
    }
}

fn thread(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(run).expect("start a thread");
}

/// One connection, with the times that a handshake over this distance takes: the client may send after one round trip,
/// the server learns of the connection half a round trip later.
fn carry(client: &TcpStream, upstream: SocketAddr, up: &Arc<Road>, down: &Arc<Road>) {
    let began = Instant::now();
    let one_way = up.line.one_way;
    let to_server = Arc::new(Lane::default());
    forward(client, &to_server, up, began + 2 * one_way);
    std::thread::sleep((began + 3 * one_way).saturating_duration_since(Instant::now()));
    let Ok(server) = TcpStream::connect(upstream) else {
        to_server.abandon();
        drop(client.shutdown(Shutdown::Both));
        return;
    };
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let to_client = Arc::new(Lane::default());
    forward(&server, &to_client, down, began);
    let (target, source) = (same(client), same(&server));
    thread(move || deliver(&to_client, &target, &source));
    deliver(&to_server, &server, client);
}

fn same(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a second handle of a connection")
}

/// Reads what comes from a connection, on a thread of its own, and notes when it arrives at the other end.
fn forward(from: &TcpStream, lane: &Arc<Lane>, road: &Arc<Road>, earliest: Instant) {
    let (mut from, lane, road) = (same(from), Arc::clone(lane), Arc::clone(road));
    thread(move || {
        let mut piece = vec![0; PIECE];
        // A reset arrives as an end: whoever waits at the other end notices either.
        while let Ok(length @ 1..) = from.read(&mut piece) {
            if !lane.push(road.arrival(length, earliest), &piece[..length]) {
                return;
            }
        }
        lane.push(road.arrival(0, earliest), &[]);
    });
}

/// Writes to a connection what has arrived, until the end.
fn deliver(lane: &Lane, mut to: &TcpStream, from: &TcpStream) {
    while let Some(bytes) = lane.pop() {
        if bytes.is_empty() {
            drop(to.shutdown(Shutdown::Write));
            return;
        }
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    lane.abandon();
    drop(from.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests;
