//! Each kind of target against its simulator: what it sends, and what it makes of every answer.

mod aktion;
mod esystems;
mod onlyoffice;
mod scim;
