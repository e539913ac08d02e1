//! docs/api.md is what the types say, and says something of each field.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../examples/api-reference/reference.rs"]
mod reference;

#[test]
fn the_reference_is_committed() {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md")).unwrap_or_default();
    assert!(
        committed == reference::document(),
        "docs/api.md is not what the types say; write it anew: cargo run -q --example api-reference > docs/api.md"
    );
}

#[test]
fn no_field_is_without_a_description() {
    let document = reference::document();
    let fields = document.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 3);
    let mute: Vec<&str> = fields.clone().filter(|line| line.ends_with("|  |")).collect();
    assert!(mute.is_empty(), "add a doc comment: {mute:#?}");
    assert!(fields.count() > 100, "too few fields to be all");
    let headless: Vec<&str> =
        document.split("\n### ").skip(1).filter(|section| section.lines().nth(2) == Some("")).collect();
    assert!(headless.is_empty(), "add a doc comment: {headless:#?}");
}
