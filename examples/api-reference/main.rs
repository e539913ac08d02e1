//! Prints docs/api.md: `cargo run -q --example api-reference > docs/api.md`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod reference;

fn main() {
    print!("{}", reference::document());
}
