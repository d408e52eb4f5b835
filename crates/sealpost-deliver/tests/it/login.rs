//! Every way to log in, and what is said when it does not work.

use std::sync::Arc;

use russh::keys::{Algorithm, PrivateKey};
use russh::server::{Auth, Config, Handler, Response, VerifiedPublicKey};
use russh::{MethodKind, Preferred};
use sealpost_core::connector::{ConnectorSettings, Login};
use sealpost_core::error::codes;
use sealpost_core::port::{CheckStep, Transport as _};
use sealpost_testkit::misbehaving::Misbehaving;
use sealpost_testkit::proftpd::{self, Proftpd};
use sealpost_testkit::sshd::Sshd;
use sealpost_testkit::suite::transport::Parcel;
use serde_json::json;

use crate::sites::{
    assert_nobody_came, connector, key, misbehaving, openssh_settings, password, settings, sftp, text, watched,
};

/// The check's step `login`.
async fn log_in(settings: &ConnectorSettings) -> CheckStep {
    let steps = sftp().check(&connector(settings.clone())).await;
    steps.iter().find(|step| step.step == "login").cloned().unwrap_or_else(|| panic!("no login: {steps:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_every_type_and_format() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    for (kind, bits, format, passphrase) in [
        ("ed25519", "256", "RFC4716", ""),
        ("ed25519", "256", "RFC4716", "a passphrase"),
        ("ecdsa", "256", "RFC4716", "a passphrase"),
        ("ecdsa", "256", "PEM", ""),
        ("ecdsa", "256", "PKCS8", "a passphrase"),
        ("ecdsa", "384", "PKCS8", ""),
        ("ecdsa", "521", "RFC4716", ""),
        ("rsa", "2048", "RFC4716", "a passphrase"),
        ("rsa", "2048", "PEM", ""),
        ("rsa", "2048", "PEM", "a passphrase"),
        ("rsa", "2048", "PKCS8", ""),
        ("rsa", "3072", "PKCS8", "a passphrase"),
    ] {
        let path = server.client_key(kind, bits, format, passphrase);
        settings.login = vec![key(&path, passphrase)];
        let step = log_in(&settings).await;
        assert!(step.failure.is_none(), "{kind} {bits} {format} `{passphrase}`: {:?}", step.failure);
    }
    // RSA signatures use SHA-2: sshd would log `ssh-rsa` for SHA-1, and refuse it.
    assert!(!server.log().contains("ssh-rsa SHA1"));
}

#[tokio::test]
async fn unusable_keys_are_our_fault_and_no_server_is_bothered() {
    // It makes the keys only.
    let keys = Sshd::start();
    let mut settings = openssh_settings(&keys);
    let listener = watched(&mut settings);
    let locked = keys.client_key("ed25519", "256", "RFC4716", "right");
    for login in [key(&locked, "wrong"), key(&locked, ""), key(&locked.with_extension("pub"), "")] {
        settings.login = vec![login];
        let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
        assert!(error.is(&codes::deliver::CREDENTIAL), "{error}");
        assert!(!error.to_string().contains("wrong passphrase: wrong"));
    }
    settings.login = Vec::new();
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::CONFIG), "{error}");
    assert_nobody_came(&listener);
}

#[tokio::test]
async fn a_refused_key_says_what_was_tried_and_what_is_offered() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    let stranger = server.unaccepted_key("ed25519", "256", "RFC4716", "");
    settings.login = vec![key(&stranger, ""), password("x")];
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::AUTHENTICATION), "{error}");
    assert!(error.detail().contains("publickey ssh-ed25519 SHA256:"), "{error}");
    assert!(error.detail().contains("password (not offered)"), "{error}");
    assert!(error.detail().contains("still offers publickey"), "{error}");
    // A later key may be the right one.
    let right = server.client_key("ed25519", "256", "RFC4716", "");
    settings.login = vec![key(&stranger, ""), key(&right, "")];
    Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap();
}

/// A server that lets in by a key of Ed25519.
#[derive(Clone)]
struct Modern;

impl Handler for Modern {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(if *key.algorithm == Algorithm::Ed25519 { Auth::Accept } else { Auth::reject() })
    }
}

/// The server says so before anything is tried (RFC 8308).
#[tokio::test]
async fn a_key_that_could_sign_with_sha1_only_is_passed_over() {
    let preferred =
        Preferred { key: vec![Algorithm::Ed25519, Algorithm::Rsa { hash: None }].into(), ..Default::default() };
    let methods = (&[MethodKind::PublicKey][..]).into();
    let (port, public) = serve_with(Config { preferred, methods, ..Default::default() }, Modern).await;
    // It makes the keys only.
    let keys = Sshd::start();
    let rsa = key(&keys.unaccepted_key("rsa", "2048", "RFC4716", ""), "");
    let ed25519 = key(&keys.unaccepted_key("ed25519", "256", "RFC4716", ""), "");
    let with = |login| settings(port, "partner", login, vec![public.clone()]);

    let step = log_in(&with(vec![rsa.clone(), ed25519])).await;
    assert!(step.failure.is_none(), "{:?}", step.failure);
    assert!(step.detail.contains("with publickey ssh-ed25519 SHA256:"), "{}", step.detail);

    let step = log_in(&with(vec![rsa])).await;
    assert_eq!(step.failure.unwrap().code, codes::deliver::AUTHENTICATION.id);
    assert!(step.detail.contains("only with SHA-1"), "{}", step.detail);
    assert!(!step.detail.contains("still offers"), "nobody asked: {}", step.detail);
}

#[tokio::test]
async fn a_server_may_ask_for_two_keys() {
    let server = Sshd::with("AuthenticationMethods publickey,publickey");
    let mut settings = openssh_settings(&server);
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::AUTHENTICATION), "{error}");
    assert!(error.detail().contains("wants more"), "{error}");
    let second = server.client_key("ecdsa", "256", "RFC4716", "");
    settings.login.push(key(&second, ""));
    Parcel::new(&settings, "a.csv", "x").send(&sftp()).await.unwrap();
}

#[tokio::test]
async fn a_server_may_ask_for_key_and_password_in_its_own_order() {
    let server = Proftpd::with("SFTPAuthMethods publickey+password");
    let both = vec![password(proftpd::PASSWORD), key(&server.client_key(), "")];
    let mut settings = settings(server.port(), proftpd::USER, both, vec![server.host_key("ed25519")]);
    let step = log_in(&settings).await;
    assert!(step.failure.is_none(), "{:?}\n{}", step.failure, server.log());
    settings.login.remove(0);
    let step = log_in(&settings).await;
    assert_eq!(step.failure.unwrap().code, codes::deliver::AUTHENTICATION.id);
}

#[tokio::test]
async fn passwords_are_right_or_wrong_and_never_shown() {
    let server = Proftpd::start();
    let login =
        |value: &str| settings(server.port(), proftpd::USER, vec![password(value)], vec![server.host_key("rsa")]);
    Parcel::new(&login(proftpd::PASSWORD), "a.csv", "x").send(&sftp()).await.unwrap();
    let error = Parcel::new(&login("tell nobody"), "b.csv", "x").send(&sftp()).await.unwrap_err();
    assert!(error.is(&codes::deliver::AUTHENTICATION), "{error}");
    assert!(!format!("{error:?}").contains("tell nobody"));
}

/// A server that asks for a token and a password, one of them visibly.
#[derive(Clone)]
struct Asking;

impl Handler for Asking {
    type Error = russh::Error;

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(answers) = response else {
            return Ok(Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: vec![("Token (leave empty): ".into(), true), ("Password: ".into(), false)].into(),
            });
        };
        let answers: Vec<Vec<u8>> = answers.map(|answer| answer.to_vec()).collect();
        let right = user == "partner" && answers == [Vec::new(), b"open sesame".to_vec()];
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }
}

/// Starts [`Asking`], which takes no other way than to answer; its port and host key.
pub(crate) async fn asking() -> (u16, String) {
    serve(MethodKind::KeyboardInteractive, Asking).await
}

/// Starts a server that lets in by one method and behaves as its handler does; its port and host key.
pub(crate) async fn serve<H: Handler + Clone + Send + 'static>(method: MethodKind, handler: H) -> (u16, String) {
    let methods = (&[method][..]).into();
    serve_with(Config { methods, ..Default::default() }, handler).await
}

/// Starts a server with these settings and a new host key; its port and that key.
async fn serve_with<H: Handler + Clone + Send + 'static>(config: Config, handler: H) -> (u16, String) {
    let host_key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
    let public = host_key.public_key().to_openssh().unwrap();
    let config = Arc::new(Config { keys: vec![host_key], ..config });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (config, handler) = (Arc::clone(&config), handler.clone());
            tokio::spawn(async move {
                if let Ok(session) = russh::server::run_stream(config, stream, handler).await {
                    drop(session.await);
                }
            });
        }
    });
    (port, public)
}

/// A delivery must not fail for good because a server stops just then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_a_login_has_refused_it_unless_it_speaks_of_itself() {
    let server = Misbehaving::start();
    for (reason, code) in [
        (7, &codes::deliver::BROKEN),
        (10, &codes::deliver::BROKEN),
        (12, &codes::deliver::BROKEN),
        (0, &codes::deliver::BROKEN),
        (2, &codes::deliver::AUTHENTICATION),
        (14, &codes::deliver::AUTHENTICATION),
    ] {
        server.behave(&json!({"login_ends": reason}));
        let mut settings = misbehaving(&server).settings;
        let prompted = Login::KeyboardInteractive { password: text("x") };
        for login in [settings.login.remove(0), prompted] {
            settings.login = vec![login];
            let failure = log_in(&settings).await.failure.unwrap();
            assert_eq!(failure.code, code.id, "{reason}, {:?}: {failure:?}", settings.login);
        }
    }
}

/// A server that takes nothing.
#[derive(Clone)]
struct Refusing;

impl Handler for Refusing {
    type Error = russh::Error;
}

/// `russh` ends the connection then.
#[tokio::test]
async fn a_refusal_after_which_no_method_is_left_is_one() {
    let (port, public) = serve(MethodKind::Password, Refusing).await;
    let step = log_in(&settings(port, "partner", vec![password("x")], vec![public])).await;
    assert_eq!(step.failure.unwrap().code, codes::deliver::AUTHENTICATION.id, "{}", step.detail);
    assert!(step.detail.contains("still offers nothing"), "{}", step.detail);
}

#[tokio::test]
async fn hidden_prompts_are_answered_and_visible_ones_left_empty() {
    let (port, public) = asking().await;
    let with = |value: &str| {
        let login = vec![Login::KeyboardInteractive { password: text(value) }];
        settings(port, "partner", login, vec![public.clone()])
    };
    let step = log_in(&with("open sesame")).await;
    assert!(step.failure.is_none(), "{:?}", step.failure);
    let step = log_in(&with("something else")).await;
    assert_eq!(step.failure.unwrap().code, codes::deliver::AUTHENTICATION.id);
}
