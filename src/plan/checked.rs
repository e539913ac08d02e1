//! A stored text → the plan of a run, or why it is not that. Whoever may write ConfigMaps may have written it: the status,
//! which only the operator writes, says what the plan was.

use serde_json::Value;

use super::{Identity, Plan, SCHEMA_VERSION, inputs};

/// Version of the hash.
const VERSION: &str = "v1";
/// Characters of a variant's name.
const LONGEST_VARIANT: usize = 14;

/// Why a stored text is not the plan of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredPlanError {
    /// It is not a plan, or one of another version.
    #[error("{0}")]
    Unreadable(String),
    /// It is a plan, of something else.
    #[error("{0}")]
    Foreign(String),
}

impl Plan {
    /// Hash of all that the plan fixes but the comparison's identity, as it is stored.
    pub fn hash(&self) -> String {
        serde_json::to_string(self).ok().and_then(|text| hash(&text).ok()).unwrap_or_default()
    }

    /// The plan in a stored text, if it is that of run number `run` of this very comparison. `hash` is what the run's
    /// status says of its plan; earlier runs have none.
    ///
    /// # Errors
    /// The text is not a plan, or another one.
    pub fn checked(text: &str, comparison: &Identity, run: i64, hash: Option<&str>) -> Result<Self, StoredPlanError> {
        let plan: Self = serde_json::from_str(text).map_err(|error| StoredPlanError::Unreadable(error.to_string()))?;
        let oldest = SCHEMA_VERSION.saturating_sub(1);
        if !(oldest..=SCHEMA_VERSION).contains(&plan.schema_version) {
            return Err(StoredPlanError::Unreadable(format!(
                "it has schemaVersion {}; this version reads {oldest} to {SCHEMA_VERSION}",
                plan.schema_version
            )));
        }
        match plan.foreign(text, comparison, run, hash) {
            Some(why) => Err(StoredPlanError::Foreign(why)),
            None => Ok(plan),
        }
    }

    fn foreign(&self, text: &str, comparison: &Identity, run: i64, hash: Option<&str>) -> Option<String> {
        if self.comparison != *comparison {
            return Some("it is about another comparison".to_owned());
        }
        if self.run != run {
            return Some(format!("it is the plan of run {}", self.run));
        }
        if let Some(variant) = self.spec.variants.iter().find(|variant| !is_variant_name(&variant.name)) {
            return Some(format!("it names a variant `{}`, which no comparison can have", variant.name.escape_debug()));
        }
        let differs = hash.is_some_and(|hash| self::hash(text).ok().as_deref() != Some(hash));
        differs.then(|| "it differs from the plan that the run began with (status.run.planHash)".to_owned())
    }
}

/// The pattern of `spec.variants[].name`.
fn is_variant_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST_VARIANT).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(plain)
}

/// Without the identity: a comparison that is created anew has the same plan.
fn hash(text: &str) -> Result<String, serde_json::Error> {
    let mut document: Value = serde_json::from_str(text)?;
    if let Some(fields) = document.as_object_mut() {
        fields.remove("comparison");
    }
    Ok(format!("{VERSION}:{}", inputs::digest(&document.to_string())))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::testing::{plan, spec};

    fn stored(change: impl FnOnce(&mut Value)) -> String {
        let mut document = json!(plan(spec()));
        change(&mut document);
        document.to_string()
    }

    fn checked(text: &str) -> Result<Plan, String> {
        let plan = plan(spec());
        Plan::checked(text, &plan.comparison, 1, Some(&plan.hash())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_is_read_as_it_was_stored() {
        let plan = plan(spec());
        assert_eq!(checked(&serde_json::to_string(&plan).unwrap()), Ok(plan.clone()));
        // Whoever formats it anew changes nothing.
        assert_eq!(checked(&serde_json::to_string_pretty(&plan).unwrap()), Ok(plan));
    }

    #[rstest]
    #[case::not_json(|_: &mut Value| {}, "", "EOF")]
    #[case::version(|plan: &mut Value| plan["schemaVersion"] = json!(9), "x", "it has schemaVersion 9; this version reads 0 to 1")]
    #[case::image(|plan: &mut Value| plan["images"]["agent"] = json!("evil:1"), "x", "it differs from the plan that the run began with")]
    #[case::manifests(|plan: &mut Value| plan["manifests"] = json!({"own": "kind: Pod"}), "x", "it differs")]
    #[case::field(|plan: &mut Value| plan["more"] = json!(1), "x", "it differs")]
    #[case::comparison(|plan: &mut Value| plan["comparison"]["uid"] = json!("v"), "x", "it is about another comparison")]
    #[case::run(|plan: &mut Value| plan["run"] = json!(2), "x", "it is the plan of run 2")]
    #[case::path(|plan: &mut Value| plan["spec"]["variants"][0]["name"] = json!("/home/me"), "x", "it names a variant `/home/me`")]
    #[case::up(|plan: &mut Value| plan["spec"]["variants"][0]["name"] = json!(".."), "x", "it names a variant `..`")]
    fn another_text_is_not_the_plan(#[case] change: fn(&mut Value), #[case] text: &str, #[case] why: &str) {
        let text = if text.is_empty() { String::new() } else { stored(change) };
        let error = checked(&text).unwrap_err();
        assert!(error.starts_with(why), "{error}");
    }
}
