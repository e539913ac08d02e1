//! Whether the nodes with GPUs are enough for a comparison, and take its pods.

use k8s_openapi::api::core::v1::{Taint, Toleration};

use super::findings::{CheckOutcome, CheckRow};
use super::systems::system_of;
use crate::api::{BenchmarkComparisonSpec, Mode, SourceKind, Variant};
use crate::manifests::variant::Author;
use crate::report::format::counted;

/// The label by which AIConfigurator's manifests choose nodes.
const PRODUCT: &str = "nvidia.com/gpu.product";
/// The taint, with the value `true`, that they tolerate.
const GPU_TAINT: &str = "nvidia.com/gpu";

#[derive(Clone, Debug, Default, PartialEq)]
pub struct GpuNode {
    pub name: String,
    pub product: Option<String>,
    /// Labels, for node selectors.
    pub labels: std::collections::BTreeMap<String, String>,
    pub gpus: u32,
    pub taints: Vec<Taint>,
    pub unschedulable: bool,
}

pub(super) fn gpus(nodes: &Result<Vec<GpuNode>, String>, subject: Option<&BenchmarkComparisonSpec>) -> CheckRow {
    let nodes = match nodes {
        Ok(nodes) => nodes,
        Err(why) => return CheckRow::unknown("GPUs", why),
    };
    let chosen = |node: &&GpuNode| {
        let selector = subject.map(|spec| &spec.hardware.node_selector);
        selector.is_none_or(|selector| selector.iter().all(|(key, value)| node.labels.get(key) == Some(value)))
    };
    let usable: Vec<&GpuNode> = nodes.iter().filter(|node| !node.unschedulable).filter(chosen).collect();
    let (total, each) = (usable.iter().map(|node| node.gpus).sum::<u32>(), by_product(&usable));
    let Some(spec) = subject else {
        return match total {
            0 => CheckRow::other(
                CheckOutcome::Bad,
                "GPUs",
                "no schedulable node has GPUs",
                "add nodes with GPUs, and their device plugin",
            ),
            _ => CheckRow::good("GPUs", each),
        };
    };
    let (needed, who) = needed(spec);
    let resource = &spec.hardware.gpu_resource_name;
    if total < needed {
        let found = format!("{total} × {resource} on nodes that can be used; {who} up to {needed}");
        return CheckRow::other(
            CheckOutcome::Bad,
            "GPUs",
            found,
            "lower hardware.gpusPerVariant, change hardware.nodeSelector, or add nodes",
        );
    }
    let systems: Vec<&str> = usable.iter().filter_map(|node| system_of(node.product.as_deref()?)).collect();
    if !systems.is_empty() && !systems.contains(&spec.hardware.system.as_str()) {
        let found = format!("{each}; the comparison is about {}", spec.hardware.system);
        let remedy = format!("set hardware.system to {}, or choose nodes with hardware.nodeSelector", systems[0]);
        return CheckRow::other(CheckOutcome::Bad, "GPUs", found, remedy);
    }
    let found = format!("{each}; {who} up to {needed}");
    let is_selected = spec.hardware.node_selector.is_empty() && spec.variants.iter().any(is_generated);
    if is_selected && systems.is_empty() && usable.iter().all(|node| node.product.is_none()) {
        return CheckRow::other(
            CheckOutcome::Warning,
            "GPUs",
            format!("{found}; generated variants select nodes by the label {PRODUCT}, which none has"),
            "install NVIDIA's GPU feature discovery, or set hardware.nodeSelector to a label that the nodes have",
        );
    }
    CheckRow::good("GPUs", found)
}

/// Whether the predictor writes the variant's manifests.
fn is_generated(variant: &Variant) -> bool {
    Author::of(variant.source.kind) == Author::Predictor
}

/// GPUs that are held at a time, and by whom.
pub(super) fn needed(spec: &BenchmarkComparisonSpec) -> (u32, &'static str) {
    let deployed = spec.variants.iter().filter(|variant| variant.source.kind != SourceKind::Endpoint).count();
    let each = spec.hardware.gpus_per_variant;
    match (spec.execution.mode, u32::try_from(deployed)) {
        (Mode::Parallel, Ok(variants @ 2..)) => (each.saturating_mul(variants), "all variants together need"),
        _ => (each, "a variant needs"),
    }
}

/// `2 nodes with 8 × NVIDIA-H200`.
fn by_product(nodes: &[&GpuNode]) -> String {
    let mut kinds: std::collections::BTreeMap<(&str, u32), usize> = std::collections::BTreeMap::new();
    for node in nodes {
        *kinds.entry((node.product.as_deref().unwrap_or("an unlabelled product"), node.gpus)).or_default() += 1;
    }
    let each =
        kinds.iter().map(|((product, gpus), count)| format!("{} with {gpus} × {product}", counted(*count, "node")));
    each.collect::<Vec<_>>().join(", ")
}

/// Taints that keep pods away from nodes with GPUs.
pub(super) fn taints(
    nodes: &Result<Vec<GpuNode>, String>,
    subject: Option<&BenchmarkComparisonSpec>,
) -> Option<CheckRow> {
    let nodes = nodes.as_ref().ok()?;
    let mut tolerations = subject.map(|spec| spec.hardware.tolerations.clone()).unwrap_or_default();
    // Generated manifests have it already.
    if subject
        .is_some_and(|spec| spec.variants.iter().all(|of| is_generated(of) || of.source.kind == SourceKind::Endpoint))
    {
        tolerations.push(Toleration {
            key: Some(GPU_TAINT.into()),
            value: Some("true".into()),
            ..Toleration::default()
        });
    }
    let mut refused: Vec<String> = nodes
        .iter()
        .filter(|node| !node.unschedulable)
        .flat_map(|node| &node.taints)
        .filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"))
        .filter(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint)))
        .map(|taint| match &taint.value {
            Some(value) => format!("{}={value}:{}", taint.key, taint.effect),
            None => format!("{}:{}", taint.key, taint.effect),
        })
        .collect();
    refused.sort_unstable();
    refused.dedup();
    (!refused.is_empty()).then(|| {
        let found = format!("GPU nodes carry {}", refused.join(", "));
        CheckRow::other(
            CheckOutcome::Warning,
            "taints",
            found,
            "add them to hardware.tolerations, unless an admission plugin does",
        )
    })
}

pub(super) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_ref().is_none_or(|effect| *effect == taint.effect);
    let exists = toleration.operator.as_deref() == Some("Exists");
    let key = match &toleration.key {
        Some(key) => *key == taint.key,
        None => exists,
    };
    effect
        && key
        && (exists || toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default())
}
