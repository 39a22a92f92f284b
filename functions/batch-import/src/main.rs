//! The Lambda function for `PUT /api/PeopleImport`.

use lambda_http::{Error, Request, run, service_fn};
use people_adapters::config::Config;
use people_adapters::http::Answered;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    people_adapters::logging::start();
    let live = people_adapters::connect(&Config::from_env()?).await?;
    let live = &live;
    run(service_fn(|request: Request| async move {
        Ok::<_, Error>(Answered(batch_import::handle(&live.app().await, request).await))
    }))
    .await
}
