//! Whole flows, each on a local stack of its own with free ports and a folder of its own, so that all run side by side.
//!
//! | module | what it shows |
//! |---|---|
//! | `imports` | what goes in, what is answered, what the target and the bucket hold afterwards |
//! | `asynchronous` | imports whose callers do not wait, or not for long |
//! | `bad_input` | every fault of a request and of a part, and every limit at n and n+1 |
//! | `bootstrap` | each function as the process that Lambda starts, against a runtime API (`runtime`) |
//! | `documents` | single documents: in, listed, linked, replaced, deleted, and names that try to get out |
//! | `clients` | the same request by the clients that people use |
//! | `console` | the console in a real browser: what is done there, what others try, and how it looks |
//! | `definition` | what callers are told of a person update beforehand |
//! | `dry_run` | what an import would change, told without changing anything |
//! | `events` | events of API Gateway through the real handlers |
//! | `failed` | what failed of an import, as a body of its own |
//! | `inbox` | files that were dropped into the bucket: imported, moved, and dropped again |
//! | `large` | one large body against the same parts in small requests, and the bodies that are refused |
//! | `list` | the list of the logs: pages, errors, what may be asked for |
//! | `live` | a configuration that changes while the stack runs |
//! | `lookup` | finding imports by person and by what became of them, and taking along what is found |
//! | `openapi` | `infra/openapi.yaml` against the routes, the README and what is answered |
//! | `rates` | how many requests a key may send, and what the codes in an answer mean |
//! | `redelivery` | what has not arrived: kept, listed, delivered again, and never over what is newer |
//! | `repeats` | requests that are sent again with an `Idempotency-Key`: one import, one answer |
//! | `targets` | imports that concern several targets, and those of a deployment that has one |
//! | `template` | the template against what the functions read, answer and call |
//! | `tidy` | the rules of the house that no compiler checks |
//! | `uploads` | large bodies: announced, sent to the bucket, imported when they have arrived |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod asynchronous;
mod bad_input;
mod bootstrap;
mod clients;
mod console;
mod definition;
mod documents;
mod dry_run;
mod events;
mod failed;
mod http;
mod imports;
mod inbox;
mod large;
mod list;
mod live;
mod lookup;
mod openapi;
mod rates;
mod redelivery;
mod repeats;
mod runtime;
mod stack;
mod targets;
mod template;
mod tidy;
mod uploads;
