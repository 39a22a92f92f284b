//! The console through its real handler: who gets in, what is shown, and what no page does.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where something is missing"
)]

mod browser;
mod logs;
mod pages;
mod sessions;
