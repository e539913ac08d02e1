//! Speculative decoding: an engine guesses tokens ahead, so that its speed depends on how many guesses are right.

use serde_json::Value;

use super::script::Script;
use crate::text::one_line;

/// Longest description.
const LONGEST: usize = 63;

/// How vLLM speculates: one flag with JSON, or several.
pub(super) fn of_vllm(script: &Script) -> Option<String> {
    if let Some(settings) = script.flag(&["--speculative-config", "-sc"]) {
        let read = serde_json::from_str::<Value>(settings).ok();
        return read.as_ref().and_then(of_settings).or_else(|| Some("with settings that cannot be read".to_owned()));
    }
    let method = script.flag(&["--speculative-config.method", "--spec-method", "--speculative-model"])?;
    let tokens = ["--speculative-config.num_speculative_tokens", "--spec-tokens", "--num-speculative-tokens"];
    Some(described(method, script.flag(&tokens)))
}

/// How SGLang speculates.
pub(super) fn of_sglang(script: &Script) -> Option<String> {
    let method = script.flag(&["--speculative-algorithm", "--speculative-algo"])?;
    Some(described(method, script.flag(&["--speculative-num-draft-tokens", "--speculative-num-steps"])))
}

/// How settings say it: vLLM's JSON, or the file of TensorRT-LLM.
pub(super) fn of_settings(settings: &Value) -> Option<String> {
    let text = |keys: &[&str]| {
        keys.iter().find_map(|key| match settings.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    let method = text(&["method", "decoding_type", "model", "speculative_model"])?;
    let tokens = text(&["num_speculative_tokens", "max_draft_len", "num_nextn_predict_layers"]);
    Some(described(&method, tokens.as_deref()))
}

fn described(method: &str, tokens: Option<&str>) -> String {
    let tokens = tokens.map(|tokens| format!(", {tokens} tokens ahead")).unwrap_or_default();
    one_line(&format!("{method}{tokens}"), LONGEST)
}
