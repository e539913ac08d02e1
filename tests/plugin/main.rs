//! `kubectl bcmp`: what its commands print, refuse and write, on an API server in memory with the real operator at work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod collecting;
mod errors;
mod files;
mod front;
mod harness;
mod help;
mod judging;
mod reading;
mod rendering;
mod requests;
mod running;
mod serving;
mod starting;
mod watching;
