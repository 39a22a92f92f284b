//! The Lambda function that imports a body when it has arrived in S3.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use people_adapters::config::Config;
use staged_import::Arrived;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    people_adapters::logging::start();
    let live = people_adapters::connect(&Config::from_env()?).await?;
    let live = &live;
    run(service_fn(|event: LambdaEvent<Arrived>| async move {
        let ends = people_adapters::system::deadline(event.context.deadline);
        Ok::<_, Error>(staged_import::handle(&live.app().await, event.payload, ends).await?)
    }))
    .await
}
