//! How AIPerf is asked to run one step: program, arguments, environment. Pure.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::api::BenchmarkComparisonSpec;
use crate::measurement::record::Step;

/// Variables that make AIPerf take a tokenizer's path for a repository's name.
const OFFLINE_VARIABLES: [&str; 3] = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"];

/// Flags by which people would measure something else than the records say.
const OWN_FLAGS: [&str; 40] = [
    "-f",
    "-m",
    "-u",
    "--artifact-dir",
    "--benchmark-duration",
    "--cache-bust",
    "--concurrency",
    "--config",
    "--endpoint-type",
    "--export-level",
    "--input-file",
    "--isl",
    "--isl-stddev",
    "--model",
    "--model-names",
    "--num-dataset-entries",
    "--num-profile-runs",
    "--num-prompts",
    "--num-requests",
    "--num-warmup-requests",
    "--osl",
    "--osl-stddev",
    "--output-artifact-dir",
    "--output-tokens-mean",
    "--output-tokens-stddev",
    "--profile-export-level",
    "--prompt-input-tokens-mean",
    "--prompt-input-tokens-stddev",
    "--prompt-output-tokens-mean",
    "--prompt-output-tokens-stddev",
    "--random-seed",
    "--request-count",
    "--request-rate",
    "--request-timeout-seconds",
    "--streaming",
    "--synthetic-input-tokens-mean",
    "--synthetic-input-tokens-stddev",
    "--url",
    "--use-server-token-count",
    "--warmup-request-count",
];

/// Program and first arguments: the command `aiperf`, or else Python's module, whichever is found in `PATH`.
/// `is_program` tells whether a path is an executable file.
pub fn program(path: &OsStr, is_program: impl Fn(&Path) -> bool) -> Option<(PathBuf, &'static [&'static str])> {
    const MODULE: &[&str] = &["-m", "aiperf"];
    [("aiperf", &[][..]), ("python3", MODULE), ("python", MODULE)].into_iter().find_map(|(name, arguments)| {
        let found = std::env::split_paths(path).map(|directory| directory.join(name)).find(|file| is_program(file))?;
        Some((found, arguments))
    })
}

/// The flag among `extra` that the agent sets itself, if there is one.
pub fn contradiction(extra: &[String]) -> Option<&str> {
    let flag = |argument: &str| argument.split('=').next().unwrap_or_default().replace('_', "-");
    extra.iter().map(String::as_str).find(|argument| OWN_FLAGS.contains(&flag(argument).as_str()))
}

/// Arguments of `aiperf` for one step against `url`.
///
/// The workload's lengths are exact, answers are streamed and as long as asked for, token counts are the server's, and
/// no prompt occurs twice: there are as many as requests, and the warm-up's differ from the measured ones.
pub fn arguments(spec: &BenchmarkComparisonSpec, step: &Step, url: &str, artifacts: &Path) -> Vec<String> {
    let mut arguments = vec!["profile".to_owned()];
    let mut push = |flag: &str, value: &str| arguments.extend([flag.to_owned(), value.to_owned()]);
    let output_tokens = spec.workload.output_tokens;

    push("--model", &spec.model.name);
    push("--url", url);
    push("--endpoint-type", "chat");
    push("--tokenizer", tokenizer(spec));
    push("--isl", &spec.workload.input_tokens.to_string());
    push("--isl-stddev", "0");
    push("--osl", &output_tokens.to_string());
    push("--osl-stddev", "0");
    push("--extra-inputs", "ignore_eos:true");
    push("--extra-inputs", &format!("min_tokens:{output_tokens}"));
    push("--concurrency", &step.concurrency.to_string());
    push("--request-count", &step.requests.to_string());
    if step.warmup > 0 {
        push("--warmup-request-count", &step.warmup.to_string());
    }
    push("--num-dataset-entries", &step.requests.saturating_add(step.warmup).to_string());
    push("--random-seed", &step.seed.to_string());
    push("--cache-bust", "warmup-isolation-first-turn");
    push("--request-timeout-seconds", &step.request_timeout_seconds.to_string());
    push(
        "--goodput",
        &format!(
            "time_to_first_token:{} inter_token_latency:{}",
            spec.sla.ttft_milliseconds, spec.sla.tpot_milliseconds
        ),
    );
    push("--export-level", "records");
    push("--ui", "none");
    push("--artifact-dir", &artifacts.to_string_lossy());
    let switches = ["--streaming", "--use-server-token-count", "--no-gpu-telemetry", "--no-server-metrics"];
    arguments.extend(switches.map(str::to_owned));
    arguments.extend(spec.load.extra_arguments.iter().cloned());
    arguments
}

/// Variables the tool must not inherit.
pub fn variables_to_remove(spec: &BenchmarkComparisonSpec) -> &'static [&'static str] {
    if tokenizer(spec).starts_with('/') { &OFFLINE_VARIABLES } else { &[] }
}

fn tokenizer(spec: &BenchmarkComparisonSpec) -> &str {
    spec.load.tokenizer.as_deref().filter(|name| !name.is_empty()).unwrap_or(&spec.model.name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::measurement::record::Purpose;

    fn spec() -> BenchmarkComparisonSpec {
        serde_json::from_value(serde_json::json!({
            "model": {"name": "Qwen/Qwen3-32B"},
            "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
            "workload": {"inputTokens": 4000, "outputTokens": 500},
            "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": "6.5"},
            "runtime": {},
        }))
        .unwrap()
    }

    fn step(warmup: u32) -> Step {
        Step {
            round: 1,
            concurrency: 12,
            purpose: Purpose::Ladder,
            repetition: 1,
            attempt: 1,
            requests: 120,
            warmup,
            seed: 1_234_567_890_123,
            request_timeout_seconds: 600,
        }
    }

    fn value<'a>(arguments: &'a [String], flag: &str) -> Option<&'a str> {
        arguments.iter().position(|argument| argument == flag).map(|place| arguments[place + 1].as_str())
    }

    #[test]
    fn one_step_is_one_command_line() {
        let arguments = arguments(&spec(), &step(24), "http://server:8000", Path::new("/w/level"));
        let expected = "profile --model Qwen/Qwen3-32B --url http://server:8000 --endpoint-type chat \
             --tokenizer Qwen/Qwen3-32B --isl 4000 --isl-stddev 0 --osl 500 --osl-stddev 0 \
             --extra-inputs ignore_eos:true --extra-inputs min_tokens:500 --concurrency 12 --request-count 120 \
             --warmup-request-count 24 --num-dataset-entries 144 --random-seed 1234567890123 \
             --cache-bust warmup-isolation-first-turn --request-timeout-seconds 600 \
             --goodput time_to_first_token:500 inter_token_latency:6.5 --export-level records --ui none \
             --artifact-dir /w/level --streaming --use-server-token-count --no-gpu-telemetry --no-server-metrics";
        assert_eq!(arguments.join(" "), expected);
    }

    #[test]
    fn every_prompt_is_used_once() {
        let arguments = arguments(&spec(), &step(24), "u", Path::new("/w"));
        assert_eq!(value(&arguments, "--num-dataset-entries"), Some("144"));
    }

    #[test]
    fn without_warm_up_none_is_asked_for() {
        let arguments = arguments(&spec(), &step(0), "u", Path::new("/w"));
        assert_eq!(value(&arguments, "--warmup-request-count"), None);
    }

    #[rstest]
    #[case(None, "Qwen/Qwen3-32B", false)]
    #[case(Some(""), "Qwen/Qwen3-32B", false)]
    #[case(Some("org/tokenizer"), "org/tokenizer", false)]
    #[case(Some("/models/tokenizer"), "/models/tokenizer", true)]
    fn a_tokenizer_at_a_path_needs_the_offline_variables_gone(
        #[case] given: Option<&str>,
        #[case] expected: &str,
        #[case] removed: bool,
    ) {
        let mut spec = spec();
        spec.load.tokenizer = given.map(str::to_owned);
        assert_eq!(value(&arguments(&spec, &step(0), "u", Path::new("/w")), "--tokenizer"), Some(expected));
        assert_eq!(variables_to_remove(&spec).contains(&"HF_HUB_OFFLINE"), removed);
    }

    #[rstest]
    #[case(&["--header", "a:b"], None)]
    #[case(&["--workers-max", "8", "--concurrency", "5"], Some("--concurrency"))]
    #[case(&["--request-count=7"], Some("--request-count=7"))]
    #[case(&["--random_seed", "7"], Some("--random_seed"))]
    fn what_the_agent_sets_cannot_be_set_again(#[case] extra: &[&str], #[case] expected: Option<&str>) {
        let extra: Vec<_> = extra.iter().map(|argument| (*argument).to_owned()).collect();
        assert_eq!(contradiction(&extra), expected);
    }

    #[rstest]
    #[case(&["/b/aiperf", "/a/python3"], Some(("/b/aiperf", 0)))]
    #[case(&["/a/python3", "/b/python"], Some(("/a/python3", 2)))]
    #[case(&["/b/python"], Some(("/b/python", 2)))]
    #[case(&[], None)]
    fn the_command_is_found_in_the_path(#[case] files: &[&str], #[case] expected: Option<(&str, usize)>) {
        let found = program(OsStr::new("/a:/b"), |path| files.iter().any(|file| Path::new(file) == path));
        let found = found.map(|(program, arguments)| (program.to_string_lossy().into_owned(), arguments.len()));
        assert_eq!(found, expected.map(|(program, arguments)| (program.to_owned(), arguments)));
    }
}
