//! A connector that a partner set up leads to public addresses only.

use sealpost_core::address::Reach;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::codes;
use sealpost_core::port::Transport as _;
use sealpost_testkit::sshd::Sshd;
use sealpost_testkit::suite::transport::Parcel;

use crate::sites::{assert_nobody_came, connector, openssh_settings, sftp, watched};

/// However loopback is written: as an address, as a name, in the forms that only the resolver understands.
const LOOPBACK: [&str; 6] = ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "::ffff:127.0.0.1"];

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_public() {
    // It makes the keys only.
    let keys = Sshd::start();
    for host in LOOPBACK {
        let mut settings = openssh_settings(&keys);
        let listener = watched(&mut settings);
        host.clone_into(&mut settings.host);
        settings.public_only = true;
        let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::request::ADDRESS_REFUSED) && !error.is_retried(), "{host}: {error}");
        let steps = sftp().check(&connector(settings)).await;
        let failure = steps[0].failure.as_ref().unwrap();
        assert_eq!((steps.len(), failure.code.as_str()), (1, codes::request::ADDRESS_REFUSED.id), "{host}");
        assert_nobody_came(&listener);
    }
}

/// Azure's address for what only machines inside should ask: it lies in a public block.
#[tokio::test]
async fn nothing_is_sent_to_what_a_cloud_tells_inside() {
    let reach = Reach { anywhere: false, networks: vec!["168.63.0.0/16".parse().unwrap()] };
    for host in ["168.63.129.16", "0xa83f8110", "2822734096", "::ffff:168.63.129.16"] {
        let mut settings = ConnectorSettings::new(host, 22, "u");
        settings.public_only = true;
        for transport in [sftp(), sftp().reaching(reach.clone())] {
            let steps = transport.check(&connector(settings.clone())).await;
            let failure = steps[0].failure.as_ref().unwrap();
            assert_eq!((steps.len(), failure.code.as_str()), (1, codes::request::ADDRESS_REFUSED.id), "{host}");
        }
    }
}

#[tokio::test]
async fn what_an_operator_lets_in_is_reached() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.public_only = true;
    let reach = Reach { anywhere: false, networks: vec!["127.0.0.0/8".parse().unwrap()] };
    Parcel::new(&settings, "a.csv", "x").send(&sftp().reaching(reach)).await.unwrap();
    let elsewhere = Reach { anywhere: false, networks: vec!["10.0.0.0/8".parse().unwrap()] };
    let error = Parcel::new(&settings, "b.csv", "x").send(&sftp().reaching(elsewhere)).await.unwrap_err();
    assert!(error.is(&codes::request::ADDRESS_REFUSED), "{error}");
}
