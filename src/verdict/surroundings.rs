//! Where variants ran, and of which image and precision: what may make them differ beside what is compared (METHOD §10).

use std::collections::BTreeSet;

use crate::api::{Deployed, EvidenceCode, Finding, Role, VariantStatus};
use crate::measurement::record::TrialRecord;
use crate::prediction::checks::family;

/// Nodes that a message names.
const MOST_NAMED: usize = 3;

/// What a variant's surroundings say against comparing it with the others. Nothing is said of what is not known.
pub fn findings(variant: &VariantStatus, all: &[VariantStatus]) -> Vec<Finding> {
    let baseline = all.iter().find(|other| other.role == Role::Baseline && other.name != variant.name);
    let other = |code| move |message: String| Finding::new(code, message);
    let shared = shared_nodes(variant, all).map(other(EvidenceCode::SharedNodes));
    let apart = baseline.and_then(|base| different_nodes(variant, base)).map(other(EvidenceCode::DifferentNodes));
    let image = image_changed(variant, baseline).map(other(EvidenceCode::ImageChanged));
    let of_baseline = baseline.and_then(|base| Some((variant.deployed.as_ref()?, base.deployed.as_ref()?)));
    let precision = of_baseline.and_then(precision_differs).map(other(EvidenceCode::PrecisionDiffers));
    let images = of_baseline.and_then(image_differs).map(other(EvidenceCode::ImageDiffers));
    let speculation = of_baseline.and_then(speculation_differs).map(other(EvidenceCode::SpeculationDiffers));
    let context = of_baseline.and_then(context_differs).map(other(EvidenceCode::ContextDiffers));
    [shared, apart, image, precision, speculation, context, images].into_iter().flatten().collect()
}

/// A server container restarted while a trial ran.
pub fn restarted(record: &TrialRecord, variant: &VariantStatus) -> Option<Finding> {
    let deployment = variant.deployments.iter().find(|d| d.number == record.deployment)?;
    let during = |time: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time| {
        (record.start_time..=record.completion_time).contains(&time.0)
    };
    deployment.restarts.iter().find(during).map(|_| {
        Finding::new(EvidenceCode::ServerRestarted, "a server container restarted while the trial ran".to_owned())
    })
}

/// Records of one round come from more than one deployment.
pub fn redeployed(records: &[TrialRecord]) -> Option<Finding> {
    let deployments: BTreeSet<(u32, u32)> = records.iter().map(|of| (of.trial.key.round, of.deployment)).collect();
    let rounds: Vec<u32> = deployments.iter().map(|(round, _)| *round).collect();
    let twice = rounds.windows(2).find(|pair| pair[0] == pair[1])?;
    let message = format!("the variant was deployed again within round {}", twice[0]);
    Some(Finding::new(EvidenceCode::Redeployed, message))
}

fn precision_differs((own, base): (&Deployed, &Deployed)) -> Option<String> {
    let differ = |what: &str, own: &Option<String>, base: &Option<String>| {
        let (own, base) = (own.as_ref()?, base.as_ref()?);
        (family(own) != family(base)).then(|| format!("{what} {own} here and {base} for the baseline"))
    };
    let differences =
        [differ("weights are", &own.weights, &base.weights), differ("the KV cache is", &own.kv_cache, &base.kv_cache)];
    let text = differences.into_iter().flatten().collect::<Vec<_>>().join(", ");
    (!text.is_empty()).then(|| format!("{text}: whether answers are as good was not measured"))
}

/// Where the manifests of a side show none, none is known: engines do not speculate by themselves.
fn speculation_differs((own, base): (&Deployed, &Deployed)) -> Option<String> {
    let is_read = |deployed: &Deployed| deployed.serving_mode.is_some();
    let shown = |deployed: &Deployed| deployed.speculation.clone().unwrap_or_else(|| "none known".into());
    (is_read(own) && is_read(base) && own.speculation != base.speculation).then(|| {
        format!(
            "speculative decoding is {} here and {} for the baseline: its gain with random prompts is not that with real text",
            shown(own),
            shown(base)
        )
    })
}

/// Where a side does not state it, its engine's own default applies, which is not known.
fn context_differs((own, base): (&Deployed, &Deployed)) -> Option<String> {
    let (own, base) = (own.context_length?, base.context_length?);
    (own != base).then(|| format!("requests may have {own} tokens here and {base} for the baseline"))
}

fn image_differs((own, base): (&Deployed, &Deployed)) -> Option<String> {
    let (own, base) = (own.image.as_ref()?, base.image.as_ref()?);
    (own != base).then(|| format!("the engines' image is {own} here and {base} for the baseline"))
}

fn nodes(variant: &VariantStatus) -> BTreeSet<&str> {
    variant.deployed.iter().flat_map(|deployed| &deployed.nodes).map(String::as_str).collect()
}

fn named(nodes: &BTreeSet<&str>) -> String {
    let named = nodes.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
    match nodes.len().checked_sub(MOST_NAMED) {
        Some(more) if more > 0 => format!("{named} and {more} more"),
        _ => named,
    }
}

fn shared_nodes(variant: &VariantStatus, all: &[VariantStatus]) -> Option<String> {
    let own = nodes(variant);
    all.iter().filter(|other| other.name != variant.name).find_map(|other| {
        let shared: BTreeSet<&str> = own.intersection(&nodes(other)).copied().collect();
        let together = beside(variant, other) || beside(other, variant);
        (together && !shared.is_empty()).then(|| {
            let nodes = named(&shared);
            format!("ran on {nodes} together with variant {}: they share everything but the GPUs", other.name)
        })
    })
}

/// Whether the other one's pods had nodes when the variant's got theirs.
fn beside(variant: &VariantStatus, other: &VariantStatus) -> bool {
    variant.deployments.iter().any(|deployment| deployment.beside.contains(&other.name))
}

fn different_nodes(variant: &VariantStatus, baseline: &VariantStatus) -> Option<String> {
    let (own, base) = (nodes(variant), nodes(baseline));
    let differ = !own.is_empty() && !base.is_empty() && own != base;
    let (gpus, base_gpus) = (products(variant), products(baseline));
    let why = if gpus.is_empty() || base_gpus.is_empty() || gpus == base_gpus {
        "nodes of one kind may still differ".to_owned()
    } else {
        format!("GPUs are {} here and {} there", named(&gpus), named(&base_gpus))
    };
    differ.then(|| format!("ran on {}, the baseline on {}: {why}", named(&own), named(&base)))
}

fn products(variant: &VariantStatus) -> BTreeSet<&str> {
    variant.deployed.iter().flat_map(|deployed| &deployed.gpu_products).map(String::as_str).collect()
}

/// One name, two images: a tag that was pushed again between deployments of the variant, or of it and the baseline.
fn image_changed(variant: &VariantStatus, baseline: Option<&VariantStatus>) -> Option<String> {
    let (image, own) = images(variant)?;
    let last = own.last()?;
    if let Some(other) = own.first().filter(|first| *first != last) {
        let (one, another) = (digest(other), digest(last));
        return Some(format!("image {image} was {one} in one deployment and {another} in another"));
    }
    let (base_image, base) = images(baseline?)?;
    let other = base.difference(&own).next().filter(|_| image == base_image)?;
    Some(format!("image {image} was {} here and {} for the baseline", digest(last), digest(other)))
}

/// The image as asked for, and all it resolved to.
fn images(variant: &VariantStatus) -> Option<(&str, BTreeSet<&str>)> {
    let deployed = variant.deployed.as_ref()?;
    let ids = deployed.earlier_image_ids.iter().chain(&deployed.image_id).map(String::as_str);
    Some((deployed.image.as_deref()?, ids.collect()))
}

fn digest(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(_, digest)| digest)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::DeploymentStatus;
    use crate::testing::deployment;

    fn variant(name: &str, role: Role, deployed: Deployed) -> VariantStatus {
        VariantStatus { deployed: Some(deployed), ..VariantStatus::new(name, role) }
    }

    /// What is found about a candidate beside a baseline.
    fn found(own: Deployed, base: Deployed) -> Vec<(EvidenceCode, String)> {
        let all = [variant("old", Role::Baseline, base), variant("new", Role::Candidate, own)];
        findings(&all[1], &all).into_iter().map(|finding| (finding.code, finding.message)).collect()
    }

    fn read() -> Deployed {
        Deployed { serving_mode: Some("aggregated".into()), ..Deployed::default() }
    }

    fn speculating(how: &str) -> Deployed {
        Deployed { speculation: Some(how.into()), ..read() }
    }

    fn taking(tokens: u32) -> Deployed {
        Deployed { context_length: Some(tokens), ..read() }
    }

    #[rstest]
    #[case::one_side(
        speculating("mtp, 3 tokens ahead"),
        read(),
        Some("is mtp, 3 tokens ahead here and none known for")
    )]
    #[case::the_other(read(), speculating("mtp"), Some("is none known here and mtp for the baseline"))]
    #[case::another_way(speculating("mtp"), speculating("eagle"), Some("is mtp here and eagle for the baseline"))]
    #[case::the_same(speculating("mtp"), speculating("mtp"), None)]
    #[case::a_side_that_was_not_read(speculating("mtp"), Deployed::default(), None)]
    fn speculation_is_compared(#[case] own: Deployed, #[case] base: Deployed, #[case] expected: Option<&str>) {
        let found = found(own, base);
        assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
        for ((code, message), expected) in found.iter().zip(expected) {
            assert_eq!(*code, EvidenceCode::SpeculationDiffers);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[rstest]
    #[case::shorter(taking(5500), taking(8192), Some("requests may have 5500 tokens here and 8192 for the baseline"))]
    #[case::the_same(taking(5500), taking(5500), None)]
    #[case::the_engines_default(taking(5500), read(), None)]
    fn the_longest_request_is_compared(#[case] own: Deployed, #[case] base: Deployed, #[case] expected: Option<&str>) {
        let expected: Vec<_> =
            expected.map(|said| (EvidenceCode::ContextDiffers, said.to_owned())).into_iter().collect();
        assert_eq!(found(own, base), expected);
    }

    fn with_weights(weights: &str) -> Deployed {
        Deployed { weights: Some(weights.into()), ..Deployed::default() }
    }

    /// Tools have several names for the same type.
    #[rstest]
    #[case::another(
        with_weights("fp8"),
        with_weights("bfloat16"),
        Some("weights are fp8 here and bfloat16 for the baseline")
    )]
    #[case::another_name(with_weights("bf16"), with_weights("bfloat16"), None)]
    #[case::not_known(with_weights("fp8"), Deployed::default(), None)]
    fn precision_is_compared(#[case] own: Deployed, #[case] base: Deployed, #[case] expected: Option<&str>) {
        let found = found(own, base);
        assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
        for ((code, message), expected) in found.iter().zip(expected) {
            assert_eq!(*code, EvidenceCode::PrecisionDiffers);
            assert!(message.contains(expected), "{message}");
        }
    }

    /// Deployments of a variant on node `n`, each beside one of these.
    fn on_node(name: &str, role: Role, beside: &[&str]) -> VariantStatus {
        let deployed = Deployed { nodes: vec!["n".into()], ..Deployed::default() };
        let of = |other: &&str| DeploymentStatus { beside: vec![(*other).to_owned()], ..deployment() };
        VariantStatus { deployments: beside.iter().map(of).collect(), ..variant(name, role, deployed) }
    }

    /// Both say so, whichever of them got its nodes last.
    #[rstest]
    #[case::the_candidate_came_last(&["old"], &[], true)]
    #[case::the_baseline_came_last(&[], &["new"], true)]
    #[case::in_another_round(&[], &["third", "new"], true)]
    #[case::with_a_third(&["third"], &["third"], false)]
    #[case::one_after_the_other(&[], &[], false)]
    fn nodes_are_shared_by_what_ran_beside_each_other(
        #[case] own: &[&str],
        #[case] base: &[&str],
        #[case] expected: bool,
    ) {
        let all = [on_node("old", Role::Baseline, base), on_node("new", Role::Candidate, own)];
        for variant in &all {
            let found = findings(variant, &all);
            assert_eq!(found.iter().any(|finding| finding.code == EvidenceCode::SharedNodes), expected, "{found:?}");
        }
    }
}
