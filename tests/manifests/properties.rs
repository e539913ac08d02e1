//! What holds for all manifests.

use std::collections::BTreeSet;

use bcmp::manifests::variant::{Author, instantiate};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::given;
use crate::variants::{fixture, prepared};

const FIXTURES: [&str; 8] = [
    "aiconfigurator-0.12.0-agg",
    "aiconfigurator-0.12.0-disagg",
    "aiconfigurator-0.12.0-dynamo-0.6.0",
    "aiconfigurator-0.12.0-naive",
    "aiconfigurator-0.8.0-agg",
    "config-map-mode",
    "graph-v1beta1",
    "deployments",
];

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn identities(objects: &[Value]) -> BTreeSet<(String, String)> {
    objects.iter().map(|object| (text(object, "/kind").to_owned(), text(object, "/metadata/name").to_owned())).collect()
}

#[test]
fn two_deployments_never_share_a_name() {
    let plan = given::plan(given::fullest_spec());
    for name in FIXTURES {
        let objects = prepared(&fixture(name), &plan, Author::Predictor).unwrap().objects;
        let deployed = |variant, deployment| instantiate(&objects, &plan, variant, deployment).unwrap();
        let (first, again, other) = (deployed("optimized", 1), deployed("optimized", 2), deployed("baseline", 1));
        for another in [&again, &other] {
            assert!(identities(&first.objects).is_disjoint(&identities(&another.objects)), "{name}");
            assert_ne!(first.endpoint_url, another.endpoint_url, "{name}");
        }
        assert_eq!(identities(&first.objects).len(), objects.len(), "{name}: names within a deployment differ");
        assert_eq!(first, deployed("optimized", 1), "{name}: the same deployment is the same");
    }
}

#[test]
fn prepared_manifests_stay_as_they_are_when_prepared_again() {
    for spec in [given::smallest_spec(), given::fullest_spec()] {
        let plan = given::plan(spec);
        for name in FIXTURES {
            for author in [Author::Predictor, Author::User] {
                let once = prepared(&fixture(name), &plan, author).unwrap();
                assert_eq!(prepared(&once.objects, &plan, author).unwrap(), once, "{name}");
            }
        }
    }
}

/// Every label that `selector` asks for is on the pods.
fn selects(selector: &Value, labels: &Value) -> bool {
    selector.as_object().unwrap().iter().all(|(key, value)| labels.get(key) == Some(value))
}

#[test]
fn selectors_fit_their_own_pods_and_no_others() {
    let plan = given::plan(given::smallest_spec());
    let objects = prepared(&fixture("deployments"), &plan, Author::User).unwrap().objects;
    let deployed = |deployment| instantiate(&objects, &plan, "optimized", deployment).unwrap().objects;
    let (own, other) = (deployed(1), deployed(2));
    let of_kind = |objects: &[Value], kind: &str| -> Vec<Value> {
        objects.iter().filter(|object| object["kind"] == kind).cloned().collect()
    };
    let labels = |deployment: &Value| deployment["spec"]["template"]["metadata"]["labels"].clone();
    for deployment in of_kind(&own, "Deployment") {
        assert!(selects(&deployment["spec"]["selector"]["matchLabels"], &labels(&deployment)));
    }
    for service in of_kind(&own, "Service") {
        let selector = &service["spec"]["selector"];
        assert_eq!(of_kind(&own, "Deployment").iter().filter(|d| selects(selector, &labels(d))).count(), 1);
        assert_eq!(of_kind(&other, "Deployment").iter().filter(|d| selects(selector, &labels(d))).count(), 0);
    }
}

fn config_map_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                if key.starts_with("configMap")
                    && let Some(name) = child.get("name").and_then(Value::as_str)
                {
                    found.insert(name.to_owned());
                }
                config_map_references(child, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|child| config_map_references(child, found)),
        _ => {}
    }
}

#[rstest]
#[case("config-map-mode")]
#[case("deployments")]
fn references_to_config_maps_follow_their_names(#[case] name: &str) {
    let plan = given::plan(given::smallest_spec());
    let objects = prepared(&fixture(name), &plan, Author::User).unwrap().objects;
    let deployed = instantiate(&objects, &plan, "optimized", 1).unwrap().objects;
    let mut referenced = BTreeSet::new();
    deployed.iter().for_each(|object| config_map_references(object, &mut referenced));
    let there = deployed.iter().filter(|o| o["kind"] == "ConfigMap").map(|o| text(o, "/metadata/name").to_owned());
    assert_eq!(referenced, there.collect());
}

#[test]
fn everything_belongs_to_the_comparison_and_says_so() {
    let plan = given::plan(given::smallest_spec());
    for name in FIXTURES {
        let objects = prepared(&fixture(name), &plan, Author::Predictor).unwrap().objects;
        for object in instantiate(&objects, &plan, "optimized", 3).unwrap().objects {
            let metadata = &object["metadata"];
            assert_eq!(metadata["namespace"], "llm");
            assert_eq!(metadata["ownerReferences"][0]["uid"], json!(plan.comparison.uid));
            assert_eq!(metadata["ownerReferences"][0]["controller"], true);
            assert_eq!(metadata["labels"]["bcmp.dev/deployment"], "3");
            assert_eq!(metadata["labels"]["app.kubernetes.io/component"], "server");
            assert!(!object.to_string().contains("app.kubernetes.io/instance"), "{name}");
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~é]{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["v1", "apps/v1", "nvidia.com/v1beta1", "Deployment", "Service", "main", "frontend"])
            .prop_map(Value::from),
    ];
    let key = prop_oneof!["[a-z/~0-9]{0,6}", prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned)];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

const KEYS: [&str; 24] = [
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "labels",
    "annotations",
    "spec",
    "services",
    "components",
    "template",
    "podTemplate",
    "extraPodSpec",
    "mainContainer",
    "containers",
    "resources",
    "limits",
    "replicas",
    "multinode",
    "selector",
    "ports",
    "env",
    "value",
    "args",
    "configMap",
];

/// Pointers of everything in a value.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, child)| {
            pointers(child, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, child)| pointers(child, format!("{at}/{index}"), found))
        }
        _ => {}
    }
    found.push(at);
}

fn survive(objects: &[Value]) {
    for spec in [given::smallest_spec(), given::fullest_spec()] {
        let plan = given::plan(spec);
        for author in [Author::Predictor, Author::User] {
            if let Ok(prepared) = prepared(objects, &plan, author) {
                let _ = instantiate(&prepared.objects, &plan, "optimized", 1);
            }
            let _ = instantiate(objects, &plan, "optimized", 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn anything_is_refused_or_deployed_but_nothing_panics(objects in prop::collection::vec(any_json(), 0..4)) {
        survive(&objects);
    }

    #[test]
    fn real_manifests_with_a_part_replaced_neither(name in prop::sample::select(FIXTURES.to_vec()), place in any::<prop::sample::Index>(), value in any_json()) {
        let mut objects = Value::Array(fixture(name));
        let mut places = vec![];
        pointers(&objects, String::new(), &mut places);
        if let Some(target) = objects.pointer_mut(place.get::<String>(&places)) {
            *target = value;
        }
        survive(objects.as_array().map_or(&[], Vec::as_slice));
    }
}
