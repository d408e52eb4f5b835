use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;

/// A server that sends back what it receives.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut back = stream.try_clone().unwrap();
                drop(std::io::copy(&mut stream, &mut back));
                drop(back.shutdown(std::net::Shutdown::Write));
            });
        }
    });
    address
}

fn connect(proxy: &ChaosProxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn say(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes)?;
    let mut heard = vec![0; bytes.len()];
    stream.read_exact(&mut heard)?;
    assert_eq!(heard, bytes);
    Ok(())
}

#[test]
fn it_forwards_and_counts() {
    let proxy = ChaosProxy::start(echo());
    let mut stream = connect(&proxy);
    let sent = vec![7; 300_000];
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    writing.join().unwrap();
    assert_eq!(heard, vec![7; 300_000]);
    assert_eq!(proxy.traffic(), Traffic { connections: 1, uploaded: 300_000, downloaded: 300_000, faults: 0 });
}

#[test]
fn it_cuts_after_the_byte_it_is_told() {
    let proxy = ChaosProxy::start(echo());
    proxy.set(Chaos::CutDownload(10));
    let mut stream = connect(&proxy);
    stream.write_all(&[1; 25]).unwrap();
    let mut heard = Vec::new();
    // An orderly end, or a reset where our bytes were still under way.
    drop(stream.read_to_end(&mut heard));
    assert_eq!(heard, [1; 10]);
    proxy.heal();
    say(&mut connect(&proxy), b"again").unwrap();
    assert_eq!(proxy.traffic().connections, 2);
    assert_eq!(proxy.traffic().faults, 1);
}

#[test]
fn a_cut_upload_reaches_the_server_up_to_its_limit() {
    let proxy = ChaosProxy::start(echo());
    proxy.set(Chaos::CutUpload(4));
    let mut stream = connect(&proxy);
    stream.write_all(b"123456").unwrap();
    let mut heard = Vec::new();
    drop(stream.read_to_end(&mut heard));
    assert!(b"1234".starts_with(&heard[..]), "{heard:?}");
    assert_eq!(proxy.traffic().uploaded, 4);
}

#[test]
fn a_stalled_connection_says_nothing_until_it_is_healed() {
    let proxy = ChaosProxy::start(echo());
    let mut stream = connect(&proxy);
    say(&mut stream, b"before").unwrap();
    proxy.set(Chaos::Stall);
    stream.write_all(b"during").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let error = stream.read(&mut [0; 6]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    proxy.heal();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut heard = [0; 6];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"during");
}

#[test]
fn a_reset_is_an_error_and_no_end() {
    let proxy = ChaosProxy::start(echo());
    let mut stream = connect(&proxy);
    say(&mut stream, b"before").unwrap();
    proxy.set(Chaos::Reset);
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    proxy.set(Chaos::ResetDownload(3));
    let mut stream = connect(&proxy);
    stream.write_all(b"123456").unwrap();
    let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn all_connections_are_reset_for_certain_and_the_next_is_carried() {
    let proxy = ChaosProxy::start(echo());
    let mut streams = [connect(&proxy), connect(&proxy)];
    for stream in &mut streams {
        say(stream, b"before").unwrap();
    }
    proxy.reset_all();
    for stream in &mut streams {
        assert_eq!(stream.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    say(&mut connect(&proxy), b"after").unwrap();
}

#[test]
fn while_refusing_nobody_gets_in_and_after_that_everybody() {
    let proxy = ChaosProxy::start(echo());
    say(&mut connect(&proxy), b"before").unwrap();
    proxy.set(Chaos::Refuse);
    // The listener closes a moment later, on its own thread.
    crate::server::wait_until("refusal", Duration::from_secs(20), || {
        TcpStream::connect(proxy.address()).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    proxy.heal();
    crate::server::wait_until("an open door", Duration::from_secs(20), || TcpStream::connect(proxy.address()).is_ok());
    say(&mut connect(&proxy), b"after").unwrap();
}

#[test]
fn slow_still_carries_every_byte() {
    let proxy = ChaosProxy::start(echo());
    proxy.set(Chaos::Slow(20_000));
    let start = std::time::Instant::now();
    say(&mut connect(&proxy), &[3; 10_000]).unwrap();
    // Half a second is what the rate itself takes; a machine under load only makes it longer.
    assert!(start.elapsed() >= Duration::from_millis(400));
}
