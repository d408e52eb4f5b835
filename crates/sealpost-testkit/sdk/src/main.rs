//! Drives the transfer API with AWS's SDK for Rust, as it comes: every operation, pages, typed errors, retries.
//!
//! Arguments: endpoint, access key, secret, URL of the SFTP server, its host key, bucket, remote directory. Two files lie
//! in the store's `outbox`, `a.bin` and `b.bin`. It ends with an error at the first thing that is not as it should be.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_transfer::Client;
use aws_sdk_transfer::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_transfer::config::retry::RetryConfig;
use aws_sdk_transfer::config::{Builder, ConfigBag, Credentials, Intercept, Region, RuntimeComponents};
use aws_sdk_transfer::error::{BoxError, ProvideErrorMetadata as _};
use aws_sdk_transfer::types::{SftpConnectorConfig, Tag, TransferTableStatus};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

macro_rules! expect {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err(format!($($said)+).into());
        }
    };
}

/// Counts requests, repeated ones included.
#[derive(Debug, Clone, Default)]
struct Attempts(Arc<AtomicUsize>);

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "attempts"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// What the caller was told.
struct World {
    endpoint: String,
    key: String,
    secret: String,
    url: String,
    host_key: String,
    bucket: String,
    remote: String,
}

impl World {
    fn config(&self, secret: &str) -> Builder {
        aws_sdk_transfer::Config::builder()
            .behavior_version_latest()
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&self.endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(&self.key, secret, None, None, "test"))
            .retry_config(RetryConfig::standard().with_max_attempts(5))
    }

    fn sftp(&self) -> SftpConnectorConfig {
        SftpConnectorConfig::builder()
            .user_secret_id("file:secrets/transfer-user.json")
            .trusted_host_keys(&self.host_key)
            .max_concurrent_connections(2)
            .build()
    }

    async fn connector(&self, client: &Client) -> Result<String> {
        let made = client
            .create_connector()
            .url(&self.url)
            .access_role("arn:aws:iam::000000000000:role/transfer")
            .sftp_config(self.sftp())
            .tags(Tag::builder().key("team").value("reports").build()?)
            .send()
            .await?;
        Ok(made.connector_id().to_owned())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("an argument is missing");
    let world = World {
        endpoint: next()?,
        key: next()?,
        secret: next()?,
        url: next()?,
        host_key: next()?,
        bucket: next()?,
        remote: next()?,
    };
    let client = Client::from_conf(world.config(&world.secret).build());
    policies(&client).await?;
    let connector = connectors(&world, &client).await?;
    files(&world, &client, &connector).await?;
    tags(&client, &connector).await?;
    errors(&world, &client, &connector).await?;
    throttling(&world, &connector).await?;
    client.delete_connector().connector_id(&connector).send().await?;
    println!("all of it");
    Ok(())
}

async fn policies(client: &Client) -> Result {
    let pages = client.list_security_policies().into_paginator().page_size(1).items().send();
    let names = pages.collect::<std::result::Result<Vec<_>, _>>().await?;
    let name = names.iter().find(|name| name.contains("SFTPConnector")).ok_or("no policy of connectors")?;
    let described = client.describe_security_policy().security_policy_name(name).send().await?;
    let policy = described.security_policy().ok_or("no policy")?;
    expect!(policy.security_policy_name() == name && !policy.ssh_kexs().is_empty(), "{policy:?}");
    Ok(())
}

async fn connectors(world: &World, client: &Client) -> Result<String> {
    let connector = world.connector(client).await?;
    let others = [world.connector(client).await?, world.connector(client).await?];
    let described = client.describe_connector().connector_id(&connector).send().await?;
    let described = described.connector().ok_or("no connector")?;
    expect!(described.url() == Some(&world.url), "{described:?}");
    let sftp = described.sftp_config().ok_or("no settings of SFTP")?;
    expect!(sftp.trusted_host_keys() == [world.host_key.clone()], "{sftp:?}");
    expect!(sftp.max_concurrent_connections() == 2, "{sftp:?}");
    for wanted in [AMAZON, OURS] {
        client.update_connector().connector_id(&connector).security_policy_name(wanted).send().await?;
        let described = client.describe_connector().connector_id(&connector).send().await?;
        let policy = described.connector().and_then(|found| found.security_policy_name());
        expect!(policy == Some(wanted), "{policy:?}");
    }
    let mut pages = client.list_connectors().into_paginator().page_size(1).send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        expect!(page.connectors().len() <= 1, "a page of one has {}", page.connectors().len());
        found.extend(page.connectors().iter().filter_map(|listed| listed.connector_id()).map(str::to_owned));
    }
    expect!(found.contains(&connector) && found.len() >= 3, "{found:?}");
    for other in others {
        client.delete_connector().connector_id(&other).send().await?;
        let gone = client.describe_connector().connector_id(&other).send().await.err().ok_or("it is still there")?;
        let gone = gone.into_service_error();
        expect!(gone.is_resource_not_found_exception(), "{gone:?}");
    }
    let tested = client.test_connection().connector_id(&connector).send().await?;
    expect!(tested.status() == Some("OK"), "{tested:?}");
    Ok(connector)
}

/// A policy of AWS's, which has no ed25519 host keys, and ours.
const AMAZON: &str = "TransferSFTPConnectorSecurityPolicy-2024-03";
const OURS: &str = "SealpostSFTPConnectorSecurityPolicy-2026-11";

async fn files(world: &World, client: &Client, connector: &str) -> Result {
    let (bucket, remote) = (&world.bucket, &world.remote);
    let sent = client
        .start_file_transfer()
        .connector_id(connector)
        .send_file_paths(format!("/{bucket}/outbox/a.bin"))
        .send_file_paths(format!("/{bucket}/outbox/b.bin"))
        .remote_directory_path(remote)
        .send()
        .await?;
    expect!(ended(client, connector, sent.transfer_id()).await? == 2, "two files were sent");
    let retrieved = client
        .start_file_transfer()
        .connector_id(connector)
        .retrieve_file_paths(format!("{remote}/a.bin"))
        .local_directory_path(format!("/{bucket}/inbox"))
        .send()
        .await?;
    ended(client, connector, retrieved.transfer_id()).await?;
    let listing = client
        .start_directory_listing()
        .connector_id(connector)
        .remote_directory_path(remote)
        .output_directory_path(format!("/{bucket}/listings"))
        .send()
        .await?;
    expect!(listing.output_file_name().ends_with(".json"), "{listing:?}");
    ended(client, connector, listing.listing_id()).await?;
    let moved = client
        .start_remote_move()
        .connector_id(connector)
        .source_path(format!("{remote}/a.bin"))
        .target_path(format!("{remote}/moved.bin"))
        .send()
        .await?;
    ended(client, connector, moved.move_id()).await?;
    let deleted =
        client.start_remote_delete().connector_id(connector).delete_path(format!("{remote}/b.bin")).send().await?;
    ended(client, connector, deleted.delete_id()).await?;
    println!("{}", listing.output_file_name());
    Ok(())
}

/// Polls until all files of a transfer have ended well. Their number.
async fn ended(client: &Client, connector: &str, transfer: &str) -> Result<usize> {
    for _ in 0..600 {
        let list = client.list_file_transfer_results().connector_id(connector).transfer_id(transfer);
        let results = list.into_paginator().page_size(1).items().send();
        let results = results.collect::<std::result::Result<Vec<_>, _>>().await?;
        if let Some(failed) = results.iter().find(|result| *result.status_code() == TransferTableStatus::Failed) {
            return Err(format!("{failed:?}").into());
        }
        if !results.is_empty() && results.iter().all(|result| *result.status_code() == TransferTableStatus::Completed) {
            return Ok(results.len());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("`{transfer}` does not end").into())
}

async fn tags(client: &Client, connector: &str) -> Result {
    let described = client.describe_connector().connector_id(connector).send().await?;
    let arn = described.connector().ok_or("no connector")?.arn().to_owned();
    let setting = Tag::builder().key("sealpost:max-attempts").value("3").build()?;
    client.tag_resource().arn(&arn).tags(setting).send().await?;
    let all = client.list_tags_for_resource().arn(&arn).into_paginator().page_size(1).items().send();
    let all = all.collect::<std::result::Result<Vec<_>, _>>().await?;
    let mut keys: Vec<&str> = all.iter().map(Tag::key).collect();
    keys.sort_unstable();
    expect!(keys == ["sealpost:max-attempts", "team"], "{keys:?}");
    client.untag_resource().arn(&arn).tag_keys("team").tag_keys("sealpost:max-attempts").send().await?;
    let left = client.list_tags_for_resource().arn(&arn).send().await?;
    expect!(left.tags().is_empty(), "{left:?}");
    Ok(())
}

/// Each error is of its type, with its members.
async fn errors(world: &World, client: &Client, connector: &str) -> Result {
    let unknown = client.describe_connector().connector_id("c-0123456789abcdef0").send().await;
    let unknown = unknown.err().ok_or("an unknown connector is described")?.into_service_error();
    let aws_sdk_transfer::operation::describe_connector::DescribeConnectorError::ResourceNotFoundException(unknown) =
        unknown
    else {
        return Err(format!("{unknown:?}").into());
    };
    expect!(unknown.resource() == "c-0123456789abcdef0", "{unknown:?}");
    expect!(unknown.resource_type() == "Connector" && !unknown.message().is_empty(), "{unknown:?}");
    let mut many = client.start_file_transfer().connector_id(connector).remote_directory_path(&world.remote);
    for number in 0..11 {
        many = many.send_file_paths(format!("/{}/outbox/{number}", world.bucket));
    }
    let many = many.send().await.err().ok_or("eleven paths are taken")?;
    expect!(many.raw_response().is_some_and(|response| response.status().as_u16() == 400), "{many:?}");
    let many = many.into_service_error();
    expect!(many.is_invalid_request_exception(), "{many:?}");
    let refused =
        client.list_connectors().next_token("made-up").send().await.err().ok_or("a made-up token is taken")?;
    let refused = refused.into_service_error();
    expect!(refused.is_invalid_next_token_exception(), "{refused:?}");
    // What the model does not know has at least its code.
    let servers = client.list_servers().send().await.err().ok_or("there are servers")?.into_service_error();
    expect!(servers.code().is_some(), "{servers:?}");
    let stranger = Client::from_conf(world.config("another-secret").build());
    let stranger = stranger.list_connectors().send().await.err().ok_or("another secret is taken")?;
    let stranger = stranger.into_service_error();
    expect!(stranger.code() == Some("InvalidSignatureException"), "{stranger:?}");
    Ok(())
}

/// Too many calls are refused by the error that the SDK tries again, and come through.
async fn throttling(world: &World, connector: &str) -> Result {
    let at_once = Client::from_conf(world.config(&world.secret).retry_config(RetryConfig::disabled()).build());
    // This one's errors do not name it; the next one's do.
    let mut refused = None;
    for _ in 0..1_000 {
        refused = at_once.describe_connector().connector_id(connector).send().await.err();
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.ok_or("a thousand calls at once are taken")?;
    expect!(refused.code() == Some("ThrottlingException"), "{refused:?}");
    let mut refused = None;
    for _ in 0..1_000 {
        refused = at_once.update_connector().connector_id(connector).url(&world.url).send().await.err();
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.ok_or("a thousand changes at once are taken")?.into_service_error();
    let aws_sdk_transfer::operation::update_connector::UpdateConnectorError::ThrottlingException(refused) = refused
    else {
        return Err(format!("{refused:?}").into());
    };
    expect!(refused.retry_after_seconds().is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{refused:?}");
    let attempts = Attempts::default();
    let patient = world.config(&world.secret).retry_config(RetryConfig::standard().with_max_attempts(10));
    let patient = Client::from_conf(patient.interceptor(attempts.clone()).build());
    const CALLS: usize = 30;
    for _ in 0..CALLS {
        patient.describe_connector().connector_id(connector).send().await?;
    }
    let attempts = attempts.0.load(Ordering::Relaxed);
    expect!(attempts > CALLS, "{CALLS} calls took {attempts} requests: none was refused and tried again");
    Ok(())
}
