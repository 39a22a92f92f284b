//! The Lambda function for `GET /api/ImportLogs` and `GET /api/ImportLogs/{requestId}`.

use lambda_http::{Error, Request, run, service_fn};
use people_adapters::config::Config;
use people_adapters::http::Answered;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    people_adapters::logging::start();
    let app = people_adapters::connect_to_logs(&Config::from_env()?).await;
    let app = &app;
    run(service_fn(|request: Request| async move {
        Ok::<_, Error>(Answered(import_log::handle(app, request).await))
    }))
    .await
}
