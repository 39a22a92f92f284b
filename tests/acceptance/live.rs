//! The configuration of a running stack is another one: it is put into the bucket, and no process starts anew.

use people_adapters::aws::{self, Aws, AwsSettings};
use people_adapters::config::{PROFILE_DEFINITION, TARGETS};
use people_adapters::s3::{read_object, write_object};
use people_adapters::secret::Secret;
use serde_json::json;

use crate::http::send;
use crate::stack::Local;

/// The clients of a stack's own stores.
pub(crate) async fn aws(local: &Local) -> Aws {
    let ready = local.ready();
    aws::connect(&AwsSettings::At {
        dynamodb: ready.dynamodb.clone(),
        s3: ready.s3.clone(),
        secrets_manager: None,
        region: ready.region.clone(),
        access_key_id: ready.access_key_id.clone(),
        secret_access_key: Secret::new(ready.secret_access_key.clone()),
    })
    .await
}

/// Changes one of the objects, and gives back what the stack made of it.
async fn change(local: &Local, key: &str, old: &str, new: &str) -> String {
    let (s3, bucket) = (aws(local).await.s3, &local.ready().bucket);
    let text = String::from_utf8(read_object(&s3, bucket, key).await.unwrap().unwrap()).unwrap();
    assert!(text.contains(old), "{old}");
    write_object(&s3, bucket, key, text.replace(old, new).into()).await.unwrap();
    send("POST /_local/run/configuration", &local.ready().api, &[], b"").text().to_owned()
}

/// The statuses of updates of Joe that each name one of these fields.
fn statuses(local: &Local, fields: &[&str]) -> Vec<u16> {
    let update = |field: &str| json!([{"userPrincipalName": "joe@company.com", field: "2023-11-01"}]);
    fields.iter().map(|field| local.json(&update(field)).status).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_stack_takes_up_what_is_good_and_refuses_what_is_not() {
    let local = Local::start().await;
    let fields = ["joinDate", "startDate"];
    assert_eq!(statuses(&local, &fields), [200, 400]);
    let changed = change(&local, TARGETS, "\"joinDate\"", "\"startDate\"").await;
    assert_eq!(changed, "refused", "there is no such field yet");
    assert_eq!(statuses(&local, &fields), [200, 400]);
    let changed = change(&local, PROFILE_DEFINITION, "\"joinDate\"", "\"startDate\"").await;
    assert_eq!(changed, "taken up");
    assert_eq!(statuses(&local, &fields), [400, 200]);
    assert_eq!(change(&local, PROFILE_DEFINITION, "[", "").await, "refused");
    assert_eq!(statuses(&local, &fields), [400, 200]);
    let again = send("POST /_local/run/configuration", &local.ready().api, &[], b"");
    assert_eq!(again.text(), "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_makes_no_version_of_its_own() {
    let local = Local::start().await.restart().await;
    let s3 = aws(&local).await.s3;
    let listed = s3.list_object_versions().bucket(&local.ready().bucket).send().await.unwrap();
    assert_eq!(listed.versions().len(), 2);
}
