use super::*;
use crate::suite::transport::noise;

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
                drop(back.shutdown(Shutdown::Write));
            });
        }
    });
    address
}

fn far(milliseconds: u64, bytes_per_second: Option<u64>) -> FarProxy {
    FarProxy::start(echo(), Line { one_way: Duration::from_millis(milliseconds), bytes_per_second })
}

fn round_trip(stream: &mut TcpStream, byte: u8) -> Duration {
    let begun = Instant::now();
    stream.write_all(&[byte]).unwrap();
    let mut heard = [0];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(heard, [byte]);
    begun.elapsed()
}

#[test]
fn an_answer_takes_a_round_trip_and_the_first_one_two() {
    let proxy = far(20, None);
    let begun = Instant::now();
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    round_trip(&mut stream, 1);
    assert!(begun.elapsed() >= Duration::from_millis(80));
    assert!(round_trip(&mut stream, 2) >= Duration::from_millis(40));
}

#[test]
fn everything_arrives_in_order_and_so_does_the_end() {
    let proxy = far(5, None);
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    let bytes = noise(9 << 20, 7);
    let sent = bytes.clone();
    let mut sending = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        sending.write_all(&sent).unwrap();
        sending.shutdown(Shutdown::Write).unwrap();
    });
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    sender.join().unwrap();
    assert!(heard == bytes, "{} bytes came back", heard.len());
}

#[test]
fn connections_share_the_line() {
    let proxy = far(0, Some(10_000_000));
    let begun = Instant::now();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(proxy.address()).unwrap();
            std::thread::spawn(move || {
                let mut writing = stream.try_clone().unwrap();
                let writer = std::thread::spawn(move || writing.write_all(&[7; 500_000]).unwrap());
                stream.read_exact(&mut vec![0; 500_000]).unwrap();
                writer.join().unwrap();
            })
        })
        .collect();
    for one in both {
        one.join().unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_millis(100), "a million bytes at ten million per second");
}

#[test]
fn a_server_that_is_not_there_ends_the_connection() {
    let gone = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let proxy = FarProxy::start(gone, Line { one_way: Duration::from_millis(1), bytes_per_second: None });
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    assert!(!matches!(stream.read(&mut [0]), Ok(1..)));
}
