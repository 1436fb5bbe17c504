//! The SDK's client, made from the options: one pool of HTTP/1.1 connections, TLS through ring, credentials by the SDK's chain.

use aquifer_core::{Error, ErrorKind, Result};
use aws_config::BehaviorVersion;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, ProvideCredentials, Region, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls;

use crate::options::{DynamoCredentials, DynamoOptions};

/// The region of a server that is no AWS and was given none.
const LOCAL_REGION: &str = "us-east-1";

/// Makes the client and finds the credentials; asks DynamoDB nothing yet.
///
/// # Errors
/// `Invalid` if there is no region; `Unauthorized` if there are no credentials, with where they may come from.
pub(crate) async fn connect(options: &DynamoOptions) -> Result<Client> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(options.connect_timeout)
        .operation_attempt_timeout(options.request_timeout)
        .build();
    let http = http_client(options);
    let provided = ProviderConfig::without_region().with_http_client(http.clone());
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        // What is tried again is decided here, where it is known what a lost reply means.
        .retry_config(RetryConfig::disabled())
        // A request has its time-out, and bodies are small.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    } else if options.endpoint.is_some() {
        // A server with an address needs no region; machines are not asked for theirs.
        let profile = ProfileFileRegionProvider::builder().configure(&provided).build();
        let environment = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new());
        loader = loader.region(environment.or_else(profile).or_else(LOCAL_REGION));
    }
    if let Some(endpoint) = &options.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    loader = match &options.credentials {
        DynamoCredentials::Given { access_key_id, secret_access_key, session_token } => loader.credentials_provider(
            Credentials::new(access_key_id, secret_access_key, session_token.clone(), None, "the options of the URL"),
        ),
        DynamoCredentials::Chain { profile: None } if options.is_local() => {
            loader.credentials_provider(local(&provided))
        }
        DynamoCredentials::Chain { profile: None } => loader,
        DynamoCredentials::Chain { profile: Some(profile) } => loader.profile_name(profile),
    };
    let config = loader.load().await;
    if config.region().is_none() {
        let message = "no AWS region: name it in the URL, dynamodb://eu-central-1, or set AWS_REGION";
        return Err(Error::invalid(message));
    }
    authorise(config.credentials_provider()).await?;
    Ok(Client::new(&config))
}

/// What a server on this machine is asked with: the keys that are set, or else any, for it looks at none. The roles of machines and
/// containers are left out: asking for them takes seconds where there are none.
fn local(provided: &ProviderConfig) -> CredentialsProviderChain {
    CredentialsProviderChain::first_try("environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("profile", ProfileFileCredentialsProvider::builder().configure(provided).build())
        .or_else("local", Credentials::new("local", "local", None, None, "a server on this machine"))
}

fn http_client(options: &DynamoOptions) -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(options.idle_timeout)
        .pool_max_idle_per_host(options.max_connections)
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https()
}

async fn authorise(provider: Option<SharedCredentialsProvider>) -> Result<()> {
    let missing = || {
        let message = "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials \
                       (option profile), or the options access_key_id and secret_access_key, or give the machine a role";
        Error::new(ErrorKind::Unauthorized, message)
    };
    let provider = provider.ok_or_else(missing)?;
    provider.provide_credentials().await.map(|_| ()).map_err(|error| missing().with_source(error))
}
