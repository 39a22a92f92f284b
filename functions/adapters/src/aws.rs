//! The clients of AWS, made once per process: they share one pool of connections and one set of roots, because reading
//! the system's certificates is most of a cold start.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use people_core::error::StoreError;

use crate::secret::Secret;

/// The roots that AWS endpoints are signed by: Amazon Root CA 1 to 4 and Starfield Services Root G2.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long one attempt may take.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(3);
/// How long a call may take, all attempts together. A synchronous import has 25 seconds in all, so that one call that
/// hangs must leave time for the others and for an answer.
pub(crate) const OPERATION: Duration = Duration::from_secs(8);
/// The same for Secrets Manager, whose one small answer comes in a fraction of it or not at all: a request that looks for
/// a new configuration waits three seconds, for the bucket too.
const SECRETS_ATTEMPT: Duration = Duration::from_secs(1);
const SECRETS_OPERATION: Duration = Duration::from_secs(2);
/// What a second attempt waits at most, so that there is time for it.
const SECRETS_BACKOFF: Duration = Duration::from_millis(100);
/// How often a call is sent at most.
const ATTEMPTS: u32 = 3;
/// A URL where nothing can listen.
const NOWHERE: &str = "http://127.0.0.1:0";

/// The clients of the stores. Cloning them shares their connections.
#[derive(Debug, Clone)]
pub struct Aws {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// Secrets Manager.
    pub secrets_manager: aws_sdk_secretsmanager::Client,
}

/// Where the stores are.
#[derive(Debug, Clone)]
pub enum AwsSettings {
    /// As the SDK reads its environment: region, credentials, and `AWS_ENDPOINT_URL`, alone or for one service.
    Environment {
        /// Whether a bucket is named in the path; needed by S3 servers other than AWS.
        path_style: bool,
        /// Whether the system's certificates are trusted in place of Amazon's own.
        native_roots: bool,
    },
    /// At servers of our own.
    At {
        /// The URL of DynamoDB.
        dynamodb: String,
        /// The URL of S3; buckets are named in the path.
        s3: String,
        /// The URL of Secrets Manager; where there is none, calls of it fail.
        secrets_manager: Option<String>,
        /// The region, which signatures contain.
        region: String,
        /// The access key's id.
        access_key_id: String,
        /// The access key.
        secret_access_key: Secret,
    },
}

/// Makes the clients. Nothing is sent; credentials and connections are fetched with the first call.
pub async fn connect(settings: &AwsSettings) -> Aws {
    match settings {
        AwsSettings::Environment { path_style, native_roots } => {
            let config = aws_config::defaults(BehaviorVersion::latest())
                .http_client(http_client(*native_roots))
                .timeout_config(timeouts(ATTEMPT, OPERATION))
                .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
                .load()
                .await;
            let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(*path_style).build();
            Aws {
                dynamodb: aws_sdk_dynamodb::Client::new(&config),
                s3: aws_sdk_s3::Client::from_conf(s3),
                secrets_manager: aws_sdk_secretsmanager::Client::from_conf(secrets_manager(&config).build()),
            }
        }
        AwsSettings::At {
            dynamodb,
            s3,
            secrets_manager: secrets,
            region,
            access_key_id,
            secret_access_key,
        } => {
            let credentials =
                Credentials::new(access_key_id, secret_access_key.reveal(), None, None, "settings");
            let config = SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .http_client(http_client(false))
                .timeout_config(timeouts(ATTEMPT, OPERATION))
                .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
                .region(Region::new(region.clone()))
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .build();
            let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).endpoint_url(dynamodb).build();
            let s3 =
                aws_sdk_s3::config::Builder::from(&config).endpoint_url(s3).force_path_style(true).build();
            let secrets =
                secrets_manager(&config).endpoint_url(secrets.as_deref().unwrap_or(NOWHERE)).build();
            Aws {
                dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
                s3: aws_sdk_s3::Client::from_conf(s3),
                secrets_manager: aws_sdk_secretsmanager::Client::from_conf(secrets),
            }
        }
    }
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(attempt.min(CONNECT))
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

fn secrets_manager(config: &SdkConfig) -> aws_sdk_secretsmanager::config::Builder {
    let timeouts = timeouts(SECRETS_ATTEMPT, SECRETS_OPERATION);
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(SECRETS_BACKOFF);
    aws_sdk_secretsmanager::config::Builder::from(config).timeout_config(timeouts).retry_config(retries)
}

/// The one client that all services share. Plain `http` works too.
fn http_client(native_roots: bool) -> SharedHttpClient {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    if native_roots {
        return builder.build_https();
    }
    let roots = TrustStore::empty().with_native_roots(false).with_pem_certificate(AMAZON_ROOTS);
    match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        Err(error) => {
            tracing::warn!(%error, "Amazon's roots could not be used; the system's are");
            builder.build_https()
        }
    }
}

/// What a service did not do, in words that never hold a value, a name or a URL.
#[derive(Debug, thiserror::Error)]
#[error("{service} {problem}{}", request(request_id))]
struct Failure {
    service: &'static str,
    problem: String,
    request_id: Option<String>,
}

fn request(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default()
}

/// Settings for one call of DynamoDB that nobody waits long for: one attempt.
pub(crate) fn once_within(patience: Duration) -> aws_sdk_dynamodb::config::Builder {
    let timeout = TimeoutConfig::builder().operation_attempt_timeout(patience).operation_timeout(patience);
    aws_sdk_dynamodb::config::Builder::new()
        .timeout_config(timeout.build())
        .retry_config(RetryConfig::disabled())
}

/// The failure of `action` at DynamoDB.
pub(crate) fn dynamodb_failed<E, R>(action: &'static str, error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata,
    SdkError<E, R>: RequestId,
{
    failed("DynamoDB", action, error)
}

/// The failure of `action` at Secrets Manager.
pub(crate) fn secrets_manager_failed<E, R>(action: &'static str, error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata,
    SdkError<E, R>: RequestId,
{
    failed("Secrets Manager", action, error)
}

/// The failure of `action` at S3.
pub(crate) fn s3_failed<E, R>(action: &'static str, error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata,
    SdkError<E, R>: RequestId,
{
    failed("S3", action, error)
}

fn failed<E, R>(service: &'static str, action: &'static str, error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata,
    SdkError<E, R>: RequestId,
{
    let problem = match error {
        SdkError::ConstructionFailure(_) => "could not be called: the request was not built".to_owned(),
        SdkError::TimeoutError(_) => "did not answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            "could not be reached in time".to_owned()
        }
        SdkError::DispatchFailure(failure) if failure.is_io() => "could not be reached".to_owned(),
        SdkError::DispatchFailure(_) => {
            "could not be called: is there a region, are there credentials?".to_owned()
        }
        SdkError::ResponseError(_) => "answered what is no answer".to_owned(),
        SdkError::ServiceError(answer) => {
            format!("answered {}", answer.err().code().map_or_else(|| "no code".to_owned(), plain))
        }
        _ => "failed".to_owned(),
    };
    let request_id = error.request_id().map(plain);
    StoreError::new(action, Failure { service, problem, request_id })
}

/// A code or an id with nothing in it that could forge a log line, and not much of it.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).take(80).collect()
}
