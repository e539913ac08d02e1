//! Names of a run's children: readable, valid everywhere, and always the same for the same child.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::plan::{Component, Identity, Plan};

/// Longest DNS label (RFC 1035): names of Services and Jobs, values of labels.
pub const LABEL_LIMIT: usize = 63;
/// Leaves room for the six characters that a Job's pods add.
pub const JOB_LIMIT: usize = LABEL_LIMIT - 6;
/// Leaves room for the seventeen characters that a Deployment's pods add.
pub const DEPLOYMENT_LIMIT: usize = LABEL_LIMIT - 17;
/// Names that become no DNS label: ConfigMaps, ServiceAccounts and the like.
pub const OBJECT_LIMIT: usize = 253;

const HASH_DIGITS: usize = 8;

/// Joins `parts` with dashes. A name that is longer than `limit` or not a valid label is cut and repaired, and carries
/// eight hexadecimal digits of the hash of the full name, so that different names stay different.
///
/// The result starts with a letter, ends with a letter or digit, and holds only lower-case letters, digits and dashes.
/// A limit below ten characters is taken as ten: a letter, a dash and the hash.
pub fn child_name(parts: &[&str], limit: usize) -> String {
    let full = parts.join("-");
    if full.len() <= limit && is_label(&full) {
        return full;
    }
    let room = limit.max(HASH_DIGITS + 2) - HASH_DIGITS - 1;
    let kept: String = full
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(room)
        .collect();
    let kept = kept.trim_end_matches('-');
    let kept = if kept.is_empty() { "x" } else { kept };
    format!("{kept}-{}", short_hash(&full))
}

/// The first eight hexadecimal digits of the SHA-256 of `text`.
pub fn short_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(HASH_DIGITS / 2).fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Whether `name` starts with a letter, ends with a letter or digit, and holds only lower-case letters, digits and dashes.
fn is_label(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Names of the children of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    comparison: String,
    run: String,
}

impl Names {
    /// Names of the children of the plan's run.
    pub fn of(plan: &Plan) -> Self {
        Self::new(&plan.comparison, plan.run)
    }

    /// Names of the children of a run that may not have a plan yet.
    pub fn new(comparison: &Identity, run: i64) -> Self {
        Self { comparison: comparison.name.clone(), run: format!("r{run}") }
    }

    pub fn plan(&self) -> String {
        self.child(&["plan"], OBJECT_LIMIT)
    }

    pub fn generate(&self) -> String {
        self.child(&["generate"], JOB_LIMIT)
    }

    pub fn configurations(&self) -> String {
        self.child(&["configurations"], OBJECT_LIMIT)
    }

    /// Main object of a variant's deployment; `limit` depends on its kind, see [`DEPLOYMENT_LIMIT`] and
    /// [`dynamo::name_limit`](crate::dynamo::name_limit).
    pub fn variant(&self, variant: &str, deployment: u32, limit: usize) -> String {
        self.child(&[variant, &format!("d{deployment}")], limit)
    }

    /// Another object of a variant's deployment, which is called `name` in its manifest.
    pub fn variant_part(&self, variant: &str, deployment: u32, name: &str, limit: usize) -> String {
        let parts = [variant, &format!("d{deployment}"), name];
        let plain = self.child(&parts, limit);
        // A ConfigMap called `results` of variant `x`, deployment 1, would take the name of the results of variant `x-d1`.
        let reserved = ["plan", "configurations", "results", "report", "publish"];
        if !reserved.contains(&plain.rsplit('-').next().unwrap_or_default()) {
            return plain;
        }
        self.child(&[variant, &format!("d{deployment}"), name, &short_hash(&plain)], limit)
    }

    /// Job that drives the load on a variant's deployment.
    pub fn load_job(&self, variant: &str, deployment: u32) -> String {
        self.child(&[variant, "load", &format!("d{deployment}")], JOB_LIMIT)
    }

    /// ConfigMap with the records of a variant.
    pub fn results(&self, variant: &str) -> String {
        self.child(&[variant, "results"], OBJECT_LIMIT)
    }

    pub fn report(&self) -> String {
        self.child(&["report"], OBJECT_LIMIT)
    }

    /// ServiceAccount, Role and RoleBinding of the run's pods.
    pub fn publish(&self) -> String {
        self.child(&["publish"], OBJECT_LIMIT)
    }

    /// The name of the only object that a run has for a component, a variant and a deployment; `None` for servers, which
    /// are called after their manifests.
    pub fn only(&self, component: Component, variant: Option<&str>, deployment: Option<u32>) -> Option<String> {
        match component {
            Component::Plan => Some(self.plan()),
            Component::Generate => Some(self.generate()),
            Component::Configurations => Some(self.configurations()),
            Component::Report => Some(self.report()),
            Component::Publish => Some(self.publish()),
            Component::Results => Some(self.results(variant.unwrap_or_default())),
            Component::Load => Some(self.load_job(variant.unwrap_or_default(), deployment.unwrap_or_default())),
            Component::Server => None,
        }
    }

    fn child(&self, parts: &[&str], limit: usize) -> String {
        let parts: Vec<&str> =
            [self.comparison.as_str(), self.run.as_str()].into_iter().chain(parts.iter().copied()).collect();
        child_name(&parts, limit)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(comparison: &str) -> Names {
        let identity = Identity { namespace: "ml".into(), name: comparison.into(), uid: "u".into() };
        Names::new(&identity, 3)
    }

    #[test]
    fn names_say_what_an_object_is_for() {
        let names = names("qwen3");
        assert_eq!(names.plan(), "qwen3-r3-plan");
        assert_eq!(names.generate(), "qwen3-r3-generate");
        assert_eq!(names.configurations(), "qwen3-r3-configurations");
        assert_eq!(names.variant("optimized", 2, DEPLOYMENT_LIMIT), "qwen3-r3-optimized-d2");
        assert_eq!(names.load_job("optimized", 2), "qwen3-r3-optimized-load-d2");
        assert_eq!(names.results("optimized"), "qwen3-r3-optimized-results");
        assert_eq!(names.report(), "qwen3-r3-report");
        assert_eq!(names.publish(), "qwen3-r3-publish");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let first = names("a-comparison-whose-name-takes-forty-char").variant("optimized", 1, 26);
        let second = names("a-comparison-whose-name-takes-forty-char").variant("optimized", 2, 26);
        assert_eq!(first.len(), 26);
        assert!(first.starts_with("a-comparison-whos-"), "{first}");
        assert_ne!(first, second);
    }

    #[test]
    fn a_variants_own_config_map_never_takes_the_name_of_ours() {
        let names = names("qwen3");
        assert_eq!(names.results("x-d1"), "qwen3-r3-x-d1-results");
        let part = names.variant_part("x", 1, "results", OBJECT_LIMIT);
        assert_ne!(part, names.results("x-d1"));
        assert!(part.starts_with("qwen3-r3-x-d1-results-"), "{part}");
    }

    proptest! {
        #[test]
        fn any_parts_make_a_label(parts in prop::collection::vec(".{0,40}", 1..5), limit in 0_usize..80) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let name = child_name(&parts, limit);
            prop_assert!(is_label(&name), "{name}");
            prop_assert!(name.len() <= limit.max(10), "{name} in {limit}");
        }

        #[test]
        fn different_deployments_never_share_a_name(comparison in "[a-z]([-a-z0-9]{0,38}[a-z0-9])?", variant in "[a-z]([-a-z0-9]{0,12}[a-z0-9])?",
                                                 a in 1_u32..200, b in 1_u32..200, limit in 10_usize..64) {
            prop_assume!(a != b);
            let names = names(&comparison);
            prop_assert_ne!(names.variant(&variant, a, limit), names.variant(&variant, b, limit));
            prop_assert_ne!(names.load_job(&variant, a), names.load_job(&variant, b));
        }
    }
}
