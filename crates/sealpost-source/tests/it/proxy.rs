//! TCP proxies: one that cuts the connection after a number of bytes from the server, one for several servers, and one that gives a
//! column another type.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

/// Listens, and passes on to `target` on loopback; returns its own port. Ends with the process.
pub(crate) fn cut_after(target: u16, bytes: usize) -> u16 {
    serve(vec![target], bytes, |_| {})
}

/// Listens, and passes the first connection on to the first of these ports on loopback, the next one to the next, and
/// all that follow to the last; returns its own port. Ends with the process.
pub(crate) fn in_turn(targets: Vec<u16>) -> u16 {
    serve(targets, usize::MAX, |_| {})
}

/// Listens, and passes on to `target` on loopback, where the server is MariaDB or MySQL without TLS. What it says of the column of
/// this name has another type in it. Ends with the process.
pub(crate) fn retyped(target: u16, column: &'static str, kind: u8) -> u16 {
    serve(vec![target], usize::MAX, move |bytes| retype(bytes, column, kind))
}

/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html>
fn retype(bytes: &mut [u8], column: &str, kind: u8) {
    let alias = [&[column.len() as u8][..], column.as_bytes()].concat();
    let Some(at) = bytes.windows(alias.len()).position(|window| window == alias) else { return };
    // Its name in the table, if any; then how much follows, two bytes for the collation, four for the length, and the type.
    let name = at + alias.len();
    let fixed = name + 1 + usize::from(bytes[name]);
    assert_eq!(bytes[fixed], 0x0c, "a column definition");
    bytes[fixed + 7] = kind;
}

fn serve(targets: Vec<u16>, bytes: usize, change: impl Fn(&mut [u8]) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (count, client) in listener.incoming().flatten().enumerate() {
            let target = targets[count.min(targets.len() - 1)];
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let change = change.clone();
            thread::spawn(move || pass(from, to, usize::MAX, |_| {}));
            thread::spawn(move || pass(server, client, bytes, change));
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut left: usize, change: impl Fn(&mut [u8])) {
    let mut buffer = [0; 16 * 1024];
    while left > 0 {
        let most = left.min(buffer.len());
        let Ok(count @ 1..) = from.read(&mut buffer[..most]) else { break };
        change(&mut buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
        left -= count;
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}
