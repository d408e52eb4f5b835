//! Servers and networks that misbehave: every wait ends, with the right code, and the next attempt succeeds.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session};
use russh::{Channel, ChannelId, MethodKind};
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::codes;
use sealpost_testkit::proftpd::Proftpd;
use sealpost_testkit::server::free_port;
use sealpost_testkit::sshd::{self, Sshd};
use sealpost_testkit::suite::transport::{Parcel, names, noise};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::login::serve;
use crate::sites::{self, openssh_settings, sftp};

/// What a proxy does after so many bytes towards the server.
#[derive(Clone, Copy)]
enum Then {
    /// Nothing passes any more, and nothing is closed.
    Stall,
    /// The connection is closed.
    Close,
}

/// A proxy before a server that fails after `bytes`; its port.
async fn proxy(server: u16, bytes: usize, then: Then) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            tokio::spawn(forward(client, server, bytes, then));
        }
    });
    port
}

async fn forward(client: TcpStream, server: TcpStream, mut left: usize, then: Then) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut forth_buffer = vec![0; 64 * 1024];
    let mut back_buffer = vec![0; 64 * 1024];
    while left > 0 {
        let length = forth_buffer.len().min(left);
        tokio::select! {
            read = from_client.read(&mut forth_buffer[..length]) => {
                let Ok(read @ 1..) = read else { return };
                left -= read;
                if to_server.write_all(&forth_buffer[..read]).await.is_err() {
                    return;
                }
            }
            read = from_server.read(&mut back_buffer) => {
                let Ok(read @ 1..) = read else { return };
                if to_client.write_all(&back_buffer[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
    if matches!(then, Then::Stall) {
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    let mut settings = sites::settings(22, "x", vec![sites::password("x")], vec![KEY.to_owned()]);
    settings.host = "no-such-host.invalid".to_owned();
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::UNKNOWN_HOST), "{error}");
    assert!(error.is_retried());
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

#[tokio::test]
async fn nobody_listens() {
    let settings = sites::settings(free_port(), "x", vec![sites::password("x")], vec![KEY.to_owned()]);
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::UNREACHABLE), "{error}");
}

#[tokio::test]
async fn a_listener_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut settings = sites::settings(port, "x", vec![sites::password("x")], vec![KEY.to_owned()]);
    settings.limits.handshake_timeout_s = 1;
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::TIMEOUT), "{error}");
    // Nothing is left running: our side of the connection is closed.
    let (mut accepted, _) = listener.accept().await.unwrap();
    let mut greeting = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), accepted.read_to_end(&mut greeting)).await;
    read.expect("the connection was closed").unwrap();
    assert!(greeting.starts_with(b"SSH-2.0-Sealpost"));
}

#[tokio::test]
async fn a_server_that_is_no_ssh_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.write_all(b"220 FTP ready\r\n").await);
        }
    });
    let mut settings = sites::settings(port, "x", vec![sites::password("x")], vec![KEY.to_owned()]);
    settings.limits.handshake_timeout_s = 2;
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is_retried(), "{error}");
}

/// Stalls at many places: key exchange, login, start of SFTP, the middle of the file. All at once, because each takes its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_vanishes_never_hangs_us() {
    let server = Sshd::start();
    let direct = openssh_settings(&server);
    let places = [40, 2_000, 3_600, 4_400, 100_000, 5_000_000].into_iter();
    futures::future::join_all(places.map(|bytes| vanishes_after(&server, &direct, bytes))).await;
    assert_eq!(names(&server.inbox()).len(), 6);
}

async fn vanishes_after(server: &Sshd, direct: &ConnectorSettings, bytes: usize) {
    let name = format!("{bytes}.csv");
    let mut parcel = Parcel::new(direct, &name, noise(8_000_000, 3));
    let limits = &mut parcel.connector.settings.limits;
    // Long enough for six of them to come to their places on a busy machine.
    (limits.handshake_timeout_s, limits.inactivity_timeout_s) = (4, 4);
    parcel.connector.settings.port = proxy(server.port(), bytes, Then::Stall).await;
    let error = parcel.send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::TIMEOUT), "after {bytes} bytes: {error}");

    parcel.connector.settings.limits = direct.limits.clone();
    parcel.connector.settings.port = server.port();
    parcel.send(&sftp()).await.unwrap();
    assert!(std::fs::read(server.inbox().join(&name)).unwrap() == parcel.file.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_is_continued_where_it_stopped() {
    const SIZE: usize = 60_000_000;
    let server = Sshd::start();
    let mut parcel = Parcel::new(&openssh_settings(&server), "a.csv", noise(SIZE, 4));
    // A busy machine makes the server look far away; several channels have a test of their own.
    parcel.connector.settings.parallel.ranges = Some(false);
    parcel.connector.settings.port = proxy(server.port(), 50_000_000, Then::Close).await;
    let error = parcel.send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::BROKEN), "{error}");
    assert_eq!(names(&server.inbox()), [parcel.hidden(1)]);
    parcel.connector.settings.port = server.port();
    let receipt = parcel.send(&sftp()).await.unwrap();
    assert!(receipt.bytes_sent < SIZE as u64, "{}", receipt.bytes_sent);
    assert!(std::fs::read(server.inbox().join("a.csv")).unwrap() == parcel.file.0);
    assert_eq!(names(&server.inbox()), ["a.csv"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_transfer_has_a_limit_too() {
    let server = Sshd::start();
    let mut parcel = Parcel::new(&openssh_settings(&server), "a.csv", noise(8_000_000, 5));
    parcel.connector.settings.port = proxy(server.port(), 3_000_000, Then::Stall).await;
    parcel.connector.settings.limits.transfer_timeout_s = 2;
    let error = parcel.send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::DEADLINE), "{error}");
}

#[tokio::test]
async fn a_folder_without_write_permission() {
    let server = Proftpd::start();
    std::fs::set_permissions(server.inbox(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let site = sites::proftpd(&server);
    let error = Parcel::new(&site.settings, "a.csv", "x").send(&*site.transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::PERMISSION), "{error}");
    assert!(!error.is_retried());
    let steps = site.transport.check(&sites::connector(site.settings)).await;
    assert_eq!(steps.last().unwrap().step, "write");
    std::fs::set_permissions(server.inbox(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_server_without_sftp() {
    let server = Sshd::with("ForceCommand /bin/echo this is not sftp");
    let error = Parcel::new(&openssh_settings(&server), "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::PROTOCOL) || error.is(&codes::deliver::BROKEN), "{error}");
}

/// A server that leaves the request for SFTP unanswered, and sends whatever comes to its mind instead.
#[derive(Clone)]
struct Flooding;

impl Handler for Flooding {
    type Error = russh::Error;

    async fn auth_password(&mut self, _user: &str, _password: &str) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.data(channel, vec![b'x'; 3 << 20])
    }
}

/// It is not listened to until a time limit ends it: what comes would be kept so long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_sends_without_end_before_sftp_begins() {
    let (port, public) = serve(MethodKind::Password, Flooding).await;
    let mut settings = sites::settings(port, "x", vec![sites::password("x")], vec![public]);
    settings.limits.inactivity_timeout_s = 10;
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::PROTOCOL), "{error}");
    assert!(error.detail().contains("beginning with `xxx"), "{error}");
}

/// OpenSSH says only "Failure"; its free space tells the rest. Mounting needs root.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_and_tried_again() {
    if sshd::user() != "root" {
        println!("not run: mounting a small file system needs root");
        return;
    }
    let server = Sshd::start();
    let inbox = server.inbox();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&inbox).status().unwrap();
    assert!(mounted.success(), "mount a small file system");
    let mut parcel = Parcel::new(&openssh_settings(&server), "a.csv", noise(3_000_000, 6));
    let result = parcel.send(&sftp()).await;
    let remounted = Command::new("mount").args(["-o", "remount,size=8m"]).arg(&inbox).status().unwrap();
    let error = result.unwrap_err();
    let second = parcel.send(&sftp()).await;
    let found = std::fs::read(inbox.join("a.csv"));
    let left = names(&inbox);
    let unmounted = Command::new("umount").arg("-l").arg(&inbox).status().unwrap();
    assert!(remounted.success() && unmounted.success());
    assert!(error.is(&codes::deliver::FULL), "{error}");
    assert!(error.is_retried());
    second.unwrap();
    assert!(found.unwrap() == parcel.file.0);
    assert_eq!(left, ["a.csv"]);
}
