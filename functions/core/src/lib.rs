//! The rules of People Import: what an import is, what is valid, who is meant, and what happens in which order.
//!
//! A request becomes an import in this order, one module each:
//!
//! 1. [`multipart`], [`disposition`], [`form`], [`json_array`] and [`batch`] split a body into parts;
//! 2. [`check`] holds each part against the [`profile`] definition: [`update`] for JSON, [`file_name`] and [`document`]
//!    for files, with [`finding`]s as the result;
//! 3. [`directory`] finds out who is meant: the [`person`];
//! 4. [`import`] opens the [`log`], lets [`delivery`] and [`filing`] do their work, and closes it; what is stored already is
//!    asked for by its [`document_name`] and given, listed or deleted by [`person_documents`]; a request that its caller
//!    may send again is carried out once ([`repeat`]);
//! 5. what has not arrived is kept as [`undelivered`], and [`redelivery`] delivers it again; an import that comes late is
//!    careful of newer ones ([`late`]), and what happens after its log was closed is entered there ([`later`]);
//! 6. [`staged`] imports wait for their body; [`body`] says where bodies and files wait;
//! 7. [`log_text`] shows the log, [`summary`] what a list of logs shows of it; [`lookup`] finds logs; [`failed`] gives back
//!    what failed; [`health`] tells how the targets have been. Whoever reads them in a browser has a [`session`], and a time
//!    [`zone`].
//!
//! [`inbox`] makes such parts of whole files, and batches of them. [`profile_schema`] tells callers beforehand what the
//! second step accepts.
//!
//! What is deliberately absent: any I/O. The stores, the targets and the time are [`ports`], with twins in [`memory`]. A
//! part that is invalid and a target that refuses are outcomes; the only error is [`error::StoreError`]: a store of
//! ours failed. No type here is written to a wire or a table; adapters have their own.

pub mod batch;
pub mod body;
pub mod check;
pub mod delivery;
pub mod directory;
pub mod disposition;
pub mod document;
pub mod document_name;
pub mod error;
pub mod failed;
pub mod file_name;
pub mod filing;
pub mod finding;
mod fingerprint;
pub mod form;
pub mod health;
pub mod hex;
pub mod id;
pub mod import;
pub mod inbox;
pub mod json_array;
pub mod key;
pub mod late;
pub mod later;
pub mod log;
pub mod log_text;
pub mod lookup;
pub mod memory;
pub mod multipart;
pub mod person;
pub mod person_documents;
pub mod ports;
pub mod profile;
pub mod profile_schema;
pub mod redelivery;
pub mod repeat;
pub mod session;
pub mod shown;
pub mod staged;
pub mod summary;
pub mod time;
pub mod undelivered;
pub mod update;
pub mod zone;
