//! The Lambda function for `/api/Documents`.

use lambda_http::{Error, Request, run, service_fn, tracing};
use people_adapters::config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let live = people_adapters::connect(&Config::from_env()?).await?;
    let live = &live;
    run(service_fn(|request: Request| async move {
        Ok::<_, Error>(pdf_storage::handle(&live.app().await, request).await)
    }))
    .await
}
