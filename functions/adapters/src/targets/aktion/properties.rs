//! What a person has at Aktion: the properties of `person/update` with their limits. One table, so that what is checked
//! before it is sent, what may be mapped and what is read back cannot differ.

use std::borrow::Cow;

/// Which Aktion it is; some properties belong to one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::targets) enum Product {
    /// Aktion.NEXT, on premises.
    #[default]
    Next,
    /// Aktion CLOUD.
    Cloud,
}

/// One property of a person.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    /// The only product that has it; `None` is both.
    pub(super) only: Option<Product>,
}

/// Which values a property takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// At most so many UTF-16 code units; "" clears.
    Text(usize),
    /// Exactly so many digits; there is no way to clear it.
    Digits(usize),
    /// At most so many hexadecimal digits; "" clears.
    Hex(usize),
    /// 0 undefined, 1 male, 2 female, as a number.
    Sex,
}

const fn of_both(name: &'static str, rule: Rule) -> Property {
    Property { name, rule, only: None }
}

const fn of(product: Product, name: &'static str, rule: Rule) -> Property {
    Property { name, rule, only: Some(product) }
}

/// The property that names the person. It is never changed.
pub(super) const PERSON_ID: &str = "PersonId";
/// The collection of user columns.
pub(super) const COLUMNS: &str = "UdsCollection";
/// The property that is sent along where it is known.
pub(super) const SEX: &str = "Sex";
/// The property that cannot be read back.
pub(super) const PIN: &str = "PIN";
/// The most UTF-16 code units of a PersonId.
pub(super) const MAX_PERSON_ID: usize = 100;

/// Every property that an update may set, as the vendor's page of `person/update` lists them (targets.md, 1.3).
pub(super) static PROPERTIES: [Property; 17] = [
    of_both("Name", Rule::Text(100)),
    of_both("Surname", Rule::Text(100)),
    of(Product::Next, "OrganizationStructure", Rule::Text(4000)),
    of_both("Email", Rule::Text(200)),
    of(Product::Next, "LoginName", Rule::Text(100)),
    of_both("IdentifierEntryCode", Rule::Digits(6)),
    of_both("IdentifierCard1", Rule::Hex(20)),
    of(Product::Next, "IdentifierCard2", Rule::Hex(20)),
    of(Product::Cloud, "Department", Rule::Text(100)),
    of_both("EmployeePosition", Rule::Text(200)),
    of_both("PhoneNumber", Rule::Text(100)),
    of_both("MobilPhoneNumber", Rule::Text(100)),
    of_both("Desc", Rule::Text(4000)),
    of_both("DegreeInFrontName", Rule::Text(30)),
    of_both("DegreeAfterName", Rule::Text(30)),
    of_both(SEX, Rule::Sex),
    of_both(PIN, Rule::Digits(4)),
];

/// A value as it is sent.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Written<'a> {
    Text(Cow<'a, str>),
    Number(u8),
}

impl Property {
    /// The property of this name, in exactly this spelling.
    pub(super) fn named(name: &str) -> Option<&'static Property> {
        PROPERTIES.iter().find(|property| property.name == name)
    }

    /// What is sent for a text, or for a reset (`None`). `Err` is a sentence without the value.
    pub(super) fn send<'a>(&self, value: Option<Cow<'a, str>>) -> Result<Written<'a>, String> {
        let name = self.name;
        let is_reset = value.is_none();
        let text = value.unwrap_or_default();
        match self.rule {
            Rule::Digits(_) if text.is_empty() => Err(format!("{name} cannot be cleared")),
            Rule::Digits(exactly) => {
                let fits = text.len() == exactly && text.bytes().all(|byte| byte.is_ascii_digit());
                if fits {
                    Ok(Written::Text(text))
                } else {
                    Err(format!("{name} has exactly {exactly} digits"))
                }
            }
            Rule::Text(most) if is_longer(&text, most) => {
                Err(format!("{name} has at most {most} characters"))
            }
            Rule::Hex(most) if text.len() > most || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Err(format!("{name} has at most {most} hexadecimal digits and nothing else"))
            }
            Rule::Text(_) | Rule::Hex(_) => Ok(Written::Text(text)),
            Rule::Sex => match &*text {
                "" if is_reset => Ok(Written::Number(0)),
                "0" => Ok(Written::Number(0)),
                "1" => Ok(Written::Number(1)),
                "2" => Ok(Written::Number(2)),
                _ => Err(format!("{name} is 0 (undefined), 1 (male) or 2 (female)")),
            },
        }
    }
}

/// Whether a text has more UTF-16 code units than that; a text has never more of them than bytes.
pub(super) fn is_longer(text: &str, most: usize) -> bool {
    text.len() > most && text.encode_utf16().nth(most).is_some()
}
