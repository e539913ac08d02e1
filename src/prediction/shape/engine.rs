//! The settings of an inference engine, from the flags and files it is started with.

use super::error::ShapeError;
use super::launch::{Duty, Launch};
use super::model::{self, HubModel};
use super::script::Script;
use super::setting::Setting;
use super::settings_file::{self, SettingsFile, TENSOR_PARALLEL};
use super::speculation;
use crate::api::Backend;

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
    /// How the engine guesses tokens ahead, where it does.
    pub speculation: Option<String>,
    /// Whether prompts that begin alike share their KV cache, where that is stated.
    pub prefix_caching: Option<bool>,
    /// Tokens that a request may have, where that is stated as a number.
    pub context_length: Option<u32>,
}

/// An engine, with the role its own flags give it.
#[derive(Debug)]
pub(super) struct ReadEngine {
    pub backend: Backend,
    pub work: Option<Duty>,
    /// Its model, where the command names one of a hub.
    pub model: Option<HubModel>,
    pub readings: Readings,
}

impl ReadEngine {
    /// The engine that a container starts, if it is a known one.
    pub(super) fn of(launch: &Launch) -> Result<Option<Self>, ShapeError> {
        let mut script = Script::of(&launch.command, &launch.environment, &launch.files);
        let starts = |names: &[&str]| script.words.iter().any(|word| names.contains(&word.as_str()));
        let after = |tool: &str, verb: &str| {
            let program = |word: &String| word.rsplit('/').next() == Some(tool);
            script.words.iter().zip(script.words.iter().skip(1)).any(|(a, b)| program(a) && b == verb)
        };
        let (backend, readings) = if starts(&["dynamo.trtllm", "trtllm-serve", "tensorrt_llm.commands.serve"]) {
            (Backend::Trtllm, tensorrt_llm(launch, &script)?)
        } else if starts(&["dynamo.vllm", "vllm.entrypoints.openai.api_server"]) || after("vllm", "serve") {
            let elsewhere = settings_file::put_before(launch, &mut script)?;
            (Backend::Vllm, vllm(&script).beside(elsewhere))
        } else if starts(&["dynamo.sglang", "sglang.launch_server"]) || after("sglang", "serve") {
            let elsewhere = settings_file::put_before(launch, &mut script)?;
            (Backend::Sglang, sglang(&script).beside(elsewhere))
        } else {
            return Ok(None);
        };
        Ok(Some(Self { backend, work: work(&script), model: model::of(&script), readings }))
    }
}

impl Readings {
    /// What was read beside a file that the manifests do not hold: what is absent may be in there.
    fn beside(self, elsewhere: Option<String>) -> Self {
        let unread = elsewhere.map_or(Setting::Absent, |path| Setting::Unreadable(settings_file::elsewhere(&path)));
        Self { tensor_parallel: self.tensor_parallel.or(unread), ..self }
    }
}

fn work(script: &Script) -> Option<Duty> {
    match script.flag(&["--disaggregation-mode"]) {
        Some("prefill") => return Some(Duty::Prefill),
        Some("decode") => return Some(Duty::Decode),
        _ => {}
    }
    if script.has("--is-prefill-worker") {
        return Some(Duty::Prefill);
    }
    script.has("--is-decode-worker").then_some(Duty::Decode)
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

/// Data parallelism as vLLM's documents define it: in models with experts, all ranks form one engine, whose expert
/// layers are split over tensor × data parallel GPUs, as tensors or, with expert parallelism, by experts. In models
/// without, the ranks share nothing, and an engine of several ranks is estimated like as many engines.
fn vllm(script: &Script) -> Readings {
    let ranks = count(script, &["--data-parallel-size", "-dp"]);
    let tensor_parallel = count(script, &["--tensor-parallel-size", "-tp"]);
    let gpus = tensor_parallel.value().unwrap_or(&1).saturating_mul(*ranks.value().unwrap_or(&1));
    let expert_parallel =
        script.switch("--enable-expert-parallel", "--no-enable-expert-parallel") == Some(true) || script.has("-ep");
    let experts = |count: u32| if expert_parallel { Setting::Read(count) } else { Setting::Absent };
    Readings {
        moe_expert_parallel: experts(gpus),
        moe_tensor_parallel: experts(1),
        tensor_parallel,
        pipeline_parallel: count(script, &["--pipeline-parallel-size", "-pp"]),
        data_parallel: ranks,
        max_batch_size: count(script, &["--max-num-seqs"]),
        max_num_tokens: count(script, &["--max-num-batched-tokens"]),
        chunked_prefill: !script.has("--no-enable-chunked-prefill"),
        kv_cache_fraction: fraction(script, &["--gpu-memory-utilization"]),
        weights: word(script, &["--quantization", "-q"]).or(word(script, &["--dtype"])),
        kv_cache: word(script, &["--kv-cache-dtype"]),
        speculation: speculation::of_vllm(script),
        prefix_caching: script.switch("--enable-prefix-caching", "--no-enable-prefix-caching"),
        context_length: count(script, &["--max-model-len"]).value().copied(),
        ..Readings::default()
    }
}

/// Data parallelism as SGLang's documents define it: engines of their own, unless attention is data parallel. Then the
/// tensor-parallel GPUs are divided into groups, which share the limits of requests and of prefill chunks.
fn sglang(script: &Script) -> Readings {
    let ways = count(script, &["--data-parallel-size", "--dp-size", "--dp"]);
    let shared = script.has("--enable-dp-attention");
    let groups = if shared { *ways.value().unwrap_or(&1) } else { 1 };
    let tensor_parallel = count(script, &["--tensor-parallel-size", "--tp-size", "--tp"]);
    let experts = count(script, &["--expert-parallel-size", "--ep-size", "--ep"]);
    // DeepEP distributes experts over all GPUs, whatever else is set.
    let experts = match (script.flag(&["--moe-a2a-backend"]), &tensor_parallel) {
        (Some("deepep"), Setting::Read(gpus)) => Setting::Read(*gpus),
        _ if script.has("--enable-deepep-moe") => tensor_parallel.clone(),
        _ => experts,
    };
    let split = match (&tensor_parallel, &experts) {
        (Setting::Read(gpus), Setting::Read(experts)) => Setting::Read((gpus / experts).max(1)),
        _ => Setting::Absent,
    };
    let chunk = script.flag(&["--chunked-prefill-size"]);
    Readings {
        tensor_parallel,
        pipeline_parallel: count(script, &["--pipeline-parallel-size", "--pp-size", "--pp"]),
        data_parallel: if shared { ways.clone() } else { Setting::Absent },
        groups_share_tensor_parallel: shared,
        copies: if shared { Setting::Absent } else { ways },
        moe_expert_parallel: experts,
        moe_tensor_parallel: split,
        max_batch_size: count(script, &["--max-running-requests"]).divided_by(groups),
        max_num_tokens: match chunk {
            Some("-1") | None => count(script, &["--max-prefill-tokens"]),
            Some(_) => count(script, &["--chunked-prefill-size"]).divided_by(groups),
        },
        chunked_prefill: chunk != Some("-1"),
        kv_cache_fraction: fraction(script, &["--mem-fraction-static"]),
        weights: word(script, &["--quantization"]).or(word(script, &["--dtype"])),
        kv_cache: word(script, &["--kv-cache-dtype"]),
        speculation: speculation::of_sglang(script),
        prefix_caching: script.has("--disable-radix-cache").then_some(false),
        context_length: count(script, &["--context-length"]).value().copied(),
    }
}

/// Flags come first, the engine file replaces them, overrides replace both.
fn tensorrt_llm(launch: &Launch, script: &Script) -> Result<Readings, ShapeError> {
    let file = match script.flag(&["--extra-engine-args", "--extra_llm_api_options", "--config"]) {
        None => None,
        Some(path) => Some(SettingsFile::at(launch, script, path)?),
    };
    let overrides = match script.flag(&["--override-engine-args"]) {
        None => None,
        Some(text) => Some(SettingsFile::of(launch, "--override-engine-args", text)?),
    };
    let layers: Vec<&SettingsFile> = overrides.iter().chain(&file).collect();
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
        speculation: layers.iter().find_map(|file| file.get("/speculative_config")).and_then(speculation::of_settings),
        prefix_caching: layers.iter().find_map(|file| file.truth("/kv_cache_config/enable_block_reuse")),
        context_length: number(&["/max_seq_len", "/build_config/max_seq_len"], &["--max-seq-len", "--max_seq_len"])
            .value()
            .copied(),
    })
}
