//! What the portal makes of a body: single parameters and lists of contacts.
//! It is the portal's most dangerous part: whatever it does not find is not there, and nobody is told.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::answers::{Failure, Mode};
use super::tree::Tree;
use crate::message::{Request, form_pairs};

/// A contact as it was bound; what was not found is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) kind: Option<String>,
    pub(super) value: Option<String>,
}

/// A body that was read.
#[derive(Debug)]
pub(super) struct Bound {
    /// Every text under its path, in the order of the body.
    flat: Vec<(String, String)>,
    /// The root's members, where the body is JSON.
    members: Vec<(String, Tree)>,
}

impl Bound {
    /// Reads a body the way its media type asks for.
    pub(super) fn read(request: &Request, mode: Mode) -> Result<Self, Failure> {
        let text = String::from_utf8_lossy(&request.body);
        let is_empty = text.trim().is_empty();
        match request.media_type().as_str() {
            "application/json" if is_empty && !mode.is_docspace() => Ok(Bound::of_json(Vec::new())),
            "application/json" => match serde_json::from_str(&text) {
                Ok(Tree::Members(members)) => Ok(Bound::of_json(members)),
                Ok(_) => Err(Failure::InvalidArgument("The body is no object.")),
                Err(_) => Err(Failure::InvalidArgument("The body could not be parsed.")),
            },
            _ if mode.is_docspace() => Err(Failure::UnsupportedMediaType),
            "text/xml" => Err(Failure::InvalidArgument("XML is not simulated.")),
            _ => Ok(Bound { flat: form_pairs(&text).collect(), members: Vec::new() }),
        }
    }

    fn of_json(members: Vec<(String, Tree)>) -> Self {
        let mut flat = Vec::new();
        let root = Tree::Members(members.clone());
        root.flatten("", &mut flat);
        Bound { flat, members }
    }

    /// A single parameter, its name in any case; several texts are joined with commas.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let texts: Vec<_> = (self.flat.iter())
            .filter(|(path, _)| path.eq_ignore_ascii_case(name))
            .map(|(_, text)| text.as_str())
            .collect();
        (!texts.is_empty()).then(|| texts.join(","))
    }

    /// A single parameter that is true or false.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        let parse = |text: String| match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Failure::InvalidArgument("The text is neither true nor false.")),
        };
        self.text(name).map(parse).transpose()
    }

    /// A list of ids, its name in exactly this case; what is no id is left out. `None` when there is no such list.
    pub(super) fn guids(&self, name: &str) -> Option<Vec<Uuid>> {
        let texts: Vec<_> = (self.flat.iter())
            .filter(|(path, _)| {
                path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
            })
            .map(|(_, text)| Uuid::parse_str(text))
            .collect();
        (!texts.is_empty()).then(|| texts.into_iter().flatten().collect())
    }

    /// Workspace's contacts. The name is `contacts` in lower case, an item's are `type` or `Type` and `value` or
    /// `Value`; everything else is not seen. An item in which nothing is seen leaves a hole, and whatever follows
    /// the hole cannot be inserted.
    pub(super) fn contacts(&self) -> Result<Vec<Item>, Failure> {
        let mut seen: BTreeMap<usize, Item> = BTreeMap::new();
        for (path, text) in &self.flat {
            let Some((place, member)) = path.strip_prefix("contacts").and_then(place_and_member) else {
                continue;
            };
            let wanted = match member {
                "type" | "Type" => |item| -> &mut Option<String> {
                    let item: &mut Item = item;
                    &mut item.kind
                },
                "value" | "Value" => |item| -> &mut Option<String> {
                    let item: &mut Item = item;
                    &mut item.value
                },
                _ => continue,
            };
            let bound = wanted(seen.entry(place).or_default());
            *bound = Some(match bound.take() {
                Some(before) => format!("{before},{text}"),
                None => text.clone(),
            });
        }
        if seen.keys().enumerate().any(|(expected, place)| expected != *place) {
            return Err(Failure::Internal("Index must be within the bounds of the List."));
        }
        Ok(seen.into_values().collect())
    }

    /// DocSpace's contacts, names in any case: `None` when the list is absent or null. Items without a value are
    /// dropped.
    pub(super) fn docspace_contacts(&self) -> Result<Option<Vec<Item>>, Failure> {
        let wrong = Failure::InvalidArgument("The contacts are not valid.");
        let items = match member(&self.members, "contacts") {
            None | Some(Tree::Nothing) => return Ok(None),
            Some(Tree::Items(items)) => items,
            Some(Tree::Text(_) | Tree::Members(_)) => return Err(wrong),
        };
        let text = |members: &[(String, Tree)], name| match member(members, name) {
            None | Some(Tree::Nothing) => Ok(None),
            Some(Tree::Text(text)) => Ok(Some(text.clone())),
            Some(Tree::Items(_) | Tree::Members(_)) => Err(wrong.clone()),
        };
        let mut kept = Vec::new();
        for item in items {
            let Tree::Members(members) = item else { return Err(wrong) };
            let item = Item { kind: text(members, "type")?, value: text(members, "value")? };
            if item.value.as_ref().is_some_and(|value| !value.is_empty()) {
                kept.push(item);
            }
        }
        Ok(Some(kept))
    }
}

/// The member of this name in any case; of several the last.
fn member<'a>(members: &'a [(String, Tree)], name: &str) -> Option<&'a Tree> {
    members.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, tree)| tree)
}

/// `[3].type` is place 3; a single object instead of a list, `.type`, is place 0.
fn place_and_member(rest: &str) -> Option<(usize, &str)> {
    match rest.strip_prefix('.') {
        Some(member) => Some((0, member)),
        None => {
            let (place, member) = rest.strip_prefix('[')?.split_once("].")?;
            Some((place.parse().ok()?, member))
        }
    }
}
