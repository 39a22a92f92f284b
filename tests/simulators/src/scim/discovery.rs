//! What the server says about itself: its abilities, its resource type and its schemas.
//! The abilities follow the switches, so a client that asks first knows what it will be refused.

use http::StatusCode;
use serde_json::{Value, json};

use super::answers::{Refused, list, send};
use super::schema::{Attribute, CORE, ENTERPRISE, PEOPLE, Shape, USER};
use crate::message::Answer;
use crate::switches::Switches;

/// The abilities; `most` is how many users one page has.
pub(super) fn abilities(switches: &Switches, most: usize) -> Answer {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": switches.flag("patch")},
        "bulk": {
            "supported": switches.flag("bulk"),
            "maxOperations": super::bulk::MOST_OPERATIONS,
            "maxPayloadSize": super::LONGEST_BODY,
        },
        "filter": {"supported": switches.flag("filter"), "maxResults": most},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": switches.flag("etag")},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A static token, or one of OAuth client credentials.",
        }],
        "meta": {"resourceType": "ServiceProviderConfig"},
    });
    send(StatusCode::OK, &body)
}

/// All resource types, or the one named.
pub(super) fn resource_types(id: Option<&str>) -> Result<Answer, Refused> {
    let extension = |urn: &str| json!({"schema": urn, "required": false});
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "User",
        "name": "User",
        "endpoint": "/Users",
        "schema": CORE,
        "schemaExtensions": [extension(ENTERPRISE), extension(PEOPLE)],
        "meta": {"resourceType": "ResourceType"},
    });
    one_or_all(vec![user], id)
}

/// All schemas, or the one named.
pub(super) fn schemas(id: Option<&str>, switches: &Switches) -> Result<Answer, Refused> {
    let extensions = [ENTERPRISE, PEOPLE];
    let core = USER.iter().filter(|attribute| !extensions.contains(&attribute.name));
    let mut core = schema(CORE, "User", core.filter(|attribute| attribute.name != "schemas"));
    let described = core["attributes"].as_array_mut().into_iter().flatten();
    for user_name in described.filter(|described| described["name"] == "userName") {
        user_name["caseExact"] = json!(switches.flag("case_exact_user_name"));
    }
    let members =
        |urn: &str| match USER.iter().find(|attribute| attribute.name == urn).map(|found| found.shape) {
            Some(Shape::Complex(members)) => members,
            _ => &[],
        };
    let all = vec![
        core,
        schema(ENTERPRISE, "EnterpriseUser", members(ENTERPRISE).iter()),
        schema(PEOPLE, "PeopleUser", members(PEOPLE).iter()),
    ];
    one_or_all(all, id)
}

fn schema<'a>(urn: &str, name: &str, attributes: impl Iterator<Item = &'a Attribute>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": urn,
        "name": name,
        "attributes": attributes.map(Attribute::described).collect::<Value>(),
        "meta": {"resourceType": "Schema"},
    })
}

fn one_or_all(all: Vec<Value>, id: Option<&str>) -> Result<Answer, Refused> {
    match id {
        None => Ok(list(all.len(), 1, all)),
        Some(id) => {
            let found = all.iter().find(|one| one["id"] == id).ok_or_else(Refused::not_found)?;
            Ok(send(StatusCode::OK, found))
        }
    }
}
