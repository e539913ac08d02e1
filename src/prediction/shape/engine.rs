//! The settings of an inference engine, from the flags and files it is started with.

use serde_json::Value;

use super::error::ShapeError;
use super::launch::{Launch, Work};
use super::script::Script;
use crate::api::Backend;

/// Key of TensorRT-LLM's settings that must be known.
const TENSOR_PARALLEL: &str = "/tensor_parallel_size";

/// A setting as it stands in the manifests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Setting<T> {
    /// Absent: the engine's default applies.
    #[default]
    Absent,
    /// Present.
    Read(T),
    /// Present, but not readable; why.
    Unreadable(String),
}

impl<T> Setting<T> {
    pub(super) fn value(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            _ => None,
        }
    }

    /// The first of both that is there.
    fn or(self, other: Self) -> Self {
        if matches!(self, Self::Absent) { other } else { self }
    }
}

/// Everything read of one engine.
#[derive(Debug, Default)]
pub(super) struct Readings {
    pub tensor_parallel: Setting<u32>,
    pub pipeline_parallel: Setting<u32>,
    /// Groups that attend to their own requests.
    pub data_parallel: Setting<u32>,
    /// Whether those groups are cut out of the tensor-parallel GPUs, or come on top.
    pub groups_share_tensor_parallel: bool,
    /// Independent engines in one worker.
    pub copies: Setting<u32>,
    pub moe_tensor_parallel: Setting<u32>,
    pub moe_expert_parallel: Setting<u32>,
    pub max_batch_size: Setting<u32>,
    pub max_num_tokens: Setting<u32>,
    pub chunked_prefill: bool,
    pub kv_cache_fraction: Option<f64>,
    pub weights: Setting<String>,
    pub kv_cache: Setting<String>,
}

/// An engine, with the role its own flags give it.
#[derive(Debug)]
pub(super) struct Engine {
    pub backend: Backend,
    pub work: Option<Work>,
    pub readings: Readings,
}

impl Engine {
    /// The engine that a container starts, if it is a known one.
    pub(super) fn of(launch: &Launch) -> Result<Option<Self>, ShapeError> {
        let script = Script::of(&launch.command, &launch.environment);
        let starts = |names: &[&str]| script.words.iter().any(|word| names.contains(&word.as_str()));
        let after = |tool: &str, verb: &str| {
            let program = |word: &String| word.rsplit('/').next() == Some(tool);
            script.words.iter().zip(script.words.iter().skip(1)).any(|(a, b)| program(a) && b == verb)
        };
        let (backend, readings) = if starts(&["dynamo.trtllm", "trtllm-serve"]) {
            (Backend::Trtllm, tensorrt_llm(launch, &script)?)
        } else if starts(&["dynamo.vllm", "vllm.entrypoints.openai.api_server"]) || after("vllm", "serve") {
            (Backend::Vllm, vllm(&script))
        } else if starts(&["dynamo.sglang", "sglang.launch_server"]) || after("sglang", "serve") {
            (Backend::Sglang, sglang(&script))
        } else {
            return Ok(None);
        };
        Ok(Some(Self { backend, work: work(&script), readings }))
    }
}

fn work(script: &Script) -> Option<Work> {
    match script.flag(&["--disaggregation-mode"]) {
        Some("prefill") => return Some(Work::Prefill),
        Some("decode") => return Some(Work::Decode),
        _ => {}
    }
    if script.has("--is-prefill-worker") {
        return Some(Work::Prefill);
    }
    script.has("--is-decode-worker").then_some(Work::Decode)
}

fn count(script: &Script, names: &[&str]) -> Setting<u32> {
    match script.flag(names) {
        None => Setting::Absent,
        Some(text) => match text.parse::<u32>() {
            Ok(number) if number > 0 => Setting::Read(number),
            _ => Setting::Unreadable(format!("{} is `{text}`, which is not a whole number", names.join(" or "))),
        },
    }
}

fn word(script: &Script, names: &[&str]) -> Setting<String> {
    match script.flag(names) {
        // `auto` stands for the checkpoint's type, which is not in the manifests.
        None | Some("auto" | "") => Setting::Absent,
        Some(text) => Setting::Read(text.to_owned()),
    }
}

fn fraction(script: &Script, names: &[&str]) -> Option<f64> {
    script.flag(names)?.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0)
}

fn vllm(script: &Script) -> Readings {
    let ways = count(script, &["--data-parallel-size", "-dp"]);
    let expert_parallel = script.has("--enable-expert-parallel");
    let tensor_parallel = count(script, &["--tensor-parallel-size", "-tp"]);
    Readings {
        moe_expert_parallel: match (expert_parallel, tensor_parallel.value(), ways.value()) {
            (false, ..) => Setting::Absent,
            (true, tensor, ways) => {
                Setting::Read(tensor.copied().unwrap_or(1).saturating_mul(ways.copied().unwrap_or(1)))
            }
        },
        tensor_parallel,
        pipeline_parallel: count(script, &["--pipeline-parallel-size", "-pp"]),
        // Without expert parallelism each way is an engine of its own.
        data_parallel: if expert_parallel { ways.clone() } else { Setting::Absent },
        copies: if expert_parallel { Setting::Absent } else { ways },
        max_batch_size: count(script, &["--max-num-seqs"]),
        max_num_tokens: count(script, &["--max-num-batched-tokens"]),
        chunked_prefill: !script.has("--no-enable-chunked-prefill"),
        kv_cache_fraction: fraction(script, &["--gpu-memory-utilization"]),
        weights: word(script, &["--quantization", "-q"]).or(word(script, &["--dtype"])),
        kv_cache: word(script, &["--kv-cache-dtype"]),
        ..Readings::default()
    }
}

fn sglang(script: &Script) -> Readings {
    let ways = count(script, &["--data-parallel-size", "--dp-size", "--dp"]);
    let shared = script.has("--enable-dp-attention");
    let chunk = script.flag(&["--chunked-prefill-size"]);
    Readings {
        tensor_parallel: count(script, &["--tensor-parallel-size", "--tp-size", "--tp"]),
        pipeline_parallel: count(script, &["--pipeline-parallel-size", "--pp-size", "--pp"]),
        data_parallel: if shared { ways.clone() } else { Setting::Absent },
        groups_share_tensor_parallel: shared,
        copies: if shared { Setting::Absent } else { ways },
        moe_expert_parallel: count(script, &["--expert-parallel-size", "--ep-size", "--ep"]),
        max_batch_size: count(script, &["--max-running-requests"]),
        max_num_tokens: match chunk {
            Some("-1") | None => count(script, &["--max-prefill-tokens"]),
            Some(_) => count(script, &["--chunked-prefill-size"]),
        },
        chunked_prefill: chunk != Some("-1"),
        kv_cache_fraction: fraction(script, &["--mem-fraction-static"]),
        weights: word(script, &["--quantization"]).or(word(script, &["--dtype"])),
        kv_cache: word(script, &["--kv-cache-dtype"]),
        ..Readings::default()
    }
}

/// Flags come first, the engine file replaces them, overrides replace both.
fn tensorrt_llm(launch: &Launch, script: &Script) -> Result<Readings, ShapeError> {
    let file = match script.flag(&["--extra-engine-args", "--extra_llm_api_options", "--config"]) {
        None => None,
        Some(path) => Some(engine_file(launch, script, path)?),
    };
    let overrides = match script.flag(&["--override-engine-args"]) {
        None => None,
        Some(text) => Some(yaml(launch, "--override-engine-args", text)?),
    };
    let layers: Vec<&EngineFile> = overrides.iter().chain(&file).collect();
    let number = |keys: &[&str], flags: &[&str]| {
        let of_files = layers.iter().map(|file| file.count(keys)).fold(Setting::Absent, Setting::or);
        of_files.or(count(script, flags))
    };
    let text = |keys: &[&str]| layers.iter().map(|file| file.word(keys)).fold(Setting::Absent, Setting::or);
    let switch =
        |key: &str, flag: &str| layers.iter().find_map(|file| file.truth(key)).unwrap_or_else(|| script.has(flag));
    let tensor_parallel = number(&[TENSOR_PARALLEL], &["--tensor-parallel-size", "--tp_size"]);
    let share = layers.iter().find_map(|file| file.fraction("/kv_cache_config/free_gpu_memory_fraction"));
    let share_flags = ["--free-gpu-memory-fraction", "--kv_cache_free_gpu_memory_fraction"];
    let attention_groups = switch("/enable_attention_dp", "--enable-attention-dp");
    Ok(Readings {
        data_parallel: if attention_groups { tensor_parallel.clone() } else { Setting::Absent },
        groups_share_tensor_parallel: attention_groups,
        tensor_parallel,
        pipeline_parallel: number(&["/pipeline_parallel_size"], &["--pipeline-parallel-size", "--pp_size"]),
        copies: Setting::Absent,
        moe_tensor_parallel: number(&["/moe_tensor_parallel_size"], &[]),
        moe_expert_parallel: number(&["/moe_expert_parallel_size"], &["--expert-parallel-size", "--ep_size"]),
        // Up to 1.1 these two stand below build_config.
        max_batch_size: number(
            &["/max_batch_size", "/build_config/max_batch_size"],
            &["--max-batch-size", "--max_batch_size"],
        ),
        max_num_tokens: number(
            &["/max_num_tokens", "/build_config/max_num_tokens"],
            &["--max-num-tokens", "--max_num_tokens"],
        ),
        chunked_prefill: switch("/enable_chunked_prefill", "--enable-chunked-prefill"),
        kv_cache_fraction: share.or_else(|| fraction(script, &share_flags)),
        weights: text(&["/quant_config/quant_algo", "/dtype"]),
        kv_cache: text(&["/kv_cache_config/dtype", "/kv_cache_dtype", "/quant_config/kv_cache_quant_algo"]),
    })
}

/// The settings in TensorRT-LLM's own file, or why they are not known.
enum EngineFile {
    Settings(Value),
    /// In the image, where manifests do not show it.
    Elsewhere(String),
}

fn engine_file(launch: &Launch, script: &Script, path: &str) -> Result<EngineFile, ShapeError> {
    match script.files.get(path).or_else(|| launch.files.get(path)) {
        Some(content) => yaml(launch, path, content),
        None => Ok(EngineFile::Elsewhere(path.to_owned())),
    }
}

fn yaml(launch: &Launch, name: &str, content: &str) -> Result<EngineFile, ShapeError> {
    let read = serde_saphyr::from_str::<Value>(content).map_err(|error| error.to_string());
    match read {
        Ok(settings) if settings.is_object() => Ok(EngineFile::Settings(settings)),
        Ok(_) => Err("has no settings by name".to_owned()),
        Err(error) => Err(format!("is not YAML: {error}")),
    }
    .map_err(|problem| ShapeError::Field {
        object: launch.object.clone(),
        field: launch.field.clone(),
        problem: format!("the engine's settings in {name}: {problem}"),
    })
}

impl EngineFile {
    fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Settings(settings) => settings.pointer(key).filter(|value| !value.is_null()),
            Self::Elsewhere(_) => None,
        }
    }

    fn count(&self, keys: &[&str]) -> Setting<u32> {
        if let Self::Elsewhere(path) = self
            && keys.contains(&TENSOR_PARALLEL)
        {
            // Nothing can be predicted without it; the other settings have defaults or may stay unknown.
            return Setting::Unreadable(format!("the engine's settings are in {path}, which is not in the manifests"));
        }
        let Some((key, value)) = keys.iter().find_map(|key| Some((key, self.get(key)?))) else {
            return Setting::Absent;
        };
        match value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0) {
            Some(number) => Setting::Read(number),
            None => {
                Setting::Unreadable(format!("{} is {value}, which is not a whole number", key.trim_start_matches('/')))
            }
        }
    }

    fn word(&self, keys: &[&str]) -> Setting<String> {
        let found = keys.iter().find_map(|key| self.get(key)).and_then(Value::as_str);
        found.filter(|text| !["auto", ""].contains(text)).map_or(Setting::Absent, |text| Setting::Read(text.into()))
    }

    fn truth(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Value::as_bool)
    }

    fn fraction(&self, key: &str) -> Option<f64> {
        self.get(key).and_then(Value::as_f64).filter(|share| *share > 0.0 && *share <= 1.0)
    }
}
