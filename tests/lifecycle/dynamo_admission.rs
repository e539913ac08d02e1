//! What Dynamo's operator 1.5.0 takes of what is generated: images of a known release, in the version that it stores.

use bcmp::api::Phase;
use bcmp::simulation::api_server::{ApiFailure, Verb};
use bcmp::simulation::dynamo;
use bcmp::simulation::lab::{GRAPHS, Lab, seconds, small};
use bcmp::simulation::serving::reality::predicted;
use rstest::rstest;
use serde_json::json;

/// A lab with this webhook, and a comparison with an image of this tag.
fn compared(tag: &str, version: Option<&str>) -> Lab {
    let lab = Lab::predicting(&[8], |plan| predicted(plan).unwrap());
    lab.cluster.admission(|resource, object| {
        dynamo::refusal(resource, object).map(|message| ApiFailure::new(403, "Forbidden", &message))
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

/// The predictor writes v1alpha1. What is asked beforehand is what is created: neither needs the older version, nor the
/// webhook that converts between the two.
#[rstest]
#[case::the_older_version_is_gone(false)]
#[case::the_conversion_is_down(true)]
#[tokio::test(start_paused = true)]
async fn what_is_generated_needs_no_older_version(#[case] served: bool) {
    let lab = compared("1.3.0", None);
    if served {
        lab.cluster.conversion(false);
    } else {
        lab.cluster.install(&dynamo::crd(&["v1beta1"]));
    }
    let status = lab.finished("qwen", 1).await;
    assert_eq!(status.phase, Some(Phase::Succeeded), "{:?}", status.message);
    let writes = lab.cluster.writes();
    let graphs = writes.iter().filter(|logged| logged.request.plural == "dynamographdeployments");
    let created = graphs.filter(|logged| logged.request.verb == Some(Verb::Create));
    let created: Vec<_> =
        created.map(|logged| (logged.request.query.contains_key("dryRun"), &*logged.request.version)).collect();
    assert!(created.contains(&(true, "v1beta1")) && created.contains(&(false, "v1beta1")), "{created:?}");
    assert!(created.iter().all(|(_, version)| *version == "v1beta1"), "{created:?}");
}
