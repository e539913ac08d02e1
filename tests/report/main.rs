//! The report: every file, for comparisons that went well, badly, and far beyond what is usual.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod comparing;
mod files;
mod fixture;
mod hostile;
mod offline;
mod size;
