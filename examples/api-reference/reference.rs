//! The API reference, made from the CustomResourceDefinition and the types it is made from.

use std::collections::BTreeMap;
use std::fmt::Write;

use bcmp::api::conditions::ConditionType;
use bcmp::api::{
    BenchmarkComparisonSpec, BenchmarkComparisonStatus, EvidenceCode, GROUP, KIND, VERSION, annotations, crd::crd,
    labels,
};
use bcmp::explain::condition;
use bcmp::manifests::labels::APPLICATION;
use bcmp::plan::Component;
use serde_json::Value;
use strum::IntoEnumIterator;

const HEAD: &str = "\
<!-- Made from the types by: cargo run -q --example api-reference > docs/api.md -->
# API reference

[config/samples/guide.yaml](../config/samples/guide.yaml) is a comparison to begin with; every other field has a default.
On a cluster, use `kubectl explain bcmp.spec --recursive`. [method.md](method.md) explains the numbers,
[troubleshooting.md](troubleshooting.md) the reasons.

Durations are whole seconds. Numbers with a fraction are strings (`\"6.5\"`), never floats. The operator never writes `spec`. Unknown fields
are dropped by the API server, and rejected by `kubectl apply` unless `--validate=false`.
";

/// Kubernetes' own types: where they stand, and their name.
const KUBERNETES: [(&str, &str); 5] = [
    ("spec.imagePullSecrets[]", "LocalObjectReference"),
    ("spec.hardware.tolerations[]", "Toleration"),
    ("spec.load.pod.tolerations[]", "Toleration"),
    ("spec.load.env[]", "EnvVar"),
    ("status.conditions[]", "Condition"),
];

const COMPONENTS: [Component; 8] = [
    Component::Plan,
    Component::Generate,
    Component::Configurations,
    Component::Server,
    Component::Load,
    Component::Results,
    Component::Report,
    Component::Publish,
];

/// Values of an enum → value → what it means.
type Choices = BTreeMap<Vec<String>, BTreeMap<String, String>>;

/// The whole page.
pub fn document() -> String {
    let crd = serde_json::to_value(crd()).unwrap();
    let version = &crd["spec"]["versions"][0];
    let root = &version["schema"]["openAPIV3Schema"];
    let mut page = Page { text: HEAD.to_owned(), choices: choices() };
    page.names(&crd);
    page.columns(&version["additionalPrinterColumns"]);
    page.conditions();
    page.marks();
    for (name, title) in [("spec", "Spec"), ("status", "Status")] {
        page.title(2, title);
        page.object(name, &root["properties"][name], if required(root, name) { " Required." } else { "" });
    }
    page.rules(root);
    page.text
}

/// What the schemas of the types say of the values of enums; the CRD has room for the values alone.
fn choices() -> Choices {
    let schemas = [
        serde_json::to_value(schemars::schema_for!(BenchmarkComparisonSpec)).unwrap(),
        serde_json::to_value(schemars::schema_for!(BenchmarkComparisonStatus)).unwrap(),
    ];
    let definitions = schemas.iter().flat_map(|schema| schema["$defs"].as_object()).flat_map(|defs| defs.values());
    definitions
        .filter_map(|definition| {
            let values = definition["oneOf"].as_array()?.iter().map(|value| {
                let text = |field: &str| value[field].as_str().map(one_line);
                Some((text("const")?, text("description")?))
            });
            let values: Vec<(String, String)> = values.collect::<Option<_>>()?;
            Some((values.iter().map(|(value, _)| value.clone()).collect(), values.into_iter().collect()))
        })
        .collect()
}

fn required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().into_iter().flatten().any(|required| required == name)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Page {
    text: String,
    choices: Choices,
}

impl Page {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").unwrap();
    }

    fn title(&mut self, depth: usize, title: &str) {
        let gap = if self.text.ends_with("\n\n") { "" } else { "\n" };
        self.line(&format!("{gap}{} {title}\n", "#".repeat(depth)));
    }

    fn table(&mut self, headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.line(&format!("| {} |", headers.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(headers.len())));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            self.line(&format!("| {} |", cells.join(" | ")));
        }
    }

    fn names(&mut self, crd: &Value) {
        let names = &crd["spec"]["names"];
        let list = |field: &str| {
            names[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        };
        let plural = names["plural"].as_str().unwrap();
        self.line("");
        self.table(
            &["", ""],
            [
                vec!["apiVersion".into(), format!("`{GROUP}/{VERSION}`")],
                vec!["kind".into(), format!("`{KIND}`")],
                vec![
                    "resource".into(),
                    format!("`{plural}`, short `{}`, category `{}`", list("shortNames"), list("categories")),
                ],
                vec!["scope".into(), crd["spec"]["scope"].as_str().unwrap().to_lowercase()],
                vec!["subresources".into(), "`status`".into()],
            ],
        );
    }

    fn columns(&mut self, columns: &Value) {
        self.title(2, "Columns");
        let rows = columns.as_array().unwrap().iter().map(|column| {
            let text = |field: &str| column[field].as_str().unwrap();
            let wide = if column["priority"] == 1 { "`-o wide`" } else { "always" };
            vec![text("name").to_uppercase(), format!("`{}`", text("jsonPath").trim_start_matches('.')), wide.into()]
        });
        self.table(&["Column", "Field", "Shown"], rows);
        self.line("\n[reading-results.md](reading-results.md) explains them.");
    }

    fn conditions(&mut self) {
        self.title(2, "Conditions");
        let rows = ConditionType::iter().map(|kind| vec![format!("`{kind}`"), condition(kind).meaning.to_owned()]);
        self.table(&["Type", "`True` when"], rows);
        self.line("\n`False` and `Unknown`: [reading-results.md](reading-results.md#conditions). All conditions have `observedGeneration`, and the write that starts a run resets them.");
    }

    fn marks(&mut self) {
        self.title(2, "Annotations you may set");
        self.table(
            &["Annotation on the comparison", "Effect"],
            [
                vec![
                    format!("`{}`", annotations::RUN_REQUESTED),
                    "a new, non-empty value starts a run; the last one that did is in `status.lastHandledRunRequest`"
                        .into(),
                ],
                vec![
                    format!("`{}`", annotations::CANCEL_REQUESTED),
                    "`active` for the run that is active when this is set (the next time `active-` and anything: only a new \
                     value is a new request), or the number of a run. A value that names no active run cancels nothing, and an \
                     event (`CancelMissed`) says so; a later run of that number is cancelled when it starts"
                        .into(),
                ],
            ],
        );
        self.title(2, "Labels on the objects of a run");
        let components = COMPONENTS.map(|component| format!("`{}`", component.as_str()));
        let application = format!("`{APPLICATION}`");
        let label = |name: &str, what: &str| vec![format!("`{name}`"), what.to_owned()];
        self.table(
            &["Label", "Value"],
            [
                label(labels::COMPARISON, "name of the comparison"),
                label(labels::RUN, "number of the run"),
                label(labels::VARIANT, "name of the variant, if the object belongs to one"),
                label(labels::DEPLOYMENT, "number of the deployment, if the object is created for each"),
                label(labels::COMPONENT, &components.join(", ")),
                label(labels::NAME, &application),
                label(labels::MANAGED_BY, &application),
                label(labels::PART_OF, &application),
            ],
        );
    }

    /// A section for an object, then for each object in it.
    fn object(&mut self, path: &str, schema: &Value, note: &str) {
        let (fields, described) = (schema["properties"].as_object().unwrap(), description(schema));
        self.title(3, &format!("`{path}`"));
        self.line(&format!("{described}{note}"));
        self.line("");
        let rows: Vec<Vec<String>> = fields
            .iter()
            .map(|(name, field)| {
                let wanted = if required(schema, name) { "**required**".to_owned() } else { default(field) };
                let here = format!("{path}.{name}");
                vec![format!("`{name}`"), self.kind(&here, field), wanted, self.says(field)]
            })
            .collect();
        self.table(&["Field", "Type", "Default", "Meaning"], rows);
        self.rules(schema);
        for (name, field) in fields {
            let here = format!("{path}.{name}");
            let items = &field["items"];
            if kubernetes(&format!("{here}[]")).is_some() {
                continue;
            }
            if field["properties"].is_object() {
                self.object(&here, field, "");
            } else if items["properties"].is_object() {
                self.object(&format!("{here}[]"), items, &default_items(&field["default"]));
            }
        }
    }

    fn kind(&self, path: &str, field: &Value) -> String {
        if field["x-kubernetes-int-or-string"] == true {
            // A limit has a rule for its text; anything else takes any.
            let any = field["maxLength"].is_number();
            return if any { "integer or string".into() } else { "integer or decimal string".into() };
        }
        if field["x-kubernetes-preserve-unknown-fields"] == true {
            return "any".into();
        }
        let items = format!("{path}[]");
        match field["type"].as_str() {
            Some("array") => match kubernetes(&items) {
                Some(name) => format!("list of {name}"),
                None => format!("list of {}", self.kind(&items, &field["items"])),
            },
            Some("object") if field["additionalProperties"].is_object() => "map".into(),
            Some("string") if field["format"] == "date-time" => "time".into(),
            Some("string") if field["pattern"] == bcmp::api::Decimal::PATTERN => "decimal string".into(),
            Some("string") if field["enum"].is_array() => "enum".into(),
            Some(kind) => kind.into(),
            None => panic!("{path} has no type"),
        }
    }

    /// Meaning, limits, values and rules of a field.
    fn says(&self, field: &Value) -> String {
        let mut parts = vec![description(field)];
        parts.extend(limits(field));
        let enumerated = if field["enum"].is_array() { field } else { &field["items"] };
        if let Some(values) = enumerated["enum"].as_array() {
            parts.push(self.values(values));
        }
        for rule in
            field["x-kubernetes-validations"].as_array().into_iter().flatten().filter(|_| field["properties"].is_null())
        {
            parts.push(format!("Rule: {}.", rule["message"].as_str().unwrap()));
        }
        parts.join("<br>")
    }

    fn values(&self, values: &[Value]) -> String {
        let names: Vec<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if names.iter().any(|name| name == EvidenceCode::NotStreaming.as_str()) {
            return "Codes: [method.md](method.md#9-audit).".into();
        }
        let meanings = self.choices.get(&names);
        let shown = names.iter().map(|name| match meanings.and_then(|meanings| meanings.get(name)) {
            Some(meaning) => format!("`{name}`: {}", meaning.trim_end_matches('.')),
            None => format!("`{name}`"),
        });
        shown.collect::<Vec<_>>().join("<br>")
    }

    fn rules(&mut self, schema: &Value) {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            self.line(&format!("\nRule: {}.", rule["message"].as_str().unwrap()));
        }
    }
}

fn kubernetes(path: &str) -> Option<&'static str> {
    KUBERNETES.iter().find(|(place, _)| *place == path).map(|(_, name)| *name)
}

fn description(schema: &Value) -> String {
    one_line(schema["description"].as_str().unwrap_or_default())
}

fn default(field: &Value) -> String {
    match &field["default"] {
        Value::Null => String::new(),
        // Written out where its fields are.
        Value::Object(_) => "see there".into(),
        Value::Array(items) if items.iter().any(Value::is_object) => "see below".into(),
        value => format!("`{value}`"),
    }
}

/// A default that has no room in a table.
fn default_items(default: &Value) -> String {
    if !default.is_array() {
        return String::new();
    }
    let yaml = serde_saphyr::to_string(default).unwrap();
    format!(" The default:\n\n```yaml\n{}\n```", yaml.trim_end())
}

/// Bounds as a sentence.
fn limits(field: &Value) -> Option<String> {
    // What every int32 and int64 has is not news.
    let of_the_type = [f64::from(i32::MIN), f64::from(i32::MAX), -9_007_199_254_740_991.0, 9_007_199_254_740_991.0];
    let number =
        |value: &Value| value.as_f64().filter(|number| !of_the_type.contains(number)).map(|number| number.to_string());
    let between = |least: Option<String>, most: Option<String>, what: &str| match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{what}")),
        (Some(least), None) => Some(format!("at least {least}{what}")),
        (None, Some(most)) => Some(format!("at most {most}{what}")),
        (None, None) => None,
    };
    let items = &field["items"];
    let bounds = [
        between(number(&field["minimum"]), number(&field["maximum"]), ""),
        between(number(&items["minimum"]), number(&items["maximum"]), " each"),
        between(number(&field["minLength"]), number(&field["maxLength"]), " characters"),
        between(number(&field["minItems"]), number(&field["maxItems"]), " items"),
        between(None, number(&field["maxProperties"]), " entries"),
        field["pattern"]
            .as_str()
            .filter(|pattern| *pattern != bcmp::api::Decimal::PATTERN)
            .map(|pattern| format!("matches `{pattern}`")),
    ];
    let bounds: Vec<String> = bounds.into_iter().flatten().collect();
    (!bounds.is_empty()).then(|| {
        let text = bounds.join("; ");
        let mut letters = text.chars();
        let first = letters.next().map(char::to_uppercase).into_iter().flatten();
        format!("{}.", first.chain(letters).collect::<String>())
    })
}
