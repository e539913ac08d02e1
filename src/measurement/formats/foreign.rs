//! What a file is that is not a result, and what to give instead.

use super::aiperf::is_aggregate;
use super::format::has_key;

/// Something people have beside results: how it is known, and what to say of it.
struct Foreign {
    known: fn(&[u8]) -> bool,
    name: &'static str,
    cure: &'static str,
}

/// In the order in which they are tried.
const FOREIGN: &[Foreign] = &[
    Foreign {
        known: is_aggregate,
        name: "AIPerf's summary over several runs",
        cure: "give the runs themselves, or the directory that holds them",
    },
    Foreign {
        known: |text| all(text, &["experiments", "requests", "timestamp"]),
        name: "perf_analyzer's record of single requests",
        cure: "give the *_genai_perf.json beside it",
    },
    Foreign {
        known: |text| text.starts_with(b"Metric,"),
        name: "a CSV export of AIPerf or genai-perf",
        cure: "give the JSON beside it",
    },
    Foreign {
        known: |text| all(text, &["metadata", "metrics"]) && any(text, &["benchmark_phase", "record_processor_id"]),
        name: "AIPerf's records of single requests",
        cure: "give the profile_export_aiperf.json beside it, which takes them along",
    },
    Foreign {
        known: |text| all(text, &["mean_ttft_ms", "gpu_hours"]),
        name: "a prediction of AISimulate",
        cure: "give it with --prediction",
    },
    Foreign {
        known: |text| text.starts_with(b"model,isl,osl,") || text.starts_with(b"index,model,isl,osl,"),
        name: "a table of AIConfigurator",
        cure: "give its save directory with --prediction",
    },
    Foreign {
        // YAML, whose keys have no quotes.
        known: |text| ["scenario:", "metrics:", "time_per_output_token:"].iter().all(|key| contains(text, key)),
        name: "llm-d-benchmark's report v0.1",
        cure: "convert the load tool's own result to v0.2 (benchmark-report), or give that result",
    },
    Foreign {
        known: |text| all(text, &["apiVersion", "kind"]),
        name: "a Kubernetes object",
        cure: "give what the load tool wrote",
    },
    Foreign {
        known: |text| text.starts_with(b"PK\x03\x04") || text.starts_with(&[0x1f, 0x8b]),
        name: "an archive",
        cure: "name it .zip, .tar.gz or .gz, by what it is",
    },
];

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

fn all(text: &[u8], keys: &[&str]) -> bool {
    keys.iter().all(|key| has_key(text, key))
}

fn any(text: &[u8], keys: &[&str]) -> bool {
    keys.iter().any(|key| has_key(text, key))
}

/// What a file is, and what to give instead: `is a table of AIConfigurator; give its save directory with --prediction`.
pub fn named(beginning: &[u8]) -> Option<String> {
    let foreign = FOREIGN.iter().find(|foreign| (foreign.known)(beginning))?;
    Some(format!("is {}, not a result; {}", foreign.name, foreign.cure))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        r#"{"metadata": {"num_profile_runs": 3}}"#,
        "is AIPerf's summary over several runs, not a result; give the runs"
    )]
    #[case(r#"{"experiments": [{"requests": [{"timestamp": 1}]}]}"#, "is perf_analyzer's record of single requests")]
    #[case("Metric,avg,min\n", "is a CSV export of AIPerf or genai-perf, not a result; give the JSON beside it")]
    #[case("model,isl,osl,concurrency\n", "is a table of AIConfigurator, not a result")]
    #[case(
        r#"{"mean_ttft_ms": 3.0, "gpu_hours": 0.1}"#,
        "is a prediction of AISimulate, not a result; give it with --prediction"
    )]
    #[case(r#"{"apiVersion": "v1", "kind": "Pod"}"#, "is a Kubernetes object, not a result")]
    fn what_people_have_is_named_with_a_cure(#[case] text: &str, #[case] expected: &str) {
        let found = named(text.as_bytes()).unwrap();
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn anything_else_has_no_name() {
        assert_eq!(named(b"{\"tokens\": 3}"), None);
    }
}
