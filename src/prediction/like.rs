//! Like with like: whether a prediction is for the model, the GPUs and the engine of a comparison.

use super::row::Row;
use crate::api::Backend;

/// What a row of a predictor was computed for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowSubject {
    /// Model, as the tool calls it.
    pub model: Option<String>,
    /// GPU systems of its engines.
    pub systems: Vec<String>,
    /// Tokens of each prompt that were assumed to be in a cache.
    pub cached_tokens: u32,
}

/// What a comparison is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Like<'a> {
    /// Names the model may have: that of the server, and the path of its weights.
    pub models: [Option<&'a str>; 2],
    /// The predictor's name of the GPU system.
    pub system: &'a str,
    /// The engine, where it is known.
    pub backend: Option<Backend>,
}

/// Why a row is not for a comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unlike {
    #[error(
        "is for the model {found}, the comparison's is {expected}: run the predictor for that, or set predictor.model to what its tables call the model"
    )]
    Model { found: String, expected: String },
    #[error(
        "is for the GPU system {found}, the comparison's is {expected}: run the predictor for that (aiconfigurator's --system, \
         AISimulate's engine.hardware)"
    )]
    System { found: String, expected: String },
    #[error(
        "is for the engine {found}, the variant's is {expected}: run the predictor for that (aiconfigurator's --backend, \
         AISimulate's engine.backend), or correct runtime.backend"
    )]
    Backend { found: String, expected: &'static str },
    #[error(
        "is for prompts of which {0} tokens are in a cache, but the comparison's prompts never repeat: run the predictor \
         without cached prompts (aiconfigurator's --prefix, AISimulate's cached_prefix_tokens)"
    )]
    CachedPrompts(u32),
    #[error(
        "is for speculative decoding (nextn {0}), which random prompts do not accept as text does: run the predictor \
         without it (aiconfigurator's --nextn, AISimulate's engine.speculation)"
    )]
    Speculation(u32),
}

impl Like<'_> {
    /// Why a row is of another subject, if it is.
    pub fn differs(&self, row: &Row, subject: &RowSubject) -> Option<Unlike> {
        let names = || self.models.iter().flatten();
        if let Some(model) = &subject.model
            && !names().any(|name| same_model(model, name))
        {
            let expected = names().next().map_or_else(String::new, |name| (*name).to_owned());
            return Some(Unlike::Model { found: model.clone(), expected });
        }
        if let Some(other) = subject.systems.iter().find(|system| *system != self.system) {
            return Some(Unlike::System { found: other.clone(), expected: self.system.to_owned() });
        }
        if let (Some(found), Some(backend)) = (&row.backend, self.backend)
            && found != backend.as_str()
        {
            return Some(Unlike::Backend { found: found.clone(), expected: backend.as_str() });
        }
        (subject.cached_tokens > 0).then_some(Unlike::CachedPrompts(subject.cached_tokens))
    }
}

/// Words at the end of a checkpoint's name that tell its types, which are compared by themselves.
const TYPES: [&str; 15] = [
    "fp8",
    "fp4",
    "nvfp4",
    "mxfp4",
    "bf16",
    "fp16",
    "int8",
    "int4",
    "awq",
    "gptq",
    "w8a8",
    "w4a16",
    "static",
    "dynamic",
    "quantized",
];

/// Whether two names are of one model: `QWEN3_32B`, `Qwen/Qwen3-32B` and `/models/Qwen3-32B-FP8` are.
pub fn same_model(one: &str, other: &str) -> bool {
    base(one) == base(other)
}

fn base(name: &str) -> String {
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let mut words: Vec<&str> = last.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').collect();
    while words.len() > 1 && words.last().is_some_and(|word| TYPES.contains(word)) {
        words.pop();
    }
    words.concat()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("QWEN3_32B", "Qwen/Qwen3-32B", true)]
    #[case("Qwen/Qwen3-32B-FP8", "Qwen/Qwen3-32B", true)]
    #[case("nvidia/DeepSeek-R1-NVFP4", "/models/DeepSeek-R1/", true)]
    #[case("RedHatAI/Qwen3-32B-FP8-dynamic", "Qwen/Qwen3-32B", true)]
    #[case("Qwen/Qwen3-8B", "Qwen/Qwen3-32B", false)]
    #[case("Qwen/Qwen3-32B-Instruct", "Qwen/Qwen3-32B", false)]
    #[case("meta-llama/Llama-3.1-70B", "meta-llama/Llama-3.3-70B", false)]
    fn models_are_known_by_their_names(#[case] one: &str, #[case] other: &str, #[case] same: bool) {
        assert_eq!(same_model(one, other), same);
    }
}
