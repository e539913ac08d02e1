//! Manifests of generated variants: what AIConfigurator writes, without what only real engines need.

use serde_json::json;

use crate::api::Backend;
use crate::prediction::Workers;

/// The manifests of a deployment with these workers, as YAML; `None` where they cannot be written.
pub fn graph(backend: Backend, image: &str, model: &str, workers: &Workers) -> Option<String> {
    let frontend = json!({"image": image, "command": ["python3", "-m", "dynamo.frontend"]});
    let worker = json!({
        "image": image,
        "command": ["python3", "-m", module(backend)], "args": arguments(backend, model, workers),
    });
    let graph = json!({
        "apiVersion": "nvidia.com/v1alpha1", "kind": "DynamoGraphDeployment", "metadata": {"name": "agg"},
        "spec": {"services": {
            "Frontend": {"componentType": "frontend", "replicas": 1, "extraPodSpec": {"mainContainer": frontend}},
            "Worker": {
                "componentType": "worker", "replicas": workers.replicas, "extraPodSpec": {"mainContainer": worker},
                "resources": {"limits": {"gpu": workers.gpus_per_replica().to_string()}},
            },
        }},
    });
    serde_saphyr::to_string(&graph).ok()
}

const fn module(backend: Backend) -> &'static str {
    match backend {
        Backend::Trtllm => "dynamo.trtllm",
        Backend::Vllm => "dynamo.vllm",
        Backend::Sglang => "dynamo.sglang",
    }
}

/// Whole prompts in each step, and as many requests and tokens as the workers take.
fn arguments(backend: Backend, model: &str, workers: &Workers) -> Vec<String> {
    let (tensor_parallel, batch, tokens, more): (_, _, _, &[&str]) = match backend {
        Backend::Trtllm => ("--tensor-parallel-size", "--max-batch-size", "--max-num-tokens", &[]),
        Backend::Vllm => {
            ("--tensor-parallel-size", "--max-num-seqs", "--max-num-batched-tokens", &["--no-enable-chunked-prefill"])
        }
        Backend::Sglang => {
            ("--tp-size", "--max-running-requests", "--max-prefill-tokens", &["--chunked-prefill-size", "-1"])
        }
    };
    let mut arguments = vec!["--model-path".to_owned(), model.to_owned()];
    arguments.extend([tensor_parallel.to_owned(), workers.tensor_parallel.to_string()]);
    let limits = [(batch, workers.max_batch_size), (tokens, workers.max_num_tokens)];
    for (flag, limit) in limits.into_iter().filter_map(|(flag, limit)| Some((flag, limit?))) {
        arguments.extend([flag.to_owned(), limit.to_string()]);
    }
    arguments.extend(more.iter().map(|word| (*word).to_owned()));
    arguments
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::Value;

    use super::*;
    use crate::prediction::{Serving, read_backend, read_shape};

    #[rstest]
    #[case(Backend::Trtllm)]
    #[case(Backend::Vllm)]
    #[case(Backend::Sglang)]
    fn what_is_written_is_read_back(#[case] backend: Backend) {
        let workers = Workers { max_batch_size: Some(12), max_num_tokens: Some(4512), ..Workers::new(4, 1, 2) };
        let text = graph(backend, "registry.example/runtime:1.3.0", "Qwen/Qwen3-32B", &workers).unwrap();
        let objects: Vec<Value> = vec![serde_saphyr::from_str(&text).unwrap()];
        let Serving::Aggregated { workers: read } = read_shape(&objects, 8, None).unwrap().serving else { panic!() };
        assert_eq!((read_backend(&objects), read), (Some(backend), workers));
    }
}
