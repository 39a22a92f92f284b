//! The Lambda function that imports the files of the inbox, on a schedule.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use people_adapters::config::Config;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    people_adapters::logging::start();
    let live = people_adapters::connect(&Config::from_env()?).await?;
    let live = &live;
    run(service_fn(|event: LambdaEvent<Value>| async move {
        let ends = people_adapters::system::deadline(event.context.deadline);
        Ok::<_, Error>(inbox_import::handle(&live.app().await, ends).await?)
    }))
    .await
}
