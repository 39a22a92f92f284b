//! The simulators over real HTTP, each test with one of its own on a free port.
//! What they must do is in the contract; these are its sentences.

mod aktion_calls;
mod aktion_fields;
mod client;
mod control;
mod esystems_calls;
mod esystems_client;
mod esystems_links;
mod faults;
mod onlyoffice_calls;
mod onlyoffice_contacts;
mod onlyoffice_docspace;
mod onlyoffice_lists;
mod onlyoffice_portal;
mod onlyoffice_profile;
mod scim_calls;
mod scim_client;
mod scim_patch;
mod scim_users;
