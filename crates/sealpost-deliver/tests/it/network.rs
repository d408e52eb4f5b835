//! The way to the server: proxies, source addresses, families of addresses.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use sealpost_core::address::Reach;
use sealpost_core::connector::{AddressFamily, ConnectorSettings, Proxy};
use sealpost_core::error::codes;
use sealpost_core::port::Transport as _;
use sealpost_testkit::server::{Server, free_port, program, wait_until};
use sealpost_testkit::sshd::{self, Sshd};
use sealpost_testkit::suite::transport::Parcel;
use tokio::net::TcpListener;

use crate::proxies;
use crate::sites::{connector, openssh_settings, sftp, text};

fn through(settings: &ConnectorSettings, url: &str, credentials: Option<(&str, &str)>) -> ConnectorSettings {
    let mut settings = settings.clone();
    settings.network.proxy = Some(Proxy {
        url: url.to_owned(),
        user: credentials.map(|(user, _)| user.to_owned()),
        password: credentials.map(|(_, password)| text(password)),
    });
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opensshs_own_socks_server_is_a_way() {
    let server = Sshd::start();
    let settings = openssh_settings(&server);
    let key = server.client_key("ed25519", "256", "RFC4716", "");
    let port = free_port();
    let mut command = Command::new(program(&["ssh"], "openssh-client"));
    command.args(["-N", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]);
    command.args(["-D", &format!("127.0.0.1:{port}"), "-p", &server.port().to_string(), "-i"]).arg(&key);
    command.arg(format!("{}@127.0.0.1", sshd::user()));
    let folder = tempfile::tempdir().unwrap();
    let _proxy = Server::start(&mut command, &folder.path().join("log"));
    wait_until("ssh -D", Duration::from_secs(30), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());

    let url = format!("socks5://127.0.0.1:{port}");
    let mut settings = through(&settings, &url, None);
    for host in ["127.0.0.1", "localhost"] {
        host.clone_into(&mut settings.host);
        Parcel::new(&settings, &format!("{host}.csv"), "x").send(&sftp()).await.unwrap();
    }
    let steps = sftp().check(&connector(settings.clone())).await;
    assert!(steps.iter().all(|step| step.failure.is_none()), "{steps:?}");
    assert!(steps[1].detail.ends_with("through the SOCKS5 proxy"), "{}", steps[1].detail);
    // What ssh can't reach, it refuses.
    settings.port = free_port();
    let error = Parcel::new(&settings, "b.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::PROXY) && error.is_retried(), "{error}");
}

#[tokio::test]
async fn names_are_the_proxys_business_but_for_connectors_to_public_addresses() {
    let server = Sshd::start();
    let direct = openssh_settings(&server);
    for scheme in ["socks5", "http"] {
        let (proxy, seen) = proxies::start(scheme, None, ("127.0.0.1".to_owned(), server.port())).await;
        let mut settings = through(&direct, &format!("{scheme}://{proxy}"), None);
        // Nobody but the proxy knows this name.
        settings.host = "only-the-proxy-knows.invalid".to_owned();
        Parcel::new(&settings, &format!("{scheme}.csv"), "x").send(&sftp()).await.unwrap();
        assert_eq!(seen.last(), format!("only-the-proxy-knows.invalid:{}", server.port()));
        settings.public_only = true;
        let error = Parcel::new(&settings, "b.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::deliver::UNKNOWN_HOST), "{error}");
        // Where only some addresses may be reached, one of those is what the proxy gets, and never the name.
        settings.host = "localhost".to_owned();
        settings.network.family = AddressFamily::Ipv4;
        let before = seen.count();
        let error = Parcel::new(&settings, "b.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::request::ADDRESS_REFUSED) && seen.count() == before, "{error}");
        let networks = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let reach = Reach { anywhere: false, networks };
        Parcel::new(&settings, &format!("{scheme}-2.csv"), "x").send(&sftp().reaching(reach)).await.unwrap();
        assert!(seen.last().parse::<SocketAddr>().is_ok_and(|target| target.ip().is_loopback()), "{}", seen.last());
        // An address is never a name.
        settings = through(&direct, &format!("{scheme}://{proxy}"), None);
        settings.host = "[::1]".to_owned();
        Parcel::new(&settings, &format!("{scheme}-3.csv"), "x").send(&sftp()).await.unwrap();
        assert_eq!(seen.last(), format!("[::1]:{}", server.port()));
    }
}

#[tokio::test]
async fn proxies_may_ask_for_credentials() {
    let server = Sshd::start();
    let direct = openssh_settings(&server);
    for scheme in ["socks5", "http"] {
        let to = ("127.0.0.1".to_owned(), server.port());
        let (proxy, _) = proxies::start(scheme, Some(("sealpost", "s3cret")), to).await;
        let url = format!("{scheme}://{proxy}");
        let right = through(&direct, &url, Some(("sealpost", "s3cret")));
        Parcel::new(&right, &format!("{scheme}.csv"), "x").send(&sftp()).await.unwrap();
        let answers = match scheme {
            "socks5" => ["it refuses user name and password", "it asks for credentials"],
            _ => ["it answers `HTTP/1.1 407 Who are you`"; 2],
        };
        for (settings, answer) in
            [through(&direct, &url, Some(("sealpost", "wr0ng"))), through(&direct, &url, None)].iter().zip(answers)
        {
            let error = Parcel::new(settings, "b.csv", "x").send(&sftp()).await.unwrap_err();
            assert!(error.is(&codes::deliver::PROXY) && error.detail().contains(answer), "{error}");
            assert!(!format!("{error:?}").contains("wr0ng"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn what_a_proxy_refuses_is_told() {
    let server = Sshd::start();
    let direct = openssh_settings(&server);
    for (scheme, to, answer) in [
        ("socks5", ("127.0.0.1".to_owned(), free_port()), "it answers `connection refused`"),
        ("http", ("127.0.0.1".to_owned(), free_port()), "it answers `HTTP/1.1 502 Bad Gateway`"),
    ] {
        let (proxy, _) = proxies::start(scheme, None, to).await;
        let settings = through(&direct, &format!("{scheme}://{proxy}"), None);
        let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::deliver::PROXY) && error.detail().contains(answer), "{error}");
    }
    // Not a proxy: an SSH server, and one that speaks the other protocol.
    let (http, _) = proxies::start("http", None, ("127.0.0.1".to_owned(), server.port())).await;
    for url in
        [format!("socks5://127.0.0.1:{}", server.port()), format!("socks5://{http}"), "http://127.0.0.1:1".into()]
    {
        let error = Parcel::new(&through(&direct, &url, None), "a.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::deliver::PROXY), "{url}: {error}");
    }
    for url in ["https://127.0.0.1:1", "socks5://user:password@127.0.0.1:1", "nonsense"] {
        let error = Parcel::new(&through(&direct, url, None), "a.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::deliver::CONFIG) && !error.detail().contains("password@"), "{url}: {error}");
    }
    let mut split = through(&direct, &format!("http://{http}"), None);
    split.host = "sftp.example\r\nX-Injected: yes\r\n".to_owned();
    let error = Parcel::new(&split, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::PROXY) && error.detail().contains("not a host name"), "{error}");
}

#[tokio::test]
async fn a_silent_proxy_is_not_waited_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let server = Sshd::start();
    let mut direct = openssh_settings(&server);
    direct.limits.connect_timeout_s = 1;
    for scheme in ["socks5", "http"] {
        let settings = through(&direct, &format!("{scheme}://{proxy}"), None);
        let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::deliver::PROXY) && error.detail().contains("no answer within"), "{error}");
    }
}

#[tokio::test]
async fn connections_start_from_the_source_address() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.network.source_address = Some("127.0.0.7".parse().unwrap());
    Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap();
    assert!(server.log().contains("Connection from 127.0.0.7 port"), "{}", server.log());
    // One that is not ours, and one of the other family.
    for source in ["192.0.2.1", "::1"] {
        settings.network.source_address = Some(source.parse().unwrap());
        let error = Parcel::new(&settings, "b.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::deliver::CONFIG) && error.is_retried(), "{error}");
        assert!(error.detail().contains(source), "{error}");
    }
}

#[tokio::test]
async fn ipv6_works_from_end_to_end() {
    let server = Sshd::with("ListenAddress ::1");
    let mut settings = openssh_settings(&server);
    for host in ["::1", "[::1]"] {
        host.clone_into(&mut settings.host);
        let mut parcel = Parcel::new(&settings, &format!("{}.csv", host.len()), "x");
        let receipt = parcel.send(&sftp()).await.unwrap();
        assert_eq!(receipt.url, format!("sftp://[::1]:{}", server.port()));
        assert!(server.log().contains("Connection from ::1 port"), "{}", server.log());
    }
    settings.network.family = AddressFamily::Ipv4;
    let error = Parcel::new(&settings, "b.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::CONFIG) && error.detail().contains("no IPv4 address"), "{error}");
    settings.host = "127.0.0.1".to_owned();
    Parcel::new(&settings, "c.csv", "x").send(&sftp()).await.unwrap();
    settings.network.family = AddressFamily::Ipv6;
    let error = Parcel::new(&settings, "d.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::CONFIG) && error.detail().contains("no IPv6 address"), "{error}");
}
