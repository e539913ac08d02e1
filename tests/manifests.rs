//! What a run creates: our own children, and variants from real manifests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "manifests/children.rs"]
mod children;
#[path = "manifests/command_lines.rs"]
mod command_lines;
#[path = "manifests/given.rs"]
mod given;
#[path = "manifests/properties.rs"]
mod properties;
#[path = "manifests/recipes.rs"]
mod recipes;
#[path = "manifests/rendering.rs"]
mod rendering;
#[path = "manifests/restricted.rs"]
mod restricted;
#[path = "manifests/variants.rs"]
mod variants;
