//! `POST /api/PeopleImport/uploads`: a body that is too large for a request is announced, and sent to the store itself. Its
//! arrival starts the import.

use http::Response;
use http::request::Parts;
use people_adapters::http::{self as answers, Format, Received};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::log::Form;
use people_core::ports::{Announced, App, SignedPut};
use people_core::staged::{self, Accepted, UPLOAD_LIFE};

/// Answers always in JSON: nothing else could say what is to be sent.
pub(crate) async fn answer(app: &App, head: &Parts, mut body: impl answers::Body) -> Response<String> {
    let received = match crate::let_in(app, head, "POST", Format::Json).await {
        Ok(received) => received,
        Err(refused) => return answers::refuse(head, &mut body, refused).await,
    };
    let (announced, form) = match answers::announcement(&mut body, app.spool.clone()).await {
        Ok(announced) => announced,
        Err(invalid) => {
            return answers::refuse(head, &mut body, answers::invalid_announcement(&invalid)).await;
        }
    };
    match accept(app, &received, &announced, form).await {
        Ok((import, put)) => answers::upload(import, &put),
        Err(error) => answers::unavailable(Format::Json, &error),
    }
}

/// Nobody is told where to send a body that has no log. Its time runs from now on.
async fn accept(
    app: &App,
    received: &Received<'_>,
    announced: &Announced,
    form: Form,
) -> Result<(ImportId, SignedPut), StoreError> {
    let id = received.new_id()?;
    let put = app.bodies.upload(id, announced, app.clock.now().plus(UPLOAD_LIFE)).await?;
    let key_name = received.key.name.clone();
    let dry_run = received.dry_run;
    staged::accept(app, Accepted { id, received_at: received.at, key_name, form, dry_run }).await?;
    Ok((id, put))
}
