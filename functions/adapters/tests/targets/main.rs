//! Each kind of target against its simulator, and all of them together: what they send, and what they make of every answer.

mod aktion;
mod esystems;
mod onlyoffice;
mod properties;
mod scim;
mod several;
#[cfg(test)]
mod traced;
