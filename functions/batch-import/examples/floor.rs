//! The least that a function here can be: the runtime and the clients of AWS, and nothing done with them. The bench of the
//! cold start holds the functions against it.

use lambda_http::{Body, Error, Request, Response, run, service_fn};
use people_adapters::aws::{self, AwsSettings};
use people_adapters::http::Answered;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let clients = aws::connect(&AwsSettings::Environment { path_style: true, native_roots: false }).await;
    let clients = &clients;
    run(service_fn(|_: Request| async move {
        std::hint::black_box(clients);
        Ok::<_, Error>(Answered(Response::new(Body::Empty)))
    }))
    .await
}
