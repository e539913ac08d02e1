//! A first comparison for a cluster: what was seen there, in a file with comments.

use super::check::VolumeClaim;
use super::images;
use super::nodes::GpuNode;
use super::systems::system_of;
use crate::text::cut;

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Name of the comparison.
    pub name: String,
    pub namespace: String,
    /// As somebody asked for it.
    pub model: Option<String>,
    /// Nodes with GPUs; `None`: they cannot be read.
    pub nodes: Option<Vec<GpuNode>>,
    /// Images of the runtimes that serve in the namespace.
    pub images: Vec<String>,
    pub claims: Vec<VolumeClaim>,
}

const MODEL: &str = "Qwen/Qwen3-32B";
const IMAGE: &str = "nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:1.3.0";
const SYSTEM: &str = "h200_sxm";

/// The file. It asks for predictions alone: nothing it says holds a GPU.
pub fn comparison(seen: &Seen) -> String {
    let (model, model_note) = match &seen.model {
        Some(model) => (model.as_str(), String::new()),
        None => (MODEL, note("the guide's; write the one you serve")),
    };
    let hardware = hardware(seen.nodes.as_deref());
    let well_formed: Vec<&String> = seen.images.iter().filter(|image| images::problem(image).is_none()).collect();
    let (image, image_note) = match well_formed.as_slice() {
        [] => (IMAGE, "the guide's runtime; write the one you run".to_owned()),
        [only] => (only.as_str(), "serves in this namespace".into()),
        [first, others @ ..] => (first.as_str(), format!("serves in this namespace; so do {} more", others.len())),
    };
    let backend = backend(image).map(|backend| format!("    backend: {backend}\n")).unwrap_or_default();
    format!(
        "\
# A comparison for namespace {namespace}, from what this cluster has. Look at every line that says CHECK.
#   kubectl bcmp check -f FILE     what is still missing
#   kubectl apply -f FILE          predicts, and holds no GPU (see execution.until)
apiVersion: bcmp.dev/v1alpha1
kind: BenchmarkComparison
metadata:
  name: {name}
  namespace: {namespace}
spec:
  model:
    name: {model}{model_note}
{cache}  hardware:
    system: {system}{system_note}
    gpusPerVariant: {gpus}{gpus_note}
{tolerations}  workload:
    inputTokens: 4000{tokens_note}
    outputTokens: 500
  sla:
    ttftMilliseconds: 500{sla_note}
    tpotMilliseconds: 20  # a fraction is a string: \"6.5\"
  runtime:
{backend}    image: {image}{image_note}
  execution:
    until: Predictions  # set to Verdict to measure: that holds GPUs
",
        namespace = seen.namespace,
        name = seen.name,
        cache = cache(&seen.claims),
        system = hardware.system,
        system_note = hardware.system_note,
        gpus = hardware.gpus,
        gpus_note = hardware.gpus_note,
        tolerations = hardware.tolerations,
        tokens_note = note("tokens of your prompts"),
        sla_note = note("the latencies that you promise"),
        image_note = note(&image_note),
    )
}

fn note(text: &str) -> String {
    format!("  # CHECK: {text}")
}

/// The engine that an image's name gives away; `None` for the API's default.
fn backend(image: &str) -> Option<&'static str> {
    let name = image.rsplit('/').next().unwrap_or_default();
    match () {
        () if name.contains("vllm") => Some("vllm"),
        () if name.contains("sglang") => Some("sglang"),
        () => None,
    }
}

struct SampleHardware {
    system: &'static str,
    system_note: String,
    gpus: u32,
    gpus_note: String,
    tolerations: String,
}

/// The kind of node with most GPUs of a system that the predictor knows.
fn hardware(nodes: Option<&[GpuNode]>) -> SampleHardware {
    let all = nodes.unwrap_or_default();
    let system = |node: &GpuNode| system_of(node.product.as_deref()?);
    let known = all.iter().filter(|node| system(node).is_some());
    let Some(best) = known.max_by_key(|node| node.gpus) else {
        let why = match (nodes, all.iter().find_map(|node| node.product.as_deref())) {
            (None, _) => "nodes cannot be read with these rights".to_owned(),
            (_, Some(product)) => {
                format!("the nodes' product is {}; write the predictor's name of it", cut(product, 60))
            }
            (_, None) => "no node has GPUs with a product label".to_owned(),
        };
        let gpus_note = note("GPUs of one node, or of several");
        return SampleHardware {
            system: SYSTEM,
            system_note: note(&why),
            gpus: 8,
            gpus_note,
            tolerations: String::new(),
        };
    };
    let same = all.iter().filter(|node| node.product == best.product);
    let product = cut(best.product.as_deref().unwrap_or_default(), 60);
    let system_note = format!("  # {product} on {} of this cluster's nodes", same.count());
    let gpus_note = format!("  # a node has {}", best.gpus);
    SampleHardware {
        system: system(best).unwrap_or(SYSTEM),
        system_note,
        gpus: best.gpus.max(1),
        gpus_note,
        tolerations: tolerations(best),
    }
}

fn tolerations(node: &GpuNode) -> String {
    let taints = node.taints.iter().filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"));
    let lines: Vec<String> = taints
        .map(|taint| format!("    - {{key: {}, operator: Exists, effect: {}}}\n", taint.key, taint.effect))
        .collect();
    if lines.is_empty() { String::new() } else { format!("    tolerations:  # the nodes' taints\n{}", lines.concat()) }
}

/// Weights on a volume, as a comment: which claim has them, and where, nobody but its owner knows.
fn cache(claims: &[VolumeClaim]) -> String {
    if claims.is_empty() {
        return "    # No PersistentVolumeClaim here: without model.cache each engine downloads the weights.\n".into();
    }
    let listed: Vec<String> = claims
        .iter()
        .take(5)
        .map(|claim| format!("    #   {} ({}, {})\n", claim.name, claim.access_modes.join(" "), claim.size))
        .collect();
    format!(
        "    # Without model.cache each engine downloads the weights. Claims here:\n{}    # path: /models/DIRECTORY\n    # cache: {{claimName: {}, mountPath: /models}}\n",
        listed.concat(),
        claims[0].name
    )
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Taint;

    use super::*;

    fn node(product: &str, gpus: u32) -> GpuNode {
        GpuNode { product: Some(product.into()), gpus, ..GpuNode::default() }
    }

    fn seen() -> Seen {
        Seen { name: "first".into(), namespace: "bench".into(), ..Seen::default() }
    }

    #[test]
    fn what_is_seen_is_written_down() {
        let mut tainted = node("NVIDIA-H100-80GB-HBM3", 8);
        tainted.taints = vec![Taint { key: "nvidia.com/gpu".into(), effect: "NoSchedule".into(), ..Taint::default() }];
        let claim = VolumeClaim {
            name: "models".into(),
            access_modes: vec!["ReadWriteMany".into()],
            size: "1Ti".into(),
            ..VolumeClaim::default()
        };
        let text = comparison(&Seen {
            nodes: Some(vec![node("Tesla-T4", 16), tainted, node("NVIDIA-L40S", 4)]),
            images: vec!["registry.example/vllm-runtime:1.3.0".into()],
            claims: vec![claim],
            model: Some("openai/gpt-oss-20b".into()),
            ..seen()
        });
        for expected in [
            "system: h100_sxm  # NVIDIA-H100-80GB-HBM3 on 1 of this cluster's nodes",
            "gpusPerVariant: 8  # a node has 8",
            "- {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}",
            "backend: vllm",
            "image: registry.example/vllm-runtime:1.3.0  # CHECK: serves in this namespace",
            "# cache: {claimName: models, mountPath: /models}",
            "name: openai/gpt-oss-20b\n",
        ] {
            assert!(text.contains(expected), "no {expected} in\n{text}");
        }
    }

    #[test]
    fn what_is_not_seen_is_to_be_checked() {
        let text = comparison(&seen());
        assert!(text.contains("system: h200_sxm  # CHECK: nodes cannot be read with these rights"), "{text}");
        let text = comparison(&Seen { nodes: Some(vec![node("Tesla-T4", 1)]), ..seen() });
        assert!(text.contains("# CHECK: the nodes' product is Tesla-T4"), "{text}");
    }
}
