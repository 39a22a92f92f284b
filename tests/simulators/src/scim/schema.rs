//! The attributes of a user: their names, types, and who may change them.
//! Paths, filters, values and the answer to `/Schemas` all follow from this one table.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// The schema of what every user has.
pub(super) const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The extension for people in a company.
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The extension of this server alone.
pub(super) const PEOPLE: &str = "urn:people:params:scim:schemas:extension:2.0:User";

/// An attribute, or a member of one.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// Whether it is a list.
    pub(super) many: bool,
    /// Whether filters compare it with regard to case.
    pub(super) exact: bool,
    pub(super) required: bool,
    pub(super) mutability: Mutability,
}

/// What one value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Text,
    Flag,
    Complex(&'static [Attribute]),
    /// Not known: the attribute came with a state.
    Any,
}

/// Who may change an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutability {
    ReadWrite,
    ReadOnly,
    /// Taken and never shown.
    WriteOnly,
}

impl Attribute {
    const fn new(name: &'static str, shape: Shape) -> Self {
        let mutability = Mutability::ReadWrite;
        Attribute { name, shape, many: false, exact: false, required: false, mutability }
    }

    const fn many(self) -> Self {
        Attribute { many: true, ..self }
    }

    const fn exact(self) -> Self {
        Attribute { exact: true, ..self }
    }

    const fn required(self) -> Self {
        Attribute { required: true, ..self }
    }

    const fn only(self, mutability: Mutability) -> Self {
        Attribute { mutability, ..self }
    }

    /// The member with this name, in any case.
    pub(super) fn member(&self, name: &str) -> Option<&'static Attribute> {
        match self.shape {
            Shape::Text | Shape::Flag => None,
            Shape::Complex(members) => members.iter().find(|member| member.name.eq_ignore_ascii_case(name)),
            Shape::Any => Some(&UNKNOWN),
        }
    }

    /// Whether it may be seen and not be set.
    pub(super) fn is_read_only(&self) -> bool {
        self.mutability == Mutability::ReadOnly
    }

    /// The attribute as `/Schemas` describes it.
    pub(super) fn described(&self) -> Value {
        let (kind, members) = match self.shape {
            Shape::Text | Shape::Any => ("string", None),
            Shape::Flag => ("boolean", None),
            Shape::Complex(members) => ("complex", Some(members)),
        };
        let mutability = match self.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::WriteOnly => "writeOnly",
        };
        let returned = match (self.mutability, self.name) {
            (Mutability::WriteOnly, _) => "never",
            (_, "id") => "always",
            _ => "default",
        };
        let mut described = json!({
            "name": self.name, "type": kind, "multiValued": self.many, "required": self.required,
            "caseExact": self.exact, "mutability": mutability, "returned": returned,
            "uniqueness": if self.name == "userName" { "server" } else { "none" },
        });
        if let Some(members) = members {
            described["subAttributes"] = members.iter().map(Attribute::described).collect();
        }
        described
    }
}

const fn text(name: &'static str) -> Attribute {
    Attribute::new(name, Shape::Text)
}

const fn flag(name: &'static str) -> Attribute {
    Attribute::new(name, Shape::Flag)
}

const fn complex(name: &'static str, members: &'static [Attribute]) -> Attribute {
    Attribute::new(name, Shape::Complex(members))
}

/// What stands for an attribute of which nothing is known.
pub(super) static UNKNOWN: Attribute = Attribute::new("", Shape::Any);

static NAME: [Attribute; 6] = [
    text("formatted"),
    text("familyName"),
    text("givenName"),
    text("middleName"),
    text("honorificPrefix"),
    text("honorificSuffix"),
];

/// The members of everything that has a type and a value.
static TYPED: [Attribute; 5] =
    [text("value"), text("display"), text("type"), flag("primary"), text("$ref").exact()];

static ADDRESS: [Attribute; 8] = [
    text("formatted"),
    text("streetAddress"),
    text("locality"),
    text("region"),
    text("postalCode"),
    text("country"),
    text("type"),
    flag("primary"),
];

static META: [Attribute; 5] = [
    text("resourceType").exact(),
    text("created").exact(),
    text("lastModified").exact(),
    text("location").exact(),
    text("version").exact(),
];

static MANAGER: [Attribute; 3] =
    [text("value").exact(), text("$ref").exact(), text("displayName").only(Mutability::ReadOnly)];

static COMPANY: [Attribute; 6] = [
    text("employeeNumber"),
    text("costCenter"),
    text("organization"),
    text("division"),
    text("department"),
    complex("manager", &MANAGER),
];

static OWN: [Attribute; 6] = [
    text("jobTitle"),
    text("skills").many(),
    text("staffMembers").many().exact(),
    text("joinDate"),
    text("birthDate"),
    text("website"),
];

/// Everything a user has, the extensions under their URNs.
pub(super) static USER: [Attribute; 27] = [
    text("schemas").many().exact().only(Mutability::ReadOnly),
    text("id").exact().only(Mutability::ReadOnly),
    complex("meta", &META).only(Mutability::ReadOnly),
    text("externalId").exact(),
    text("userName").required(),
    complex("name", &NAME),
    text("displayName"),
    text("nickName"),
    text("profileUrl").exact(),
    text("title"),
    text("userType"),
    text("preferredLanguage"),
    text("locale"),
    text("timezone"),
    flag("active"),
    text("password").exact().only(Mutability::WriteOnly),
    complex("emails", &TYPED).many(),
    complex("phoneNumbers", &TYPED).many(),
    complex("ims", &TYPED).many(),
    complex("photos", &TYPED).many(),
    complex("addresses", &ADDRESS).many(),
    complex("groups", &TYPED).many().only(Mutability::ReadOnly),
    complex("entitlements", &TYPED).many(),
    complex("roles", &TYPED).many(),
    complex("x509Certificates", &TYPED).many(),
    complex(ENTERPRISE, &COMPANY),
    complex(PEOPLE, &OWN),
];

/// What this server knows beside the table: attributes that came with a state.
pub(super) type Extras = BTreeSet<String>;

/// The attribute with this name, in any case, and its proper spelling.
pub(super) fn find<'a>(name: &str, extras: &'a Extras) -> Option<(&'a str, &'static Attribute)> {
    let known = USER.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name));
    let extra = || extras.iter().find(|extra| extra.eq_ignore_ascii_case(name));
    known.map(|known| (known.name, known)).or_else(|| extra().map(|extra| (extra.as_str(), &UNKNOWN)))
}

/// Whether a member's name is the URN of an extension.
pub(super) fn is_extension(name: &str) -> bool {
    name.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("urn:"))
}
