//! The Lambda function that delivers again, on a schedule.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use people_adapters::config::Config;
use redelivery::Asked;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    people_adapters::logging::start();
    let live = people_adapters::connect(&Config::from_env()?).await?;
    let live = &live;
    run(service_fn(|event: LambdaEvent<Asked>| async move {
        let ends = people_adapters::system::deadline(event.context.deadline);
        Ok::<_, Error>(redelivery::handle(&live.app().await, event.payload, ends).await?)
    }))
    .await
}
