//! A user and a page of users, as eSystems answers with them, and the columns that identify somebody. Dates are not read: one
//! of them means "never" (targets.md, 2.4), and nothing here depends on any.

use people_core::person::NativeKey;
use serde::Deserialize;

/// A user.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct User {
    pub(super) id: i64,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default, rename = "External_Id")]
    external_id: Option<String>,
    #[serde(rename = "Is_Active")]
    is_active: Option<bool>,
}

/// A page of users, or the users that a call has linked.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page {
    #[serde(default)]
    meta: Meta,
    pub(super) data: Vec<User>,
}

/// The page's own number is not read: requests count from zero, answers do not.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(default)]
    total_items: Option<i64>,
}

/// A column of the users that identifies one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Column {
    /// The number that eSystems gives.
    Id,
    /// The e-mail address.
    Email,
    /// The name to log in with.
    Username,
    /// The key of another system.
    ExternalId,
}

impl Column {
    /// What it is called in a filter.
    pub(super) fn filter(self) -> &'static str {
        match self {
            Column::ExternalId => "External_Id",
            Column::Id | Column::Email | Column::Username => self.field(),
        }
    }

    /// What it is called in a list of links.
    pub(super) fn field(self) -> &'static str {
        match self {
            Column::Id => "Id",
            Column::Email => "Email",
            Column::Username => "Username",
            Column::ExternalId => "ExternalId",
        }
    }

    /// Its value, where a user has one.
    pub(super) fn of(self, user: &User) -> Option<String> {
        let text = match self {
            Column::Id => return Some(user.id.to_string()),
            Column::Email => &user.email,
            Column::Username => &user.username,
            Column::ExternalId => &user.external_id,
        };
        text.clone().filter(|text| !text.trim().is_empty())
    }
}

impl User {
    /// Whoever is not active is nobody. Where a user does not say it, they are.
    pub(super) fn is_active(&self) -> bool {
        self.is_active.unwrap_or(true)
    }

    /// What we call the user.
    pub(super) fn key(&self) -> NativeKey {
        NativeKey(self.id.to_string())
    }
}

impl Page {
    /// How many users there are on all pages; `None` where that is not told.
    pub(super) fn total(&self) -> Option<usize> {
        self.meta.total_items.and_then(|total| usize::try_from(total).ok()).filter(|total| *total > 0)
    }
}

/// The number that a key stands for: as eSystems would write it, as nothing else can be one.
pub(super) fn id(key: &NativeKey) -> Option<i64> {
    let id = key.0.parse::<i32>().ok().filter(|id| *id > 0)?;
    (id.to_string() == key.0).then_some(i64::from(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_number_as_it_is_shown() {
        for (key, expected) in [
            ("1", Some(1)),
            ("35012", Some(35_012)),
            ("2147483647", Some(2_147_483_647)),
            ("2147483648", None),
            ("0", None),
            ("-1", None),
            ("+1", None),
            ("01", None),
            (" 1", None),
            ("", None),
            ("joe@company.com", None),
        ] {
            assert_eq!(id(&NativeKey(key.to_owned())), expected, "{key}");
        }
    }

    #[test]
    fn a_user_is_read_without_the_members_that_may_be_missing() {
        let page: Page = serde_json::from_str(r#"{"Data":[{"Id":1,"Last_Login":"?"}]}"#).unwrap();
        let user = &page.data[0];
        assert!((user.is_active(), page.total(), Column::Email.of(user)) == (true, None, None));
        assert_eq!(Column::Id.of(user).as_deref(), Some("1"));
    }
}
