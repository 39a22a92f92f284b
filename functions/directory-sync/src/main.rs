//! The Lambda function that takes over who is known, on a schedule.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use people_adapters::config::Config;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    people_adapters::logging::start();
    let live = people_adapters::connect(&Config::from_env()?).await?;
    let live = &live;
    run(service_fn(|_: LambdaEvent<Value>| async move {
        Ok::<_, Error>(directory_sync::handle(&live.app().await).await?)
    }))
    .await
}
