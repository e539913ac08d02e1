//! What Dynamo's operator 1.5.0 wants to know of a graph's images: its admission webhook, as it was seen to answer.

use regex::Regex;
use serde_json::Value;

use super::{list, text};

/// A tag that Dynamo's operator reads the runtime's version from.
const SEMANTIC: &str = r"^[vV]?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-((0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?$";
/// What it takes in the tag's place.
const OVERRIDE: &str = r"^(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})$";

/// The webhook's answer to an object of a resource, where it refuses it.
pub fn refusal(resource: &str, object: &Value) -> Option<String> {
    let components = list(&object["spec"]["components"]);
    components.iter().filter(|_| resource == "dynamographdeployments").find_map(of_component)
}

fn of_component(component: &Value) -> Option<String> {
    let of = |field: &str| format!("spec.components[{}].{field}", text(component, "name"));
    let denied = |field: &str, what: &str| {
        let webhook = "admission webhook \"vdynamographdeployment.kb.io\" denied the request";
        Some(format!("{webhook}: {}: {what}", of(field)))
    };
    let fits = |pattern: &str, text: &str| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
    let image = text(&component["podTemplate"]["spec"]["containers"][0], "image");
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("", |(_, tag)| tag);
    match component["runtimeVersionOverride"].as_str() {
        Some(version) if !fits(OVERRIDE, version) => {
            denied("runtimeVersionOverride", &format!("Invalid value: \"{version}\": should match '{OVERRIDE}'"))
        }
        None if !fits(SEMANTIC, tag) => denied(
            "runtimeVersionOverride",
            "Required value: is required when the specified main container image has no parseable semantic-version tag",
        ),
        _ => None,
    }
}
