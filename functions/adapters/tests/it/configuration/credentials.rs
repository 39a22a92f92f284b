//! The credentials beside the configuration: they are read when it is read, and where they cannot be, nothing stops.

use people_adapters::secrets::SecretsAt;
use people_adapters::{Live, Looked};
use serde_json::json;

use super::{BROKEN, MINUTE, Stage, definition, in_use, pair, targets};
use crate::secrets::{SECRET, Vault, credentials};

/// A process whose credentials are in this vault.
async fn connect(stage: &Stage, vault: &Vault) -> Live {
    let place = SecretsAt::Manager(SECRET.to_owned());
    stage.connect_with(place, Some(vault.url())).await.unwrap()
}

/// Targets whose one target has credentials of this name.
fn targets_with(name: &str) -> String {
    targets("two", "firstName").replace("\"credentials\":\"aktion\"", &format!("\"credentials\":\"{name}\""))
}

#[tokio::test]
async fn a_start_goes_on_where_the_credentials_cannot_be_read() {
    let (stage, vault) = (Stage::new().await, Vault::with("k").await);
    vault.refuse(Some("AccessDeniedException")).await;
    let live = connect(&stage, &vault).await;
    assert_eq!(in_use(&live.app().await), pair("first", "one"));
    assert_eq!(vault.calls().await, 1);
    stage.put_definition(&definition("second")).await;
    assert_eq!(live.look_now().await, Looked::TakenUp, "so does a look");
    vault.refuse(None).await;
    stage.put_definition(&definition("third")).await;
    assert_eq!(live.look_now().await, Looked::TakenUp);
    assert_eq!(in_use(&live.app().await), pair("third", "one"));
}

#[tokio::test]
async fn while_the_configuration_stays_good_the_credentials_are_not_read_again() {
    let (stage, vault) = (Stage::new().await, Vault::with("k").await);
    let live = connect(&stage, &vault).await;
    for _ in 0..3 {
        stage.wait(MINUTE);
        live.app().await;
    }
    assert_eq!(vault.calls().await, 1);
}

#[tokio::test]
async fn the_credentials_of_a_new_target_are_found_with_it() {
    let (stage, vault) = (Stage::new().await, Vault::with("k").await);
    let live = connect(&stage, &vault).await;
    let both = json!({"aktion": credentials("k")["aktion"], "new": credentials("n")["aktion"]});
    vault.put(&both).await;
    stage.put_targets(&targets_with("new")).await;
    assert_eq!(live.look_now().await, Looked::TakenUp);
    assert_eq!(in_use(&live.app().await), pair("first", "two"));
}

#[tokio::test]
async fn a_target_that_came_before_its_credentials_is_refused_until_they_are_there() {
    let (stage, vault) = (Stage::new().await, Vault::with("k").await);
    let live = connect(&stage, &vault).await;
    stage.put_targets(&targets_with("new")).await;
    assert_eq!(live.look_now().await, Looked::Refused);
    assert_eq!(live.look_now().await, Looked::Unchanged, "it is not judged again for nothing");
    assert_eq!(in_use(&live.app().await), pair("first", "one"));
    vault.put(&json!({"new": credentials("n")["aktion"]})).await;
    stage.wait(MINUTE);
    assert_eq!(in_use(&live.app().await), pair("first", "two"));
    let calls = vault.calls().await;
    assert_eq!((live.look_now().await, vault.calls().await), (Looked::Unchanged, calls));
}

#[tokio::test]
async fn other_credentials_do_not_make_a_broken_configuration_good() {
    let (stage, vault) = (Stage::new().await, Vault::with("k").await);
    let live = connect(&stage, &vault).await;
    stage.put_targets(BROKEN).await;
    assert_eq!(live.look_now().await, Looked::Refused);
    let used = live.app().await.targets;
    vault.put(&credentials("other")).await;
    assert_eq!(live.look_now().await, Looked::Refused);
    assert!(std::sync::Arc::ptr_eq(&used, &live.app().await.targets), "sessions go on");
}
