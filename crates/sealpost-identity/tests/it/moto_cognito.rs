//! Cognito as moto serves it: tokens that Amazon's emulation made, not ours.

use sealpost_core::error::codes;
use sealpost_core::port::TokenVerifier;
use sealpost_identity::{IssuerSettings, Issuers};
use sealpost_testkit::moto::{CognitoPool, Moto};
use serde_json::json;

/// The block that an operator writes, with the keys' address of moto instead of Amazon's.
fn block(pool: &CognitoPool, client: &str) -> IssuerSettings {
    let block = json!({
        "name": "cognito", "profile": "cognito", "issuer": pool.issuer, "client_ids": [client], "jwks_url": pool.jwks_url,
    });
    serde_json::from_value(block).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_access_token_works_and_the_id_token_does_not() {
    let moto = Moto::start();
    let pool = moto.create_user_pool("partners");
    let login = moto.log_in(&pool, "somebody");
    let issuers = Issuers::new(vec![block(&pool, &pool.client_id)]).unwrap();

    let verified = issuers.verify(&login.access_token).await.unwrap();
    assert_eq!((verified.identity.issuer.as_str(), &verified.identity.subject), ("cognito", &pool.client_id));
    assert_eq!(verified.scopes, ["aws.cognito.signin.user.admin"]);

    let error = issuers.verify(&login.id_token).await.unwrap_err();
    assert!(error.is(&codes::request::TOKEN_REFUSED) && error.detail().contains("token_use"), "{error}");

    // Another app of the same pool, and another pool of the same region (moto signs for both with one key).
    let stranger = Issuers::new(vec![block(&pool, "another-client")]).unwrap();
    assert!(stranger.verify(&login.access_token).await.unwrap_err().detail().contains("client"));
    let other = moto.create_user_pool("others");
    let error = issuers.verify(&moto.log_in(&other, "somebody").access_token).await.unwrap_err();
    assert!(error.detail().contains("issuer"), "{error}");
}
