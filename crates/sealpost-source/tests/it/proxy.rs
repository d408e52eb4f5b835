//! TCP proxies: one that cuts the connection after a number of bytes from the server, and one for several servers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

/// Listens, and passes on to `target` on loopback; returns its own port. Ends with the process.
pub(crate) fn cut_after(target: u16, bytes: usize) -> u16 {
    serve(vec![target], bytes)
}

/// Listens, and passes the first connection on to the first of these ports on loopback, the next one to the next, and
/// all that follow to the last; returns its own port. Ends with the process.
pub(crate) fn in_turn(targets: Vec<u16>) -> u16 {
    serve(targets, usize::MAX)
}

fn serve(targets: Vec<u16>, bytes: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (count, client) in listener.incoming().flatten().enumerate() {
            let target = targets[count.min(targets.len() - 1)];
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || pass(from, to, usize::MAX));
            thread::spawn(move || pass(server, client, bytes));
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut left: usize) {
    let mut buffer = [0; 16 * 1024];
    while left > 0 {
        let most = left.min(buffer.len());
        let Ok(count @ 1..) = from.read(&mut buffer[..most]) else { break };
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
        left -= count;
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}
