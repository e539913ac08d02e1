//! The changes people ask for: JSON Patch, and removing lines from a string.

use serde_json::{Value, json};

use super::object::{describe, name};
use crate::api::{Patch, PatchOp, PatchOperation, PatchTarget, RemoveLines, Scalar};
use crate::manifests::ManifestError;
use crate::pointer::{path, text};

/// Applies a variant's patches, in order; the problems of all that cannot be applied.
pub(super) fn apply(objects: &mut [Value], patches: &[Patch]) -> Vec<ManifestError> {
    let refused = patches.iter().enumerate().filter_map(|(index, patch)| {
        let problem = apply_one(objects, patch).err();
        problem.map(|(problem, cure)| ManifestError::Patch { index, problem, cure })
    });
    refused.collect()
}

fn apply_one(objects: &mut [Value], patch: &Patch) -> Result<(), ProblemAndCure> {
    let target = target(objects, &patch.target)?;
    if let Some(lines) = &patch.remove_lines {
        remove_lines(target, lines)?;
    }
    if let Some(operations) = &patch.operations {
        operate(target, operations)?;
    }
    Ok(())
}

type ProblemAndCure = (String, String);

fn target<'a>(objects: &'a mut [Value], target: &PatchTarget) -> Result<&'a mut Value, ProblemAndCure> {
    let matches = |object: &Value| {
        text(object, "/kind") == Some(&target.kind)
            && target.name.as_deref().is_none_or(|wanted| wanted == name(object))
    };
    let wanted = match &target.name {
        Some(name) => format!("{} {name}", target.kind),
        None => target.kind.clone(),
    };
    let there = objects.iter().map(describe).collect::<Vec<_>>().join(", ");
    let mut indices = (0..objects.len()).filter(|index| matches(&objects[*index]));
    match (indices.next(), indices.next()) {
        (Some(index), None) => Ok(&mut objects[index]),
        (None, _) => Err((format!("there is no {wanted}"), format!("correct target; the manifests have: {there}"))),
        (Some(_), Some(_)) => {
            Err((format!("there is more than one {wanted}"), format!("set target.name; the manifests have: {there}")))
        }
    }
}

fn remove_lines(object: &mut Value, lines: &RemoveLines) -> Result<(), ProblemAndCure> {
    let described = describe(object);
    let field = path(&lines.pointer);
    let cure = "use the JSON pointer of a string in the object as `bcmp render` shows it";
    let value =
        object.pointer_mut(&lines.pointer).ok_or_else(|| (format!("{described} has no {field}"), cure.to_owned()))?;
    let Value::String(content) = value else {
        return Err((format!("{field} of {described} is not a string"), cure.to_owned()));
    };
    let kept: Vec<&str> = content.split('\n').filter(|line| !line.contains(&lines.matching)).collect();
    if kept.len() == content.split('\n').count() {
        let problem = format!("no line of {field} of {described} contains \"{}\"", lines.matching);
        return Err((problem, "remove the patch if it is no longer needed, or correct matching".into()));
    }
    *content = kept.join("\n");
    Ok(())
}

fn operate(object: &mut Value, operations: &[PatchOperation]) -> Result<(), ProblemAndCure> {
    let described = describe(object);
    let cure = || "compare with the object as `bcmp render` shows it".to_owned();
    let operations: Vec<Value> = operations.iter().map(operation).collect::<Result<_, _>>()?;
    let patch: json_patch::Patch = serde_json::from_value(Value::Array(operations))
        .map_err(|error| (format!("not a valid JSON Patch: {error}"), cure()))?;
    json_patch::patch(object, &patch).map_err(|error| (format!("{described}: {error}"), cure()))
}

fn operation(operation: &PatchOperation) -> Result<Value, ProblemAndCure> {
    let PatchOperation { op, path, from, value: _, yaml: _ } = operation;
    let value = value(operation)?;
    Ok(match op {
        PatchOp::Remove => json!({"op": "remove", "path": path}),
        PatchOp::Move => json!({"op": "move", "path": path, "from": from}),
        PatchOp::Copy => json!({"op": "copy", "path": path, "from": from}),
        PatchOp::Add => json!({"op": "add", "path": path, "value": value}),
        PatchOp::Replace => json!({"op": "replace", "path": path, "value": value}),
        PatchOp::Test => json!({"op": "test", "path": path, "value": value}),
    })
}

/// An absent value is null: that is what the API server leaves of `value: null`.
fn value(operation: &PatchOperation) -> Result<Value, ProblemAndCure> {
    match (&operation.value, &operation.yaml) {
        (Some(Scalar::Integer(number)), _) => Ok(json!(number)),
        (Some(Scalar::Text(text)), _) => Ok(json!(text)),
        (None, Some(yaml)) => serde_saphyr::from_str(yaml).map_err(|error| {
            (format!("yaml of the operation on {} cannot be read: {error}", path(&operation.path)), "correct it".into())
        }),
        (None, None) => Ok(Value::Null),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn objects() -> Vec<Value> {
        vec![
            json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"run.sh": "one\npip install nixl\ntwo\n"}}),
            json!({"kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"x": "1"}}),
            json!({"kind": "Service", "metadata": {"name": "s"}}),
        ]
    }

    fn patches(patches: Value) -> Vec<Patch> {
        serde_json::from_value(patches).unwrap()
    }

    #[test]
    fn lines_go_and_the_rest_stays() {
        let mut objects = objects();
        let patch = json!([{"target": {"kind": "ConfigMap", "name": "a"}, "removeLines": {"pointer": "/data/run.sh", "matching": "nixl"}}]);
        assert_eq!(apply(&mut objects, &patches(patch)), []);
        assert_eq!(objects[0]["data"]["run.sh"], "one\ntwo\n");
    }

    #[test]
    fn operations_work_on_what_earlier_patches_left() {
        let mut objects = objects();
        let target = json!({"kind": "Service"});
        let patch = json!([
            {"target": target, "operations": [{"op": "add", "path": "/spec", "yaml": "ports: []\ntype: ClusterIP"}]},
            {"target": target, "operations": [{"op": "test", "path": "/spec/ports", "yaml": "[]"}, {"op": "add", "path": "/spec/ports/-", "yaml": "{port: 80}"}]},
        ]);
        assert_eq!(apply(&mut objects, &patches(patch)), []);
        assert_eq!(objects[2]["spec"]["ports"][0]["port"], 80);
    }

    #[rstest]
    #[case(json!({"value": "8"}), json!("8"))]
    #[case(json!({"value": 8}), json!(8))]
    #[case(json!({"value": "true"}), json!("true"))]
    #[case(json!({"yaml": "true"}), json!(true))]
    #[case(json!({"yaml": "2.5"}), json!(2.5))]
    #[case(json!({"yaml": "null"}), json!(null))]
    #[case(json!({}), json!(null))]
    #[case(json!({"yaml": "- name: A\n  value: \"8\"\n"}), json!([{"name": "A", "value": "8"}]))]
    fn a_value_is_what_is_written(#[case] written: Value, #[case] expected: Value) {
        let mut operation = json!({"op": "add", "path": "/spec"});
        operation.as_object_mut().unwrap().extend(written.as_object().unwrap().clone());
        let mut objects = objects();
        assert_eq!(
            apply(&mut objects, &patches(json!([{"target": {"kind": "Service"}, "operations": [operation]}]))),
            []
        );
        assert_eq!(objects[2]["spec"], expected);
    }

    #[rstest]
    #[case(json!({"target": {"kind": "Deployment"}, "operations": []}), "there is no Deployment; correct target; the manifests have: ConfigMap a, ConfigMap b, Service s")]
    #[case(json!({"target": {"kind": "ConfigMap"}, "operations": []}), "there is more than one ConfigMap; set target.name")]
    #[case(json!({"target": {"kind": "ConfigMap", "name": "a"}, "removeLines": {"pointer": "/data/run.sh", "matching": "ucx"}}), "no line of data.run.sh of ConfigMap a contains \"ucx\"")]
    #[case(json!({"target": {"kind": "ConfigMap", "name": "a"}, "removeLines": {"pointer": "/data/other", "matching": "ucx"}}), "ConfigMap a has no data.other")]
    #[case(json!({"target": {"kind": "ConfigMap", "name": "a"}, "removeLines": {"pointer": "/data", "matching": "ucx"}}), "data of ConfigMap a is not a string")]
    #[case(json!({"target": {"kind": "Service"}, "operations": [{"op": "remove", "path": "/spec"}]}), "Service s: ")]
    #[case(json!({"target": {"kind": "Service"}, "operations": [{"op": "add", "path": "/spec/a", "yaml": "[1"}]}), "yaml of the operation on spec.a cannot be read: ")]
    #[case(json!({"target": {"kind": "Service"}, "operations": [{"op": "add", "path": "/spec/a", "yaml": "[".repeat(5000)}]}), "yaml of the operation on spec.a cannot be read: ")]
    fn failures_say_which_patch_and_why(#[case] patch: Value, #[case] expected: &str) {
        let first = json!({"target": {"kind": "Service"}, "operations": [{"op": "add", "path": "/x"}]});
        let errors = apply(&mut objects(), &patches(json!([first, patch])));
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert!(error.to_string().starts_with(&format!("patches[1]: {expected}")), "{error}");
    }

    #[test]
    fn all_patches_that_fail_are_told() {
        let missing = json!({"target": {"kind": "Deployment"}, "operations": []});
        let refused = apply(&mut objects(), &patches(json!([missing, missing])));
        assert_eq!(refused.len(), 2);
    }
}
