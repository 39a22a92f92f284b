//! The Lambda function that takes over who is known, on a schedule.

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use people_adapters::config::Config;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let live = people_adapters::connect(&Config::from_env()?).await?;
    let live = &live;
    run(service_fn(|_: LambdaEvent<Value>| async move {
        Ok::<_, Error>(directory_sync::handle(&live.app().await).await?)
    }))
    .await
}
