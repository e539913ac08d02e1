//! How AIPerf is called for one trial: program, arguments, environment. Pure.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::api::{BenchmarkComparisonSpec, Sla};
use crate::measurement::record::TrialPlan;
use crate::plan::secrets::expanded;

/// Variables that make AIPerf take a tokenizer's path for a repository's name.
const OFFLINE_VARIABLES: [&str; 3] = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"];

/// Flags that take a value and that people may add: how the tool reaches and identifies itself to the server, its own
/// processes, its tokenizer, its log. None changes the load or what is recorded of it. A flag that is not known here might,
/// so it is refused.
const SETTINGS: [&str; 16] = [
    "--api-key",
    "--connection-reuse-strategy",
    "--gpu-telemetry",
    "--header",
    "--log-level",
    "--max-workers",
    "--record-processor-service-count",
    "--record-processors",
    "--tokenizer-revision",
    "--transport",
    "--transport-type",
    "--wait-for-model-interval",
    "--wait-for-model-mode",
    "--wait-for-model-timeout",
    "--workers-max",
    "-H",
];
/// The same that take no value.
const SWITCHES: [&str; 6] =
    ["--extra-verbose", "--tokenizer-trust-remote-code", "--use-legacy-max-tokens", "--verbose", "-v", "-vv"];

/// Program and first arguments: the command `aiperf`, or else Python's module, whichever is found in `PATH`.
/// `is_program` decides whether a path is an executable file.
pub fn program(path: &OsStr, is_program: impl Fn(&Path) -> bool) -> Option<(PathBuf, &'static [&'static str])> {
    const MODULE: &[&str] = &["-m", "aiperf"];
    [("aiperf", &[][..]), ("python3", MODULE), ("python", MODULE)].into_iter().find_map(|(name, arguments)| {
        let found = std::env::split_paths(path).map(|directory| directory.join(name)).find(|file| is_program(file))?;
        Some((found, arguments))
    })
}

/// The first of `extra` that must not be given, with what may be. A value may be a secret: its place is named instead.
pub fn refused(extra: &[String]) -> Option<String> {
    // Values that the flag before still takes: headers and telemetry may have several.
    let mut values = 0_usize;
    for (index, argument) in extra.iter().enumerate() {
        let (flag, own_value) =
            argument.split_once('=').map_or((argument.as_str(), None), |(flag, value)| (flag, Some(value)));
        let is_value = !argument.starts_with('-') && values > 0;
        let is_setting = SETTINGS.contains(&flag);
        let is_switch = SWITCHES.contains(&flag) && own_value.is_none();
        if !(is_value || is_setting || is_switch) {
            let place = format!("item {}, a value that belongs to no flag", index + 1);
            let named = if argument.starts_with('-') { flag } else { &place };
            return Some(format!(
                "{named}: remove it, because it may change the load or is set from other fields; allowed are {}, {}",
                SETTINGS.join(", "),
                SWITCHES.join(", ")
            ));
        }
        values = match (is_value, is_setting && own_value.is_none()) {
            (true, _) => values - 1,
            (false, true) if ["--gpu-telemetry", "--header", "-H"].contains(&flag) => usize::MAX,
            (false, true) => 1,
            (false, false) => 0,
        };
    }
    None
}

/// `load.extraArguments` with the variables of `load.env` that they refer to; `value` knows those of the container.
///
/// # Errors
/// A value would be taken for a flag, which nobody has allowed.
pub fn extra(spec: &BenchmarkComparisonSpec, value: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, String> {
    let given = |name: &str| spec.load.env.iter().any(|variable| variable.name == name);
    let expand = |argument: &String| {
        let text = expanded(argument, |name| value(name).filter(|_| given(name)));
        if text.starts_with('-') && !argument.starts_with('-') {
            return Err(format!(
                "{argument} begins with a dash once it is expanded; write it behind its flag: --flag={argument}"
            ));
        }
        Ok(text)
    };
    spec.load.extra_arguments.iter().map(expand).collect()
}

/// Arguments of `aiperf` for one trial against `url`; `extra`: see [`extra`].
///
/// The workload's lengths are exact, answers are streamed and as long as requested, token counts are the server's, and
/// no prompt occurs twice: there are as many as requests, and the warm-up's differ from the measured ones.
pub fn arguments(
    spec: &BenchmarkComparisonSpec,
    trial: &TrialPlan,
    url: &str,
    artifacts: &Path,
    extra: &[String],
) -> Vec<String> {
    let mut arguments = vec!["profile".to_owned()];
    let mut push = |flag: &str, value: &str| arguments.extend([flag.to_owned(), value.to_owned()]);
    let output_tokens = spec.workload.output_tokens;

    push("--model", spec.model.served_name());
    push("--url", url);
    push("--endpoint-type", "chat");
    push("--tokenizer", tokenizer(spec));
    push("--isl", &spec.workload.input_tokens.to_string());
    push("--isl-stddev", "0");
    push("--osl", &output_tokens.to_string());
    push("--osl-stddev", "0");
    push("--extra-inputs", "ignore_eos:true");
    push("--extra-inputs", &format!("min_tokens:{output_tokens}"));
    push("--concurrency", &trial.key.concurrency.to_string());
    push("--request-count", &trial.requests.to_string());
    if trial.warmup > 0 {
        push("--warmup-request-count", &trial.warmup.to_string());
    }
    if let Some(seconds) = trial.ramp_seconds {
        push("--concurrency-ramp-duration", &format!("{seconds:.3}"));
    }
    push("--num-dataset-entries", &trial.requests.saturating_add(trial.warmup).to_string());
    push("--random-seed", &trial.seed.to_string());
    push("--cache-bust", "warmup-isolation-first-turn");
    push("--request-timeout-seconds", &trial.request_timeout_seconds.to_string());
    push("--goodput", &goodput(&spec.sla));
    push("--export-level", "records");
    push("--ui", "none");
    push("--artifact-dir", &artifacts.to_string_lossy());
    arguments.extend(["--streaming", "--use-server-token-count"].map(str::to_owned));
    // The tool looks for a DCGM exporter of its own accord; who wants the GPUs watched says where theirs is.
    let watches = |argument: &String| argument.split('=').next() == Some("--gpu-telemetry");
    arguments.extend((!extra.iter().any(watches)).then(|| "--no-gpu-telemetry".to_owned()));
    arguments.push("--no-server-metrics".to_owned());
    arguments.extend(extra.iter().cloned());
    arguments
}

/// The limits by which the tool counts good requests, for people who read its files.
fn goodput(sla: &Sla) -> String {
    let limits = [
        ("time_to_first_token", sla.ttft_limit()),
        ("inter_token_latency", sla.tpot_limit()),
        ("request_latency", sla.request_latency.clone()),
    ];
    let limits = limits.iter().filter_map(|(name, limit)| Some(format!("{name}:{}", limit.as_ref()?.milliseconds)));
    limits.collect::<Vec<_>>().join(" ")
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
    use crate::measurement::record::{Purpose, TrialKey};

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

    fn trial(warmup: u32) -> TrialPlan {
        TrialPlan {
            key: TrialKey { round: 1, concurrency: 12, purpose: Purpose::Ladder, number: 1, try_number: 1 },
            requests: 120,
            warmup,
            ramp_seconds: Some(3.5),
            seed: 1_234_567_890_123,
            request_timeout_seconds: 600,
        }
    }

    fn value<'a>(arguments: &'a [String], flag: &str) -> Option<&'a str> {
        arguments.iter().position(|argument| argument == flag).map(|place| arguments[place + 1].as_str())
    }

    #[test]
    fn one_trial_is_one_command_line() {
        let arguments =
            arguments(&spec(), &trial(24), "http://server:8000", Path::new("/w/level"), &spec().load.extra_arguments);
        let expected = "profile --model Qwen/Qwen3-32B --url http://server:8000 --endpoint-type chat \
             --tokenizer Qwen/Qwen3-32B --isl 4000 --isl-stddev 0 --osl 500 --osl-stddev 0 \
             --extra-inputs ignore_eos:true --extra-inputs min_tokens:500 --concurrency 12 --request-count 120 \
             --warmup-request-count 24 --concurrency-ramp-duration 3.500 --num-dataset-entries 144 --random-seed 1234567890123 \
             --cache-bust warmup-isolation-first-turn --request-timeout-seconds 600 \
             --goodput time_to_first_token:500 inter_token_latency:6.5 --export-level records --ui none \
             --artifact-dir /w/level --streaming --use-server-token-count --no-gpu-telemetry --no-server-metrics";
        assert_eq!(arguments.join(" "), expected);
    }

    #[test]
    fn gpus_are_watched_where_somebody_says_how() {
        let with = |extra: &[&str]| {
            let extra: Vec<String> = extra.iter().map(|argument| (*argument).to_owned()).collect();
            assert_eq!(refused(&extra), None);
            arguments(&spec(), &trial(0), "u", Path::new("/w"), &extra)
        };
        let off = "--no-gpu-telemetry".to_owned();
        assert!(with(&["--verbose"]).contains(&off));
        assert!(!with(&["--gpu-telemetry", "node-1:9400", "node-2:9400"]).contains(&off));
        assert!(!with(&["--gpu-telemetry=node-1:9400"]).contains(&off));
    }

    #[test]
    fn every_prompt_is_used_once() {
        let arguments = arguments(&spec(), &trial(24), "u", Path::new("/w"), &spec().load.extra_arguments);
        assert_eq!(value(&arguments, "--num-dataset-entries"), Some("144"));
    }

    #[test]
    fn without_warm_up_none_is_asked_for() {
        let arguments = arguments(&spec(), &trial(0), "u", Path::new("/w"), &[]);
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
        assert_eq!(value(&arguments(&spec, &trial(0), "u", Path::new("/w"), &[]), "--tokenizer"), Some(expected));
        assert_eq!(variables_to_remove(&spec).contains(&"HF_HUB_OFFLINE"), removed);
    }

    #[rstest]
    #[case(&["--header", "a:b", "c:d", "--verbose", "--workers-max", "8", "--api-key=-x="], None)]
    #[case(&["--workers-max", "8", "--concurrency", "5"], Some("--concurrency"))]
    #[case(&["--request-count=7"], Some("--request-count"))]
    #[case(&["--random_seed", "7"], Some("--random_seed"))]
    #[case(&["--workers-max", "8", "9"], Some("item 3, a value that belongs to no flag"))]
    #[case(&["--api-key", "a", "sk-1"], Some("item 3, a value that belongs to no flag"))]
    #[case(&["--verbose", "5"], Some("item 2, a value that belongs to no flag"))]
    #[case(&["--verbose=5"], Some("--verbose"))]
    #[case(&["prefill"], Some("item 1, a value that belongs to no flag"))]
    #[case(&["--"], Some("--"))]
    #[case(&["-c8"], Some("-c8"))]
    fn what_might_change_the_load_is_refused(#[case] extra: &[&str], #[case] expected: Option<&str>) {
        let extra: Vec<_> = extra.iter().map(|argument| (*argument).to_owned()).collect();
        let refused = refused(&extra);
        assert_eq!(refused.as_deref().and_then(|said| said.split(": remove it").next()), expected);
        if let Some(said) = refused {
            assert!(said.contains("allowed are --api-key, "), "{said}");
        }
    }

    /// Flags of the tool that change the load, most of them in ways that its result does not show.
    #[rstest]
    fn flags_that_change_the_load_are_refused(
        #[values(
            "--extra-inputs",
            "--concurrency-ramp-duration",
            "--arrival-pattern",
            "--user-centric-rate",
            "--isl-osl-pairs",
            "--sequence-distribution",
            "--prefix-prompt-length",
            "--request-cancellation-rate",
            "--adaptive-scale",
            "--network-latency-mean",
            "--profile-export-prefix",
            "--warmup-concurrency",
            "--goodput",
            "--tokenizer"
        )]
        flag: &str,
    ) {
        assert!(refused(&[flag.to_owned(), "1".to_owned()]).is_some());
        assert!(refused(&[format!("{flag}=1")]).is_some());
    }

    /// The schema refuses the same flags when the comparison is applied, before anything holds a GPU.
    #[test]
    fn the_schema_allows_the_same_flags() {
        let pattern = regex::Regex::new(crate::api::EXTRA_LOAD_ARGUMENT).unwrap();
        for flag in SETTINGS {
            assert!(pattern.is_match(flag) && pattern.is_match(&format!("{flag}=1")), "{flag}");
            assert!(!pattern.is_match(&format!("{flag}x")), "{flag}");
        }
        for flag in SWITCHES {
            assert!(pattern.is_match(flag) && !pattern.is_match(&format!("{flag}x")), "{flag}");
        }
        let allowed = crate::api::EXTRA_LOAD_ARGUMENT.split(['(', ')', '|']).filter(|part| {
            part.len() > 1 && *part != "--" && part.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
        });
        let allowed: Vec<String> = allowed.map(|name| format!("--{name}").replace("---", "-")).collect();
        let known: Vec<&&str> = SETTINGS.iter().chain(&SWITCHES).collect();
        assert!(allowed.iter().all(|flag| known.contains(&&flag.as_str())), "{allowed:?}");
        assert_eq!(allowed.len(), known.len(), "{allowed:?}");
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
