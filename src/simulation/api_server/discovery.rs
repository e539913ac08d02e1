//! Discovery documents, as clients read them to find out which versions are served.

use serde_json::{Value, json};

use super::kinds::Kind;

/// The document at a path, if there is one.
pub fn document(kinds: &[Kind], path: &str) -> Option<Value> {
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    match segments.as_slice() {
        ["version"] => Some(json!({
            "major": "1", "minor": "34", "gitVersion": "v1.34.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
            "goVersion": "", "compiler": "", "platform": "",
        })),
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["apis"] => Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups(kinds)})),
        ["apis", group] => groups(kinds).into_iter().find(|g| g["name"] == **group).map(|mut document| {
            document["kind"] = json!("APIGroup");
            document["apiVersion"] = json!("v1");
            document
        }),
        ["api", version] => resources(kinds, "", version),
        ["apis", group, version] => resources(kinds, group, version),
        _ => None,
    }
}

fn groups(kinds: &[Kind]) -> Vec<Value> {
    let mut names: Vec<&str> = kinds.iter().map(|k| k.group.as_str()).filter(|g| !g.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let mut versions: Vec<Value> = vec![];
            for version in kinds.iter().filter(|k| k.group == name).flat_map(|k| &k.versions) {
                let entry = json!({"groupVersion": format!("{name}/{version}"), "version": version});
                if !versions.contains(&entry) {
                    versions.push(entry);
                }
            }
            json!({"name": name, "versions": versions, "preferredVersion": versions.first(), "serverAddressByClientCIDRs": []})
        })
        .collect()
}

fn resources(kinds: &[Kind], group: &str, version: &str) -> Option<Value> {
    let found: Vec<&Kind> =
        kinds.iter().filter(|k| k.group == group && k.versions.iter().any(|v| v == version)).collect();
    let group_version = found.first()?.api_version(version);
    let resources: Vec<Value> = found.iter().flat_map(|kind| kind.discovery()).collect();
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}))
}
