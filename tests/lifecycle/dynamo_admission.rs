//! What Dynamo's operator 1.5.0 wants to know of a graph's images: its admission webhook, as it was seen to answer.

use bcmp::simulation::api_server::ApiFailure;
use bcmp::simulation::lab::{GRAPHS, Lab, seconds, small};
use bcmp::simulation::serving::reality::predicted;
use regex::Regex;
use rstest::rstest;
use serde_json::{Value, json};

/// A tag that Dynamo's operator reads the runtime's version from.
const SEMANTIC: &str = r"^[vV]?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-((0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?$";
/// What it takes in the tag's place.
const OVERRIDE: &str = r"^(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})$";

/// The webhook's answer to a component, where it refuses it.
fn refusal(component: &Value) -> Option<String> {
    let of = |field: &str| format!("spec.components[{}].{field}", component["name"].as_str().unwrap_or_default());
    let denied = |field: &str, what: &str| {
        let webhook = "admission webhook \"vdynamographdeployment.kb.io\" denied the request";
        Some(format!("{webhook}: {}: {what}", of(field)))
    };
    let image = component["podTemplate"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("", |(_, tag)| tag);
    match component["runtimeVersionOverride"].as_str() {
        Some(version) if !Regex::new(OVERRIDE).unwrap().is_match(version) => {
            denied("runtimeVersionOverride", &format!("Invalid value: \"{version}\": should match '{OVERRIDE}'"))
        }
        None if !Regex::new(SEMANTIC).unwrap().is_match(tag) => denied(
            "runtimeVersionOverride",
            "Required value: is required when the specified main container image has no parseable semantic-version tag",
        ),
        _ => None,
    }
}

/// A lab with this webhook, and a comparison with an image of this tag.
fn compared(tag: &str, version: Option<&str>) -> Lab {
    let lab = Lab::predicting(&[8], |plan| predicted(plan).unwrap());
    lab.cluster.admission(|plural, object| {
        let components = object["spec"]["components"].as_array().filter(|_| plural == "dynamographdeployments")?;
        components.iter().find_map(refusal).map(|message| ApiFailure::new(403, "Forbidden", &message))
    });
    let mut spec = small();
    spec["runtime"] = json!({"image": format!("registry.example/runtime:{tag}"), "version": version});
    lab.apply("qwen", spec);
    lab
}

#[rstest]
#[case("1.3.0", None)]
#[case("v1.3.0-rc.1", None)]
#[case("0.8.1.post1", None)]
#[case("1.0.0rc6", None)]
#[case("1.3.0-01", None)]
#[case("dev", Some("0.7.0.post1"))]
#[tokio::test(start_paused = true)]
async fn dynamo_takes_what_is_generated(#[case] tag: &str, #[case] version: Option<&str>) {
    let lab = compared(tag, version);
    lab.cluster.until("a graph is there", seconds(300), |cluster| !cluster.list(GRAPHS).is_empty()).await;
}

/// Where nothing says which release is in the image, the message names the field of the comparison that does.
#[rstest]
#[case("nightly")]
#[case("01.3.0")]
#[tokio::test(start_paused = true)]
async fn an_image_of_no_known_release_asks_for_its_version(#[case] tag: &str) {
    let lab = compared(tag, None);
    let status = lab.finished("qwen", 1).await;
    let failure = status.variants[0].failure.as_ref().unwrap();
    assert_eq!(failure.reason.as_str(), "AdmissionRefused", "{}", failure.message);
    assert!(failure.message.contains("set spec.runtime.version to the Dynamo release"), "{}", failure.message);
    assert!(status.run.as_ref().unwrap().start_time.is_none(), "it was admitted");
    assert!(!lab.cluster.history().iter().any(|record| record.key.resource == GRAPHS), "a graph was created");
}
