use std::collections::BTreeSet;

use super::*;

#[test]
fn no_port_is_given_out_twice() {
    let several = || (0..250).map(|_| free_port()).collect::<Vec<_>>();
    let ports: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(several)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let different: BTreeSet<u16> = ports.iter().copied().collect();
    assert_eq!((ports.len(), different.len()), (2000, 2000));
    assert!(ports.iter().all(|port| (10_000..30_000).contains(port)), "{ports:?}");
}

#[test]
fn no_other_process_is_given_the_same() {
    let port = free_port();
    let first = port - (port - LOWEST) % BLOCK;
    let lock = shared_folder("ports").join(first.to_string());
    let mut other = Command::new(program(&["flock"], "util-linux"));
    let status = other.args(["--nonblock", "--conflict-exit-code", "9"]).arg(lock).arg("true").status().unwrap();
    assert_eq!(status.code(), Some(9), "somebody else gets the block of {port}");
}

#[test]
fn a_stranger_that_answers_in_the_place_of_one_that_has_ended_is_not_it() {
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&mut Command::new("true"), &folder.path().join("log"));
    let stat = format!("/proc/{}/stat", server.id());
    // It has ended, and nobody has asked for its status.
    wait_until("its end", Duration::from_secs(60), || std::fs::read_to_string(&stat).unwrap().contains(") Z "));
    let answers = || std::net::TcpStream::connect(address).is_ok();
    assert!(answers());
    assert!(!server.is_ready_within(Duration::from_secs(60), answers));
}
